//! T58: feature codes that somebody else names than whoever dials: a phone that says it is elsewhere, a party that hands its
//! other side on. None of them changes another extension, and what a switch stops stays stopped.

use std::time::Duration;

use sandbox::{Agent, Call, Voice};
use sip_proto::message::{Method, Name, ResponseBuilder};
use testkit::{
    RawPhone, World, until,
    world::{NOTICED, PATIENCE},
};

use super::callee::Callee;
use crate::calls::ZORIO;

const CUSTOMER: &str = "84281234578";
/// Forwards to a number outside; do not disturb.
const CODES: [&str; 2] = ["*720987654321", "*78"];

async fn world() -> World {
    World::open(ZORIO, &[("ZORIO_LIMITS__PBX", "100000"), ("ZORIO_CALLS__RING_SECONDS", "3")]).await.unwrap()
}

/// Waits until everything before is written down, and says that this extension forwards nothing.
async fn is_untouched(world: &World, extension: &str) {
    // Settings are written one after the other: what was there before this is there now.
    let witness = world.agent("1009").await.unwrap();
    assert!(witness.dial("*78").unwrap().up(PATIENCE).await);
    until("the witness is not disturbed", PATIENCE, async || {
        let wish = world.server.admin(&["forwarding", "show", "1009"]).await.ok()?;
        (wish["do_not_disturb"] == true).then_some(())
    })
    .await
    .unwrap();
    let wish = world.server.admin(&["forwarding", "show", extension]).await.unwrap();
    assert_eq!((&wish["always"], &wish["do_not_disturb"]), (&serde_json::Value::Null, &false.into()), "{wish}");
}

async fn hears(party: &Call, voice: Voice) {
    until("the party hears the voice", PATIENCE, async || (party.heard_voice_lately() == Some(voice)).then_some(()))
        .await
        .unwrap();
}

async fn talking(one: &Agent, other: &Agent) -> (Call, Call) {
    let near = one.dial(other.extension()).unwrap();
    let far = other.call(PATIENCE, |far| !far.is_over()).await.unwrap();
    hears(&near, Voice::of_agent(other.extension())).await;
    hears(&far, Voice::of_agent(one.extension())).await;
    (near, far)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_called_cannot_set_the_callers_forwarding() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let password = world.server.extension("1002").await.unwrap();
    let mut phone = RawPhone::open("1002", &password, world.server.sip()).await.unwrap();
    phone.register(&world.server.sip().to_string()).await.unwrap();
    let mut elsewhere = Callee::start(phone, |invite| {
        let contact = CODES.map(|code| format!("<sip:{code}@127.0.0.1>")).join(", ");
        ResponseBuilder::for_request(invite, 302, "").to_tag("x").header(Name::Contact, contact).finish()
    });
    tokio::time::sleep(NOTICED).await;
    let ending = caller.dial("1002").unwrap().over(PATIENCE).await.unwrap();
    assert!(!ending.answered, "{ending:?}");
    elsewhere.next(&Method::Invite).await;
    is_untouched(&world, "1001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_to_a_feature_code_sets_nothing_for_whoever_is_handed_on() {
    let world = world().await;
    let (thief, victim) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    let (near, far) = talking(&thief, &victim).await;
    for code in CODES {
        near.refer_to(code, "127.0.0.1");
        assert!(near.referred(PATIENCE).await.is_some_and(|status| status >= 400), "{code}");
    }
    let live = world.crm().get("/api/pbx/calls").await.unwrap().json;
    let call = live["data"][0]["call_uuid"].as_str().unwrap().to_owned();
    for mode in ["blind", "attended"] {
        let wish = serde_json::json!({ "to": "720", "mode": mode });
        let reply = world.crm().post(&format!("/api/pbx/calls/{call}/transfer"), &wish).await.unwrap();
        assert_eq!(reply.status, 409, "{mode}: {}", reply.json);
    }
    hears(&near, Voice::of_agent("1002")).await;
    assert!(!far.is_over());
    is_untouched(&world, "1002").await;
    is_untouched_by_now(&world, "1001").await;
}

async fn is_untouched_by_now(world: &World, extension: &str) {
    let wish = world.server.admin(&["forwarding", "show", extension]).await.unwrap();
    assert_eq!((&wish["always"], &wish["do_not_disturb"]), (&serde_json::Value::Null, &false.into()), "{wish}");
}

/// A thief joins an expensive call to another one, whose own books know nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_switch_ends_a_call_out_that_was_moved_into_another_call() {
    let world = world().await;
    let (thief, colleague) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    let (near, far) = talking(&thief, &colleague).await;
    let out = thief.dial(CUSTOMER).unwrap();
    let customer = world.carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    hears(&out, Voice::of_customer(CUSTOMER)).await;
    near.refer_to_call(&out);
    assert_eq!(near.referred(PATIENCE).await, Some(200));
    hears(&far, Voice::of_customer(CUSTOMER)).await;
    assert!(out.over(PATIENCE).await.is_some(), "the call that was dialled is over");
    assert_eq!(world.server.admin(&["toll", "stop"]).await.unwrap()["stopped"], true);
    assert!(customer.over(Duration::from_secs(10)).await.is_some(), "the customer's leg costs on");
    assert!(far.over(PATIENCE).await.is_some());
    // Until it is released, nothing leaves.
    let refused = thief.dial(CUSTOMER).unwrap().over(PATIENCE).await.unwrap();
    assert_eq!(refused.status, Some(403), "{refused:?}");
}
