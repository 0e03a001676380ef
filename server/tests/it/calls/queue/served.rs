//! A caller is served: the call, its events, its record, the agent's time for notes, the service level.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_talks_with_the_agent_who_answers_and_the_agent_has_time_for_notes() {
    let world = world().await;
    let busy = world.agent_that("1001", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let agent = world.agent("1002").await.unwrap();
    queue(&world, json!({ "wrap_up_time": 2 }), &["1001", "1002"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let taken = rung(&agent).await;
    hears(&call, Voice::of_agent("1002")).await;
    hears(&taken, Voice::of_agent("2001")).await;
    assert_eq!(busy.calls().len(), 1, "the first agent was rung once");
    until_agent(&world, "1002", "in_call").await;
    until_agent(&world, "1001", "resting").await;
    let live = world.crm().get("/api/pbx/calls").await.unwrap().json;
    assert_eq!((&live["total"], &live["data"][0]["queue"]), (&json!(1), &json!("support")), "{live}");
    // Nobody is free: the next caller waits until the notes are written.
    let second = phone.dial(NUMBER).unwrap();
    until_waiting(&world, 1).await;
    call.hang_up();
    until_agent(&world, "1002", "wrap_up").await;
    assert!(taken.over(PATIENCE).await.is_some());
    until_waiting(&world, 1).await;
    let next = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    hears(&next, Voice::of_agent("2001")).await;
    next.hang_up();
    assert!(second.over(PATIENCE).await.is_some());
    let seen = until_figures(&world, json!({ "offered": 2, "answered": 2, "abandoned": 0, "overflowed": 0 })).await;
    assert_eq!((&seen["waiting_count"], &seen["service_level"]["percent"]), (&json!(0), &json!(100.0)), "{seen}");
    for record in records(&world, 2).await {
        assert_eq!(
            (&record["queue_name"], &record["agent_extension"]),
            (&json!("support"), &json!("1002")),
            "{record}"
        );
        assert_eq!(record["result"], "answered", "{record}");
        assert!(record["queue_wait_time"].is_i64() && record["answer_time"].is_string(), "{record}");
        let uuid = record["uuid"].as_str().unwrap();
        for event in ["pbx.call.answered", "pbx.call.hangup", "pbx.cdr.created"] {
            assert_eq!(world.event(event, uuid).await.unwrap()["queue_name"], "support", "{event}");
        }
        let ringing = |name: &str| {
            let of_agent = |d: &&std::sync::Arc<sandbox::receiver::Delivery>| {
                d.event() == "pbx.call.ringing" && d.call_uuid().as_deref() == Some(uuid)
            };
            let told = world
                .receiver
                .deliveries()
                .iter()
                .filter(of_agent)
                .map(|d| d.json()["data"].clone())
                .collect::<Vec<_>>();
            told.into_iter().find(|data| data["extension"] == name)
        };
        assert_eq!(ringing("1002").unwrap()["queue_name"], "support");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_level_is_the_share_of_those_who_were_answered_in_time() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    agent.set_reaction(quick("1001"));
    queue(&world, json!({ "service_level_seconds": 1, "wrap_up_time": 0 }), &["1001"]).await;
    let phone = caller(&world).await;
    // One in time, one too late, one who gives up.
    let first = phone.dial(NUMBER).unwrap();
    rung(&agent).await;
    hears(&first, Voice::of_agent("1001")).await;
    let second = phone.dial(NUMBER).unwrap();
    let third = phone.dial(NUMBER).unwrap();
    until("the waits are long", PATIENCE, async || {
        (status(&world).await["longest_wait"].as_i64() >= Some(2)).then_some(())
    })
    .await
    .unwrap();
    third.hang_up();
    until_waiting(&world, 1).await;
    first.hang_up();
    hears(&second, Voice::of_agent("1001")).await;
    second.hang_up();
    let seen =
        until_figures(&world, json!({ "offered": 3, "answered": 2, "answered_in_time": 1, "abandoned": 1 })).await;
    assert_eq!(seen["service_level"]["percent"].as_f64().map(f64::round), Some(33.0), "{seen}");
    let results: Vec<Value> = records(&world, 3).await.into_iter().map(|record| record["result"].clone()).collect();
    assert_eq!(results.iter().filter(|result| *result == "abandoned").count(), 1, "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_on_hold_is_seen_so_and_hands_the_caller_on() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let other = world.agent("1003").await.unwrap();
    queue(&world, json!({ "wrap_up_time": 1 }), &["1001"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let taken = rung(&agent).await;
    hears(&call, Voice::of_agent("1001")).await;
    taken.hold();
    until_agent(&world, "1001", "on_hold").await;
    taken.resume();
    until_agent(&world, "1001", "in_call").await;
    // Handing the caller on ends the agent's part, not the call.
    taken.refer_to("1003", "127.0.0.1");
    hears(&call, Voice::of_agent("1003")).await;
    until_agent(&world, "1001", "waiting").await;
    rung(&other).await.hang_up();
    assert!(call.over(PATIENCE).await.is_some());
    let record = records(&world, 1).await.remove(0);
    assert_eq!((&record["queue_name"], &record["transfer_count"]), (&json!("support"), &json!(1)), "{record}");
    assert_eq!((&record["result"], &record["agent_extension"]), (&json!("answered"), &json!("1003")), "{record}");
    until_figures(&world, json!({ "offered": 1, "answered": 1, "abandoned": 0, "overflowed": 0 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queues_template_has_its_calls_recorded_and_names_the_file() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    agent.set_reaction(quick("1001"));
    let template = "$${recordings_dir}/${queue}-${agent}-${caller_id_number}.${uuid}.wav";
    queue(&world, json!({ "recording_template": template, "wrap_up_time": 0 }), &["1001"]).await;
    let phone = caller(&world).await;
    for extension in ["1001", "2001"] {
        let path = format!("/api/pbx/extensions/{extension}");
        world.crm().put(&path, &json!({ "recording_mode": "none" })).await.unwrap();
    }
    tokio::time::sleep(testkit::world::NOTICED).await;
    let call = phone.dial(NUMBER).unwrap();
    hears(&call, Voice::of_agent("1001")).await;
    call.hang_up();
    let record = records(&world, 1).await.remove(0);
    let uuid = record["uuid"].as_str().unwrap();
    world.event("pbx.cdr.created", uuid).await.unwrap();
    let reply = world.crm().get(&format!("/api/pbx/cdr/{uuid}/recording")).await.unwrap();
    let target = reply.header("location");
    let sound = world.crm().get(&target[target.find("/recordings/").unwrap()..]).await.unwrap();
    let named = format!("inline; filename=\"support-1001-2001.{uuid}.wav\"");
    assert_eq!((sound.status, sound.header("content-disposition")), (200, &named[..]));
}
