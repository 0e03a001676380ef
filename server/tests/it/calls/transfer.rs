//! Transfers: who talks with whom afterwards, and what the record says.

use sandbox::{Agent, Call, Reaction, Voice};
use serde_json::{Value, json};
use testkit::{World, until, world::PATIENCE};

use super::{
    talk::{CUSTOMER, Talk, hears, joined, talking},
    world,
};

async fn transfer(world: &World, call: &str, body: Value) -> (u16, Value) {
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/transfer"), &body).await.unwrap();
    (reply.status, reply.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_hands_the_customer_on_and_the_call_keeps_its_uuid() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let (status, body) = transfer(&world, &call, json!({ "to": "1002" })).await;
    assert_eq!(status, 202, "{body}");
    let taken = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&far, Voice::of_agent("1002")).await;
    hears(&taken, Voice::of_customer(CUSTOMER)).await;
    assert!(near.over(PATIENCE).await.is_some(), "who handed the call on is free");
    // The first agent can be called again while the call goes on.
    let other = agent.dial("1002").unwrap();
    drop(other);
    far.hang_up();
    assert!(taken.over(PATIENCE).await.is_some());
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["result"]), (&1.into(), &"answered".into()), "{cdr}");
    assert_eq!((&cdr["extension_number"], &cdr["agent_extension"]), (&"1001".into(), &"1002".into()), "{cdr}");
    let legs = cdr["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 3, "{cdr}");
    assert!(legs.iter().all(|leg| leg["ended_at"].is_string()), "{cdr}");
    assert_eq!(world.events_of(&call).iter().filter(|name| *name == "pbx.call.answered").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_to_a_busy_phone_gives_the_customer_back() {
    let world = world().await;
    let Talk { call, near, far, agent: _agent } = talking(&world).await;
    let _busy = world.agent_that("1002", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let (status, body) = transfer(&world, &call, json!({ "to": "1002", "mode": "blind" })).await;
    assert_eq!(status, 202, "{body}");
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    assert!(!near.is_over() && !far.is_over());
    let (status, body) = transfer(&world, &call, json!({ "to": "*9" })).await;
    assert_eq!((status, &body["code"]), (409, &"pbx.unreachable".into()), "{body}");
    near.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!(cdr["transfer_count"], 0, "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_asks_before_handing_the_customer_on() {
    let world = world().await;
    let Talk { call, near, far, agent: _agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let (status, body) = transfer(&world, &call, json!({ "to": "1002", "mode": "attended" })).await;
    assert_eq!(status, 202, "{body}");
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&near, Voice::of_agent("1002")).await;
    hears(&asked, Voice::of_agent("1001")).await;
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/transfer/complete"), &json!({})).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    hears(&far, Voice::of_agent("1002")).await;
    hears(&asked, Voice::of_customer(CUSTOMER)).await;
    assert!(near.over(PATIENCE).await.is_some());
    asked.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_asks_and_keeps_the_customer() {
    let world = world().await;
    let Talk { call, near, far, agent: _agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    transfer(&world, &call, json!({ "to": "1002", "mode": "attended" })).await;
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&near, Voice::of_agent("1002")).await;
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/transfer/cancel"), &json!({})).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    assert!(asked.over(PATIENCE).await.is_some());
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    near.hang_up();
    assert_eq!(world.cdr(&call).await.unwrap()["transfer_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_cannot_be_handed_on_before_it_was_answered_nor_by_a_stranger() {
    let world = world().await;
    let _agent = world.agent_that("1001", Reaction::Rings).await.unwrap();
    let call = world.click("1001", CUSTOMER).await.unwrap();
    let (status, body) = transfer(&world, &call, json!({ "to": "1002" })).await;
    assert_eq!(status, 409, "{body}");
    let (status, body) = transfer(&world, &call, json!({ "to": "1 2", "mode": "later" })).await;
    assert_eq!((status, body["errors"].as_object().map(serde_json::Map::len)), (422, Some(2)), "{body}");
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(transfer(&world, nobody, json!({ "to": "1002" })).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_hands_the_customer_on_by_refer_and_is_told_how_it_went() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    near.refer_to("1002", "127.0.0.1");
    let taken = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&far, Voice::of_agent("1002")).await;
    hears(&taken, Voice::of_customer(CUSTOMER)).await;
    assert_eq!(near.referred(PATIENCE).await, Some(200));
    assert!(near.over(PATIENCE).await.is_some());
    far.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refer_to_a_busy_phone_gives_the_customer_back() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let _busy = world.agent_that("1002", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    near.refer_to("1002", "127.0.0.1");
    assert_eq!(near.referred(PATIENCE).await, Some(486));
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    near.hang_up();
    assert_eq!(world.cdr(&call).await.unwrap()["transfer_count"], 0);
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_asks_in_a_call_of_its_own_and_joins_the_two() {
    let world = world().await;
    let talk = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let (asks, asked) = joined(&talk, &second).await;
    let Talk { call, near, far, agent: _agent } = talk;
    hears(&asked, Voice::of_customer(CUSTOMER)).await;
    assert!(near.over(PATIENCE).await.is_some() && asks.over(PATIENCE).await.is_some());
    asked.hang_up();
    assert!(far.over(PATIENCE).await.is_some(), "nobody is left behind");
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    until("no call is up", PATIENCE, async || {
        let live = world.crm().get("/api/pbx/calls").await.ok()?;
        (live.json["total"] == 0).then_some(())
    })
    .await
    .unwrap();
}

/// Registers a phone of an extension that has a mailbox.
async fn with_mailbox(world: &World, extension: &str, reaction: Option<Reaction>) -> Agent {
    let fields = json!({ "extension_number": extension, "voicemail_enabled": true });
    let password = world.server.extension_with(&fields).await.unwrap();
    let config = sandbox::agent::Config::new(extension, &password, world.server.sip());
    let agent = Agent::register(config, world.media.clone()).await.unwrap();
    if let Some(reaction) = reaction {
        agent.set_reaction(reaction);
    }
    agent
}

/// Waits until a message is being recorded, and returns whose mailbox it is for.
async fn mailbox_in_use(world: &World) -> String {
    let query = "select state, extension_number from voicemail_message";
    until("a message is being recorded", PATIENCE, async || {
        let rows = world.server.database().rows(&world.server.data_folder(), query).await.ok()?;
        rows.into_iter().next().map(|(_, extension)| extension)
    })
    .await
    .unwrap()
}

/// Has 1003 talk with 1001, who asks 1002 while that one only rings. All have mailboxes, 1002 perhaps.
async fn asking(world: &World, second_has_mailbox: bool) -> (String, [Agent; 3], [Call; 2]) {
    let first = with_mailbox(world, "1001", None).await;
    let second = match second_has_mailbox {
        true => with_mailbox(world, "1002", Some(Reaction::Rings)).await,
        false => world.agent_that("1002", Reaction::Rings).await.unwrap(),
    };
    let customer = with_mailbox(world, "1003", None).await;
    let far = customer.dial("1001").unwrap();
    let near = first.call(PATIENCE, |_| true).await.unwrap();
    hears(&far, Voice::of_agent("1001")).await;
    let live = world.crm().get("/api/pbx/calls").await.unwrap().json;
    let call = live["data"][0]["call_uuid"].as_str().unwrap().to_owned();
    let (status, body) = transfer(world, &call, json!({ "to": "1002", "mode": "attended" })).await;
    assert_eq!(status, 202, "{body}");
    assert!(second.call(PATIENCE, |_| true).await.is_some());
    (call, [first, second, customer], [near, far])
}

/// Whoever is asked does not answer: the caller goes where calls go that nobody takes there, not where the first call went.
#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_while_the_other_rings_leaves_the_caller_to_the_others_mailbox() {
    let world = world().await;
    let (call, _agents, [near, far]) = asking(&world, true).await;
    near.hang_up();
    assert_eq!(mailbox_in_use(&world).await, "1002");
    far.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!(cdr["transfer_count"], 1, "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_completed_while_it_rings_comes_back_and_one_that_is_refused_meanwhile_changes_nothing() {
    let world = world().await;
    let (call, _agents, [near, far]) = asking(&world, false).await;
    for to in ["1003", "*700"] {
        near.refer_to(to, "127.0.0.1");
        assert_eq!(near.referred(PATIENCE).await, Some(480), "somebody is being asked");
    }
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/transfer/complete"), &json!({})).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    hears(&near, Voice::of_agent("1003")).await;
    hears(&far, Voice::of_agent("1001")).await;
    near.hang_up();
    assert_eq!(world.cdr(&call).await.unwrap()["transfer_count"], 0);
}

/// Each of two calls is told to take a leg of the other: one of them does, and they are one.
#[tokio::test(flavor = "multi_thread")]
async fn two_calls_that_are_to_be_joined_crosswise_are_joined_once() {
    let world = world().await;
    let Talk { near, far, agent, .. } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let asks = agent.dial("1002").unwrap();
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&asks, Voice::of_agent("1002")).await;
    near.refer_to_call(&asks);
    asks.refer_to_call(&near);
    hears(&far, Voice::of_agent("1002")).await;
    hears(&asked, Voice::of_customer(CUSTOMER)).await;
    assert!(near.over(PATIENCE).await.is_some() && asks.over(PATIENCE).await.is_some());
    assert!(!far.is_over() && !asked.is_over());
}
