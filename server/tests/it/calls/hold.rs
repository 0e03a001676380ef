//! Hold: by the API and by phones; what the other side hears meanwhile.

use sandbox::Call;
use serde_json::json;
use testkit::{World, until, world::PATIENCE};

use super::{
    talk::{CUSTOMER, Talk, both_hear, hears_music, talking},
    world,
};

/// Waits for half a second of one party's music; the other's stream stands still meanwhile.
async fn hears_nothing_while(near: &Call, far: &Call) {
    let (still, before) = (near.heard().len(), far.heard().len());
    until("the music goes on", PATIENCE, async || (far.heard().len() >= before + 4_000).then_some(())).await.unwrap();
    let more = near.heard().len() - still;
    assert!(more < 1_600, "{more} samples reached who put the other on hold");
}

async fn post(world: &World, call: &str, what: &str) -> (u16, serde_json::Value) {
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/{what}"), &json!({})).await.unwrap();
    (reply.status, reply.json)
}

async fn state(world: &World, call: &str) -> String {
    let reply = world.crm().get(&format!("/api/pbx/calls/{call}")).await.unwrap();
    reply.json["data"]["state"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_puts_the_customer_on_hold_and_takes_him_back() {
    let world = world().await;
    let Talk { call, near, far, agent: _agent } = talking(&world).await;
    let (status, body) = post(&world, &call, "hold").await;
    assert_eq!((status, &body["data"]["status"]), (202, &"held".into()), "{body}");
    hears_music(&far).await;
    assert_eq!(state(&world, &call).await, "held");
    hears_nothing_while(&near, &far).await;
    let (status, body) = post(&world, &call, "hold").await;
    assert_eq!((status, &body["code"]), (409, &"pbx.call_state".into()), "{body}");
    assert_eq!(post(&world, &call, "unhold").await.0, 202);
    both_hear(&near, &far, CUSTOMER).await;
    assert_eq!(post(&world, &call, "unhold").await.0, 409);
    far.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["result"], &cdr["transfer_count"]), (&"answered".into(), &0.into()), "{cdr}");
    // The record is there a moment before the call has left the live ones.
    until("the call is unknown", PATIENCE, async || (post(&world, &call, "hold").await.0 == 404).then_some(()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_puts_the_customer_on_hold_and_takes_him_back() {
    let world = world().await;
    let Talk { call, near, far, agent: _agent } = talking(&world).await;
    near.hold();
    hears_music(&far).await;
    assert_eq!(state(&world, &call).await, "held");
    near.resume();
    both_hear(&near, &far, CUSTOMER).await;
    assert_eq!(state(&world, &call).await, "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_pressed_by_the_api_reach_the_customer() {
    let world = world().await;
    let Talk { call, near: _near, far, agent: _agent } = talking(&world).await;
    let path = format!("/api/pbx/calls/{call}/dtmf");
    let reply = world.crm().post(&path, &json!({ "digits": "42#" })).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    until("the keys arrive", PATIENCE, async || (far.keys() == "42#").then_some(())).await.unwrap();
    let reply = world.crm().post(&path, &json!({ "digits": "4x" })).await.unwrap();
    assert_eq!(reply.status, 422, "{}", reply.json);
}
