//! A supervisor who listens, whispers and barges in.

use sandbox::{Call, Voice};
use serde_json::{Value, json};
use testkit::{World, until, world::PATIENCE};

use super::world;

const CUSTOMER: &str = "84281234578";

async fn hears(party: &Call, voice: Voice) {
    until("the party hears the voice", PATIENCE, async || (party.heard_voice_lately() == Some(voice)).then_some(()))
        .await
        .unwrap();
}

async fn supervise(world: &World, call: &str, mode: &str) -> (u16, Value) {
    let path = format!("/api/pbx/calls/{call}/supervise");
    let reply = world.crm().post(&path, &json!({ "extension": "1009", "mode": mode })).await.unwrap();
    (reply.status, reply.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_hears_the_call_and_leaves_it_as_it_was() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let supervisor = world.agent("1009").await.unwrap();
    let call = world.click("1001", CUSTOMER).await.unwrap();
    let (status, body) = supervise(&world, &call, "peek").await;
    assert_eq!(status, 422, "{body}");
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    let far = world.carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    let (status, body) = supervise(&world, &call, "listen").await;
    assert_eq!(status, 202, "{body}");
    let third = supervisor.call(PATIENCE, |_| true).await.unwrap();
    assert!(third.up(PATIENCE).await);
    until("the supervisor hears the call", PATIENCE, async || (third.heard().len() > 16_000).then_some(()))
        .await
        .unwrap();
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    assert_eq!(supervise(&world, &call, "whisper").await.0, 202);
    assert_eq!(supervise(&world, &call, "barge").await.0, 202);
    third.hang_up();
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    near.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!(cdr["legs"].as_array().map(Vec::len), Some(3), "{cdr}");
    assert_eq!(cdr["legs"][2]["side"], "third", "{cdr}");
}
