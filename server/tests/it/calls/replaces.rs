//! Taking the place of another phone (RFC 3891): INVITE with Replaces.

use sandbox::{Reaction, Voice};
use serde_json::json;
use testkit::world::PATIENCE;

use super::{
    talk::{CUSTOMER, Talk, all_over, both_hear, hears, talking},
    world,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_takes_the_place_of_one_that_talks() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let taken = second.take_over(&near, false).unwrap();
    hears(&taken, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1002")).await;
    assert!(near.over(PATIENCE).await.is_some(), "the first phone is out of the call");
    assert!(!far.is_over());
    taken.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
    all_over(&world).await;
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["agent_extension"], &cdr["transfer_count"]), (&"1002".into(), &1.into()), "{cdr}");
    assert_eq!(world.crm().get("/api/pbx/cdr").await.unwrap().json["total"], 1, "it is one call");
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_takes_the_place_of_one_that_rings() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let rings = world.agent_that("1002", Reaction::Rings).await.unwrap();
    let helper = world.agent("1003").await.unwrap();
    let call = caller.dial("1002").unwrap();
    let ringing = rings.call(PATIENCE, |_| true).await.unwrap();
    let taken = helper.take_over(&ringing, true).unwrap();
    hears(&taken, Voice::of_agent("1001")).await;
    hears(&call, Voice::of_agent("1003")).await;
    assert!(!ringing.over(PATIENCE).await.unwrap().answered, "the other phone stops ringing");
    call.hang_up();
    assert!(taken.over(PATIENCE).await.is_some());
    all_over(&world).await;
    let list = world.crm().get("/api/pbx/cdr").await.unwrap().json;
    assert_eq!((&list["total"], &list["data"][0]["result"]), (&json!(1), &json!("answered")), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_call_or_one_that_was_answered_takes_nobodys_place() {
    let world = world().await;
    let Talk { call: _, near, far, agent: _agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    let late = second.take_over(&near, true).unwrap();
    assert_eq!(late.over(PATIENCE).await.unwrap().status, Some(486), "only an early one was meant");
    let last = second.dial("*60").unwrap();
    assert!(last.up(PATIENCE).await);
    last.hang_up();
    assert!(last.over(PATIENCE).await.is_some());
    let gone = second.take_over(&last, false).unwrap();
    assert_eq!(gone.over(PATIENCE).await.unwrap().status, Some(481));
    both_hear(&near, &far, CUSTOMER).await;
}
