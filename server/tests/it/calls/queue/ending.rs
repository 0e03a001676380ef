//! A caller who hangs up: nobody is rung any more, and the place is kept for a while.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_that_rings_is_let_go_when_the_caller_hangs_up() {
    let world = world().await;
    let names: Vec<String> = (1001..=1012).map(|number| number.to_string()).collect();
    let mut agents = Vec::new();
    for name in &names {
        agents.push(world.agent_that(name, Reaction::Rings).await.unwrap());
    }
    let numbers: Vec<&str> = names.iter().map(String::as_str).collect();
    queue(&world, json!({ "strategy": "ring-all" }), &numbers).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let mut ringing = Vec::new();
    for agent in &agents {
        ringing.push(rung(agent).await);
    }
    call.hang_up();
    for call in &ringing {
        assert!(call.over(PATIENCE).await.is_some_and(|ending| !ending.answered));
    }
    let record = records(&world, 1).await.remove(0);
    assert_eq!((&record["result"], &record["queue_name"]), (&json!("abandoned"), &json!("support")), "{record}");
    assert_eq!((&record["hangup_by"], &record["agent_extension"]), (&json!("caller"), &Value::Null), "{record}");
    let uuid = record["uuid"].as_str().unwrap();
    let told = world.event("pbx.call.hangup", uuid).await.unwrap();
    assert_eq!((&told["result"], &told["queue_name"]), (&json!("abandoned"), &json!("support")), "{told}");
    // By the server's own clock: the caller's leg and the last of the agents'.
    assert!(record["legs"].as_array().unwrap().len() == 13 && spread(&record) <= 200, "{record}");
    let seen = until_figures(&world, json!({ "offered": 1, "answered": 0, "abandoned": 1 })).await;
    assert_eq!(seen["abandoned"][0]["caller_number"], "2001", "{seen}");
    for name in &names {
        until_agent(&world, name, "waiting").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hung_up_and_comes_back_has_the_old_place() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    agent.set_reaction(quick("1001"));
    queue(&world, json!({ "abandoned_resume_allowed": true, "discard_abandoned_after": 60 }), &["1001"]).await;
    set_status(&world, "1001", "on_break").await;
    let (first, second) = (caller(&world).await, world.agent("2002").await.unwrap());
    let call = first.dial(NUMBER).unwrap();
    until_waiting(&world, 1).await;
    let other = second.dial(NUMBER).unwrap();
    until_waiting(&world, 2).await;
    call.hang_up();
    until_waiting(&world, 1).await;
    let again = first.dial(NUMBER).unwrap();
    let seen = until_waiting(&world, 2).await;
    let order = [&seen["waiting"][0]["caller_number"], &seen["waiting"][1]["caller_number"]];
    assert_eq!(order, ["2001", "2002"], "{seen}");
    set_status(&world, "1001", "available").await;
    hears(&again, Voice::of_agent("1001")).await;
    assert_ne!(other.heard_voice_lately(), Some(Voice::of_agent("1001")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whom_somebody_else_picks_up_has_not_hung_up() {
    let world = world().await;
    let agent = world.agent_that("1001", Reaction::Rings).await.unwrap();
    let colleague = world.agent("1003").await.unwrap();
    queue(&world, json!({}), &["1001"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let ringing = rung(&agent).await;
    let picked = until("the call is picked up", PATIENCE, async || {
        let picked = colleague.dial("*81001").unwrap();
        picked.up(Duration::from_secs(2)).await.then_some(picked)
    })
    .await
    .unwrap();
    hears(&call, Voice::of_agent("1003")).await;
    hears(&picked, Voice::of_agent("2001")).await;
    assert!(ringing.over(PATIENCE).await.is_some_and(|ending| !ending.answered));
    until_agent(&world, "1001", "waiting").await;
    call.hang_up();
    until_figures(&world, json!({ "offered": 1, "answered": 0, "abandoned": 0, "overflowed": 1 })).await;
    let all = records(&world, 1).await;
    assert_eq!((&all[0]["result"], &all[0]["queue_name"]), (&json!("answered"), &json!("support")), "{all:?}");
}
