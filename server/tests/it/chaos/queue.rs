//! `kill -9` while callers wait, phones ring and agents talk.

use sandbox::Reaction;
use serde_json::{Value, json};
use testkit::{until, world::PATIENCE};

use crate::calls::{
    queue::{NUMBER, caller, queue, rung, set_status, status, until_agent, until_figures, until_waiting},
    world,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_no_agent_stuck_and_no_caller_without_a_record() {
    let mut world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let rings = world.agent_that("1002", Reaction::Rings).await.unwrap();
    let _away = world.agent("1003").await.unwrap();
    queue(&world, json!({ "ring_time": 60 }), &["1001", "1002", "1003"]).await;
    set_status(&world, "1003", "logged_out").await;
    let phone = caller(&world).await;
    // One talks, for one a phone rings, two wait.
    let mut calls = vec![phone.dial(NUMBER).unwrap()];
    rung(&agent).await;
    until_agent(&world, "1001", "in_call").await;
    calls.extend((0..3).map(|_| phone.dial(NUMBER).unwrap()));
    rung(&rings).await;
    let before = until_waiting(&world, 3).await;
    until_figures(&world, json!({ "offered": 4, "answered": 1 })).await;
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    for name in ["1001", "1002"] {
        until_agent(&world, name, "waiting").await;
    }
    until_agent(&world, "1003", "logged_out").await;
    assert_eq!(status(&world).await["waiting"], json!([]), "{before}");
    // Every caller has a record that says what became of him, and so does the ledger.
    let list = until("every record is written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == 4).then(|| reply.json["data"].as_array().cloned()).flatten()
    })
    .await
    .unwrap();
    for record in &list {
        assert_eq!(
            (&record["queue_name"], &record["hangup_cause"]),
            (&json!("support"), &json!("NORMAL_TEMPORARY_FAILURE"))
        );
        assert!(record["queue_wait_time"].is_i64(), "{record}");
        let uuid = record["uuid"].as_str().unwrap();
        assert_eq!(world.event("pbx.call.hangup", uuid).await.unwrap()["queue_name"], "support");
        world.event("pbx.cdr.created", uuid).await.unwrap();
    }
    let of = |result: &str| list.iter().filter(|record| record["result"] == result).collect::<Vec<&Value>>();
    assert_eq!((of("answered").len(), of("abandoned").len()), (1, 3), "{list:?}");
    assert_eq!(of("answered")[0]["agent_extension"], "1001", "{list:?}");
    let figures = json!({ "offered": 4, "answered": 1, "abandoned": 3, "overflowed": 0 });
    let seen = until_figures(&world, figures).await;
    assert_eq!(seen["abandoned"].as_array().map(Vec::len), Some(3), "whoever was lost can be called back: {seen}");
    // The agents take the next caller.
    let _again = phone.dial(NUMBER).unwrap();
    until_agent(&world, "1001", "in_call").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_is_promised_beyond_a_kill() {
    let mut world = world().await;
    let agent = world.agent("1001").await.unwrap();
    queue(&world, json!({ "callback_key": "1" }), &["1001"]).await;
    set_status(&world, "1001", "on_break").await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    assert!(call.up(PATIENCE).await);
    until_waiting(&world, 1).await;
    call.press("1");
    assert!(call.over(PATIENCE).await.is_some());
    until_figures(&world, json!({ "offered": 1, "callbacks_asked": 1, "abandoned": 0 })).await;
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    let seen = until_waiting(&world, 1).await;
    assert_eq!((&seen["waiting"][0]["callback"], &seen["waiting"][0]["caller_number"]), (&json!(true), &json!("2001")));
    set_status(&world, "1001", "available").await;
    rung(&agent).await;
    rung(&phone).await;
    until_agent(&world, "1001", "in_call").await;
    until_figures(&world, json!({ "offered": 1, "callbacks_asked": 1, "callbacks_done": 1, "abandoned": 0 })).await;
}
