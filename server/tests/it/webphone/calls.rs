//! What a page is told of its calls: their names, why they end, and the keys of the other side.

use std::time::Duration;

use sandbox::{Reaction, Talk, Voice};
use serde_json::json;
use sip_proto::message::{Message, Name};
use testkit::World;

use super::{
    lost::bindings,
    phone::{Phone, text},
};
use crate::calls::world;

/// Makes an extension and registers a browser for it.
pub(super) async fn browser(world: &World, number: &str) -> Phone {
    world.server.extension(number).await.unwrap();
    let wish = json!({"extension": number, "ttl_seconds": 60});
    let token = world.crm().post("/api/webphone/embed-token", &wish).await.unwrap();
    let token = token.json["embed_token"].as_str().unwrap_or_else(|| panic!("{token:?}")).to_owned();
    let config = world.crm().with_token(&token).get("/api/webphone/sip-config").await.unwrap();
    let mut phone = Phone::connect(&world.server.base().replace("http://", ""), &config.json["data"]).await;
    assert_eq!(phone.register().await, 200);
    phone
}

fn named(message: &Message) -> String {
    String::from_utf8(message.custom("X-Call-UUID").unwrap_or_default().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_lasts_as_asked_and_no_longer_than_its_login() {
    let world = world().await;
    let mut phone = browser(&world, "1002").await;
    let answer = phone.register_for(300).await;
    let contact = text(&answer, Name::Contact);
    assert!(contact.contains("df7jal23ls0d.invalid") && contact.contains("expires=300"), "{contact}");
    assert_eq!(bindings(&world, "1002").await, 1);
    assert_eq!(phone.register_for(0).await.status(), Some(200));
    assert_eq!(bindings(&world, "1002").await, 0, "it said good-bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_registers_its_own_extension_alone() {
    let world = world().await;
    let mut phone = browser(&world, "1002").await;
    world.server.extension("1003").await.unwrap();
    phone.extension = "1003".to_owned();
    assert_eq!(phone.register().await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_calls_is_told_the_calls_name_from_the_first_answer_on_and_why_it_ends() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut call = phone.call("1001").await;
    let uuid = named(&phone.answered(&mut call, 180).await);
    assert_eq!(named(&phone.answered(&mut call, 200).await), uuid);
    let live = world.crm().get(&format!("/api/pbx/calls/{uuid}")).await.unwrap();
    assert_eq!(live.status, 200, "{live:?}");
    agent.calls()[0].hang_up();
    let bye = phone.asked("BYE").await;
    assert_eq!(text(&bye, Name::Reason), "Q.850;cause=16;text=\"NORMAL_CLEARING\"");
    phone.answer(&bye, "200 OK", "").await;
    assert_eq!(world.cdr(&uuid).await.unwrap()["hangup_cause"], "NORMAL_CLEARING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_refused_is_told_why() {
    let world = world().await;
    let _agent = world.agent_that("1001", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut call = phone.call("1001").await;
    let refusal = phone.answered(&mut call, 486).await;
    assert_eq!(text(&refusal, Name::Reason), "Q.850;cause=17;text=\"USER_BUSY\"");
    assert_eq!(named(&refusal).len(), 36, "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_called_hears_of_the_other_sides_keys_by_info() {
    let world = world().await;
    let talk = Talk { presses: Some('7'), ..Talk::in_voice(Voice::of_agent("1001")) };
    let reaction = Reaction::Answers { after: Duration::ZERO, talk };
    let _agent = world.agent_that("1001", reaction).await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let mut call = phone.call("1001").await;
    phone.answered(&mut call, 200).await;
    let info = phone.asked("INFO").await;
    assert_eq!(info.content_type(), Some("application/dtmf-relay"));
    assert_eq!(info.body().as_ref(), b"Signal=7\r\nDuration=160\r\n");
    phone.answer(&info, "200 OK", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_called_is_told_the_calls_name_and_that_the_caller_gave_up() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let call = agent.dial("1002").unwrap();
    let invite = phone.asked("INVITE").await;
    assert_eq!(named(&invite).len(), 36);
    phone.answer(&invite, "180 Ringing", "").await;
    call.hang_up();
    let cancel = phone.asked("CANCEL").await;
    assert_eq!(cancel.cseq().0, invite.cseq().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_the_queue_that_a_call_comes_from() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let mut phone = browser(&world, "1002").await;
    let crm = world.crm();
    let queue = json!({"name": "support", "queue_number": "8001"});
    assert_eq!(crm.post("/api/pbx/queues", &queue).await.unwrap().status, 201);
    let tier = crm.post("/api/pbx/queues/support/tiers", &json!({"extension": "1002"})).await.unwrap();
    assert_eq!(tier.status, 201, "{tier:?}");
    let status = crm.put("/api/pbx/agents/1002/status", &json!({"status": "available"})).await.unwrap();
    assert!(status.status == 200, "{status:?}");
    let _call = agent.dial("8001").unwrap();
    let invite = phone.asked("INVITE").await;
    assert_eq!(invite.custom("X-Queue-Name"), Some(&b"support"[..]));
    phone.answer(&invite, "486 Busy Here", "").await;
}
