//! `POST /api/pbx/calls/click-to-call` from the request to the receiver.

use sandbox::{Reaction, Says, Talk, Voice};
use serde_json::json;
use std::time::Duration;
use testkit::{World, until, world::PATIENCE};

use super::{ZORIO, world};

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_rung_first_and_then_the_customer_and_both_hear_each_other() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let body = json!({ "from_extension": "1001", "to_phone": "84281234578", "headers": { "Order-Id": "A-17" } });
    let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    let data = &reply.json["data"];
    assert_eq!(data["status"], "queued");
    assert_eq!(data["from_extension"], "1001");
    assert_eq!(data["to_phone"], "84281234578");
    let call = data["call_uuid"].as_str().unwrap();

    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    let far = world.carrier.call_to("84281234578", PATIENCE).await.unwrap();
    assert!(near.up(PATIENCE).await && far.up(PATIENCE).await);
    assert_eq!(far.about().header("X-Order-Id"), Some("A-17"), "{:?}", far.about());

    until("each side hears the other", PATIENCE, async || {
        let both = near.heard_voice_lately() == Some(Voice::of_customer("84281234578"))
            && far.heard_voice_lately() == Some(Voice::of_agent("1001"));
        both.then_some(())
    })
    .await
    .unwrap();
    let live = world.crm().get(&format!("/api/pbx/calls/{call}")).await.unwrap();
    assert_eq!((live.status, &live.json["data"]["call_uuid"]), (200, &call.into()), "{}", live.json);

    near.hang_up();
    let hangup = world.event("pbx.call.hangup", call).await.unwrap();
    assert_eq!((&hangup["hangup_by"], &hangup["result"]), (&"caller".into(), &"answered".into()), "{hangup}");
    world.event("pbx.cdr.created", call).await.unwrap();
    // The record is there a moment before the call has left the live ones.
    until("the call is unknown", PATIENCE, async || {
        let reply = world.crm().get(&format!("/api/pbx/calls/{call}")).await.ok()?;
        (reply.status == 404).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_pressed_by_the_customer_reach_the_agent() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    world.click("1001", "84281234559").await.unwrap();
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    until("the key arrives", PATIENCE, async || (near.keys() == "5").then_some(())).await.unwrap();
    near.press("12#");
    let far = world.carrier.call_to("84281234559", PATIENCE).await.unwrap();
    until("the agent's keys arrive", PATIENCE, async || (far.keys() == "12#").then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_ended_by_the_api() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let call = world.click("1001", "84281234577").await.unwrap();
    world.event("pbx.call.answered", &call).await.unwrap();
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/hangup"), &json!({})).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
    assert_eq!((&hangup["hangup_by"], &hangup["hangup_cause"]), (&"system".into(), &"NORMAL_CLEARING".into()));
    assert!(agent.calls()[0].over(PATIENCE).await.unwrap().answered);
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    assert!(far.over(PATIENCE).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_without_a_phone_is_409_with_its_code() {
    let world = world().await;
    world.server.extension("1002").await.unwrap();
    let body = json!({ "from_extension": "1002", "to_phone": "84281234577" });
    let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap();
    assert_eq!((reply.status, &reply.json["code"]), (409, &"pbx.extension_offline".into()), "{}", reply.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_take_the_call_ends_it_before_the_customer_is_rung() {
    let world = world().await;
    let refuses = Reaction::Refuses { status: 486, q850: 17 };
    let _agent = world.agent_that("1001", refuses).await.unwrap();
    let call = world.click("1001", "84281234577").await.unwrap();
    let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
    assert_eq!(hangup["hangup_cause"], "USER_BUSY", "{hangup}");
    world.event("pbx.cdr.created", &call).await.unwrap();
    assert!(world.carrier.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_phone_calls_another() {
    let world = world().await;
    let (caller, callee) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    let near = caller.dial("1002").unwrap();
    let far = callee.call(PATIENCE, |_| true).await.unwrap();
    assert!(near.up(PATIENCE).await && far.up(PATIENCE).await);
    until("each side hears the other", PATIENCE, async || {
        let both = near.heard_voice_lately() == Some(Voice::of_agent("1002"))
            && far.heard_voice_lately() == Some(Voice::of_agent("1001"));
        both.then_some(())
    })
    .await
    .unwrap();
    far.hang_up();
    let created = world.receiver.wait_for(PATIENCE, |d| d.event() == "pbx.cdr.created").await.unwrap();
    let record = &created.json()["data"];
    assert_eq!(record["direction"], "internal", "{record}");
    assert_eq!((&record["caller_number"], &record["destination_number"]), (&"1001".into(), &"1002".into()));
    assert_eq!(world.events_of(record["uuid"].as_str().unwrap()).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_sound_stops_ends_with_media_timeout() {
    let settings = [("ZORIO_MEDIA__INACTIVITY_SECONDS", "2")];
    let world = World::open(ZORIO, &settings).await.unwrap();
    let mute = Talk { says: Says::Nothing, presses: None, hangs_up_after: None };
    let silent = Reaction::Answers { after: Duration::ZERO, talk: mute };
    let _agent = world.agent_that("1001", silent.clone()).await.unwrap();
    world.carrier.set_reaction("84281234577", silent);
    let call = world.click("1001", "84281234577").await.unwrap();
    let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
    assert_eq!(
        (&hangup["hangup_cause"], &hangup["hangup_by"]),
        (&"MEDIA_TIMEOUT".into(), &"system".into()),
        "{hangup}"
    );
    assert!(hangup["hangup_cause_q850"].is_null());
}

/// Whoever asks for a call and is gone at once leaves nothing behind that nobody drives.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_no_call_that_never_ends() {
    use tokio::io::AsyncWriteExt as _;
    // More than those who hang up, so that the one who stays is not one too many.
    let settings =
        [("ZORIO_LIMITS__PBX", "100000"), ("ZORIO_LIMITS__CLICK_TO_CALL", "1000"), ("ZORIO_CALLS__RING_SECONDS", "3")];
    let world = World::open(ZORIO, &settings).await.unwrap();
    let _busy = world.agent_that("1001", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let base = world.crm().base().trim_start_matches("http://").to_owned();
    let body = json!({ "from_extension": "1001", "to_phone": "84281234567" }).to_string();
    let request = format!(
        "POST /api/pbx/calls/click-to-call HTTP/1.1\r\nHost: {base}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        world.crm().token().unwrap(),
        body.len()
    );
    for _ in 0..10 {
        let mut client = tokio::net::TcpStream::connect(&base).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        drop(client);
        tokio::task::yield_now().await;
    }
    // A call of somebody who stays comes after all of them.
    until("the extension can be called", PATIENCE, async || world.click("1001", "84281234568").await.ok())
        .await
        .unwrap();
    until("no call is up", PATIENCE, async || {
        let live = world.crm().get("/api/pbx/calls").await.ok()?;
        (live.json["total"] == 0).then_some(())
    })
    .await
    .unwrap();
}
