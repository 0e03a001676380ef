//! Connections that are lost: calls go on over the next one, what is repeated is done once, the dead are noticed.

use std::time::Duration;

use testkit::{until, world::PATIENCE};

use super::calls::browser;
use crate::calls::world;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_over_the_next_connection_of_its_phone() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut call = phone.call("1001").await;
    phone.talk(&mut call).await;
    phone.cut().await;
    until("the binding is gone", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/extensions/1002").await.ok()?;
        (!reply.json["data"].to_string().contains("df7jal23ls0d")).then_some(())
    })
    .await
    .unwrap();
    // Said while nobody listens.
    agent.calls()[0].hang_up();
    phone.reconnect().await;
    assert_eq!(phone.register().await, 200);
    let bye = phone.asked("BYE").await;
    phone.answer(&bye, "200 OK", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_back_before_its_connection_is_found_dead_takes_its_calls_with_it() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut call = phone.call("1001").await;
    phone.talk(&mut call).await;
    let old = phone.leave_open().await;
    assert_eq!(phone.register().await, 200);
    let reply = world.crm().get("/api/pbx/extensions/1002").await.unwrap();
    let bound = reply.json["data"].to_string().matches("df7jal23ls0d").count();
    assert!(bound <= 1, "the newest registration of an instance is the only one: {}", reply.json);
    agent.calls()[0].hang_up();
    let bye = phone.asked("BYE").await;
    phone.answer(&bye, "200 OK", "").await;
    drop(old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_over_the_next_connection_is_answered_as_before() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut call = phone.call("1001").await;
    phone.talk(&mut call).await;
    let branch = phone.say(&mut call, "BYE", "", "").await;
    let bye = phone.request(&call, "BYE", &branch, "", "");
    assert!(agent.calls()[0].over(PATIENCE).await.is_some(), "it was heard");
    phone.cut().await;
    phone.reconnect().await;
    assert_eq!(phone.register().await, 200);
    phone.send(bye).await;
    assert_eq!(phone.answer_to(&branch).await.status(), Some(200), "not 481: it is the same BYE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_of_two_line_ends_is_answered_at_once_however_soon_it_comes_again() {
    let world = world().await;
    let mut phone = browser(&world, "1002").await;
    for _ in 0..3 {
        let took = phone.ping().await.expect("the connection is open");
        assert!(took < Duration::from_secs(4), "the phone would have given up: {took:?}");
    }
}
