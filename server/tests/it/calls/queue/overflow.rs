//! Callers whom the queue sends elsewhere: they waited too long, nobody was there, they pressed the key.

use super::*;

async fn after(fields: Value, leaves: impl AsyncFnOnce(&World, &Call)) {
    let world = world().await;
    let rings = world.agent_that("1001", Reaction::Rings).await.unwrap();
    let other = world.agent("1003").await.unwrap();
    let mut body = json!({ "overflow_kind": "extension", "overflow_target": "1003" });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    queue(&world, body, &["1001"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    assert!(call.up(PATIENCE).await);
    until_waiting(&world, 1).await;
    leaves(&world, &call).await;
    let taken = rung(&other).await;
    hears(&taken, Voice::of_agent("2001")).await;
    hears(&call, Voice::of_agent("1003")).await;
    // Whoever rang for the caller stopped.
    until("the agent's phone is silent", PATIENCE, async || rings.calls().iter().all(Call::is_over).then_some(()))
        .await
        .unwrap();
    call.hang_up();
    until_figures(&world, json!({ "offered": 1, "answered": 0, "abandoned": 0, "overflowed": 1 })).await;
    let record = records(&world, 1).await.remove(0);
    assert_eq!((&record["result"], &record["agent_extension"]), (&json!("answered"), &json!("1003")), "{record}");
    assert!(record["queue_name"] == "support" && record["queue_wait_time"].is_i64(), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_too_long_goes_where_the_queue_overflows() {
    after(json!({ "max_wait_time": 2 }), async |_, _| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_presses_the_key_goes_where_the_queue_overflows() {
    after(json!({ "exit_key": "0" }), async |_, call| call.press("50")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_nobody_goes_where_the_queue_overflows() {
    let fields = json!({ "max_wait_time_with_no_agent": 1, "max_wait_time_with_no_agent_time_reached": "overflow" });
    after(fields, async |world, _| set_status(world, "1001", "logged_out").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_nobody_is_let_go_where_the_queue_says_so() {
    let world = world().await;
    queue(&world, json!({ "max_wait_time_with_no_agent": 1 }), &[]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let ending = call.over(PATIENCE).await.unwrap();
    assert!(ending.answered, "{ending:?}");
    let record = records(&world, 1).await.remove(0);
    // Nobody hung up waiting: the queue let the caller go.
    let told = (&record["result"], &record["hangup_by"], &record["queue_wait_time"]);
    assert_eq!(told, (&json!("no_answer"), &json!("system"), &json!(1)), "{record}");
    until_figures(&world, json!({ "offered": 1, "answered": 0, "abandoned": 0, "overflowed": 1 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_queue_into_the_next_the_record_is_of_the_one_that_answered() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    another(&world, "second", "8002", json!({}), &["1001"]).await;
    queue(&world, json!({ "max_wait_time": 1, "overflow_kind": "queue", "overflow_target": "second" }), &[]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    rung(&agent).await;
    hears(&call, Voice::of_agent("1001")).await;
    call.hang_up();
    let record = records(&world, 1).await.remove(0);
    assert_eq!((&record["queue_name"], &record["result"]), (&json!("second"), &json!("answered")), "{record}");
    until_figures(&world, json!({ "offered": 1, "overflowed": 1, "abandoned": 0 })).await;
    let seen = world.crm().get("/api/pbx/queues/second/status").await.unwrap().json;
    assert_eq!(
        (&seen["data"]["today"]["offered"], &seen["data"]["today"]["answered"]),
        (&json!(1), &json!(1)),
        "{seen}"
    );
}
