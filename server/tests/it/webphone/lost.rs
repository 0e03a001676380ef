//! Connections that are lost: how a page finds out, and what it can do over the next one.

use std::time::Duration;

use testkit::{World, world::PATIENCE};

use super::calls::browser;
use crate::calls::world;

/// Returns how many phones are registered for an extension.
pub(super) async fn bindings(world: &World, extension: &str) -> u64 {
    let reply = world.crm().get(&format!("/api/pbx/extensions/{extension}")).await.unwrap();
    reply.json["data"]["sip_registration"]["contact_count"].as_u64().unwrap_or_else(|| panic!("{reply:?}"))
}

/// Its call does not outlive the server, through which the sound went; all else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_server_was_killed_registers_again_and_calls_and_is_called() {
    let mut world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut cut = phone.call("1001").await;
    phone.answered(&mut cut, 200).await;
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    assert!(agent.calls()[0].over(2 * PATIENCE).await.is_some(), "the other side is told");
    phone.reconnect().await;
    assert_eq!(phone.register().await, 200, "with the login that it had");
    let (bye, branch) = phone.bye(&mut cut);
    phone.send(bye).await;
    assert_eq!(phone.answer_to(&branch).await.status(), Some(481), "the page learns that its call is over");
    let mut next = phone.call("1001").await;
    phone.answered(&mut next, 200).await;
    let _call = agent.dial("1002").unwrap();
    let invite = phone.asked("INVITE").await;
    phone.answer(&invite, "486 Busy Here", "").await;
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
