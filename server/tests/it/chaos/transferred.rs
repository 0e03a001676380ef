//! `kill -9` in the middle of calls that were handed on, are held, parked or in a conference: no leg lives on, and every
//! record says what had happened.

use std::time::Duration;

use sandbox::{Call, Voice};
use serde_json::{Value, json};
use testkit::{World, until, world::PATIENCE};

use crate::calls::{
    talk::{Talk, hears, hears_music, joined, talking},
    world,
};

async fn post(world: &World, call: &str, what: &str, body: &Value) {
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/{what}"), body).await.unwrap();
    assert_eq!(reply.status, 202, "{what}: {}", reply.json);
}

/// Waits until the journal names that many dialogs of the call and this agent, which is when a crash may come.
async fn journalled(world: &World, call: &str, dialogs: usize, agent: &str) {
    let query = "select coalesce(agent_extension, '') || ' ' || call_uuid, coalesce(dialogs, '') from call";
    until("the journal knows the call", PATIENCE, async || {
        let rows = world.server.database().rows(&world.server.data_folder(), query).await.ok()?;
        let (_, known) = rows.into_iter().find(|(key, _)| *key == format!("{agent} {call}"))?;
        let known: Vec<String> = serde_json::from_str(&known).ok()?;
        (known.len() == dialogs).then_some(())
    })
    .await
    .unwrap();
}

async fn crash(world: &mut World, legs: &[&Call]) {
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    for (at, leg) in legs.iter().enumerate() {
        assert!(leg.over(Duration::from_secs(40)).await.is_some(), "leg {at} lives on");
    }
}

fn assert_cut(cdr: &Value) {
    assert_eq!(
        (&cdr["result"], &cdr["hangup_cause"]),
        (&"answered".into(), &"NORMAL_TEMPORARY_FAILURE".into()),
        "{cdr}"
    );
    assert_eq!(cdr["hangup_by"], "system", "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_handed_on_ends_with_its_record() {
    let mut world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    post(&world, &call, "transfer", &json!({ "to": "1002" })).await;
    let taken = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&far, Voice::of_agent("1002")).await;
    assert!(near.over(PATIENCE).await.is_some());
    journalled(&world, &call, 2, "1002").await;
    crash(&mut world, &[&far, &taken]).await;
    let cdr = world.cdr(&call).await.unwrap();
    assert_cut(&cdr);
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    assert_eq!(cdr["legs"].as_array().map(Vec::len), Some(3), "{cdr}");
    drop((agent, second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_hold_while_the_agent_asks_ends_on_all_three_sides() {
    let mut world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    post(&world, &call, "transfer", &json!({ "to": "1002", "mode": "attended" })).await;
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&asked, Voice::of_agent("1001")).await;
    hears_music(&far).await;
    journalled(&world, &call, 3, "1001").await;
    crash(&mut world, &[&near, &far, &asked]).await;
    let cdr = world.cdr(&call).await.unwrap();
    assert_cut(&cdr);
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&0.into(), &"1001".into()), "{cdr}");
    drop((agent, second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_call_ends_with_its_record() {
    let mut world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    near.hold();
    hears_music(&far).await;
    journalled(&world, &call, 2, "1001").await;
    crash(&mut world, &[&near, &far]).await;
    assert_cut(&world.cdr(&call).await.unwrap());
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_that_became_one_end_with_one_record_each() {
    let mut world = world().await;
    let talk = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let (asks, asked) = joined(&talk, &second).await;
    let Talk { call, near, far, agent: _agent } = talk;
    journalled(&world, &call, 2, "1002").await;
    crash(&mut world, &[&far, &asked, &near, &asks]).await;
    let cdr = world.cdr(&call).await.unwrap();
    assert_cut(&cdr);
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    let all = world.crm().get("/api/pbx/cdr").await.unwrap().json;
    assert_eq!(all["total"], 2, "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_conference_are_let_go() {
    let mut world = world().await;
    let (one, two) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    let (first, second) = (one.dial("*305").unwrap(), two.dial("*305").unwrap());
    hears(&first, Voice::of_agent("1002")).await;
    hears(&second, Voice::of_agent("1001")).await;
    crash(&mut world, &[&first, &second]).await;
    let all = world.crm().get("/api/pbx/cdr").await.unwrap().json;
    assert_eq!(all["total"], 2, "{all}");
    let live = world.crm().get("/api/pbx/calls").await.unwrap().json;
    assert_eq!(live["total"], 0, "{live}");
}
