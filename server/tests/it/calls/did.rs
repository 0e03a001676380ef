//! Calls from outside: where the number leads that was called.

use sandbox::{Call, Carrier, Voice, carrier};
use serde_json::json;
use sip::Destination;
use testkit::{World, world::PATIENCE};

use super::{
    queue::{self, until_waiting},
    set,
    talk::{all_over, hears},
    world,
};

/// Where the carrier is from which customers call.
const CARRIER: &str = "127.6.6.12";
const DID: &str = "02873001234";
const CUSTOMER: &str = "0901234567";

/// A second carrier, whose calls to the number lead to `to`.
async fn carrier(world: &World, to: &str) -> Carrier {
    let config = carrier::Config { listen: format!("{CARRIER}:0").parse().unwrap(), ..carrier::Config::on_loopback() };
    let carrier = Carrier::open(config, world.media.clone()).await.unwrap();
    let port = carrier.address().port().to_string();
    let create = ["trunk", "create", "--name", "second", "--host", CARRIER, "--port", &port, "--sources", CARRIER];
    let trunk = world.server.admin(&create).await.unwrap()["id"].to_string();
    set(world, &["route", "create", "--did", DID, "--to", to, "--trunk-id", &trunk]).await;
    carrier
}

fn calls(world: &World, carrier: &Carrier) -> Call {
    carrier.dial(Destination::udp(world.server.sip()), DID, CUSTOMER).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_leads_to_a_queue_whose_agent_talks_with_the_customer() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    queue::queue(&world, json!({ "wrap_up_time": 0 }), &["1001"]).await;
    let carrier = carrier(&world, "queue:support").await;
    queue::set_status(&world, "1001", "on_break").await;
    let far = calls(&world, &carrier);
    assert!(far.up(PATIENCE).await, "the queue answers");
    let waits = until_waiting(&world, 1).await;
    assert_eq!(waits["waiting"][0]["caller_number"], CUSTOMER, "{waits}");
    queue::set_status(&world, "1001", "available").await;
    let near = agent.call(PATIENCE, |near| !near.is_over()).await.unwrap();
    assert_eq!(near.about().caller, CUSTOMER, "the agent sees who calls");
    hears(&far, Voice::of_agent("1001")).await;
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    far.hang_up();
    assert!(near.over(PATIENCE).await.is_some());
    all_over(&world).await;
    let created = world.receiver.wait_for(PATIENCE, |event| event.event() == "pbx.cdr.created").await.unwrap();
    let cdr = created.json()["data"].clone();
    assert_eq!((&cdr["direction"], &cdr["result"]), (&"inbound".into(), &"answered".into()), "{cdr}");
    assert_eq!((&cdr["queue_name"], &cdr["agent_extension"]), (&"support".into(), &"1001".into()), "{cdr}");
    assert_eq!((&cdr["caller_number"], &cdr["destination_number"]), (&CUSTOMER.into(), &DID.into()), "{cdr}");
    assert_eq!(cdr["trunk_name"], "second", "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_hangs_up_in_the_queue_is_abandoned() {
    let world = world().await;
    let _agent = world.agent("1001").await.unwrap();
    queue::queue(&world, json!({}), &["1001"]).await;
    let carrier = carrier(&world, "queue:support").await;
    queue::set_status(&world, "1001", "on_break").await;
    let far = calls(&world, &carrier);
    until_waiting(&world, 1).await;
    far.hang_up();
    all_over(&world).await;
    let created = world.receiver.wait_for(PATIENCE, |event| event.event() == "pbx.cdr.created").await.unwrap();
    let cdr = created.json()["data"].clone();
    assert_eq!((&cdr["result"], &cdr["queue_name"]), (&"abandoned".into(), &"support".into()), "{cdr}");
}
