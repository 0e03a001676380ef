//! Keys that an extension presses in a call, and what the other side hears of them: nothing.

use sandbox::Voice;
use serde_json::Value;
use testkit::{
    World, until,
    world::{NOTICED, PATIENCE},
};

use super::{
    talk::{CUSTOMER, Talk, hears, hears_all, hears_music, talking},
    world,
};

async fn world_with_keys() -> World {
    let world = world().await;
    world.server.admin(&["dialling", "set", "--in-call-keys", "true"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    world
}

async fn live(world: &World, call: &str) -> Value {
    world.crm().get(&format!("/api/pbx/calls/{call}")).await.unwrap().json["data"].clone()
}

async fn recording_is(world: &World, call: &str, state: &str) {
    until("the recording is in that state", PATIENCE, async || {
        (live(world, call).await["recording"] == state).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_hands_the_customer_on_and_he_hears_none_of_it() {
    let world = world_with_keys().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    near.press("##");
    hears_music(&far).await;
    near.press("1002#");
    let taken = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&taken, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1002")).await;
    assert!(near.over(PATIENCE).await.is_some(), "who handed the call on is free");
    assert_eq!(far.keys(), "", "no key reached the customer");
    far.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_ask_first_and_then_hand_the_customer_on_or_keep_him() {
    let world = world_with_keys().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    near.press("*21002#");
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&near, Voice::of_agent("1002")).await;
    hears(&asked, Voice::of_agent("1001")).await;
    hears_music(&far).await;
    near.press("*2");
    assert!(asked.over(PATIENCE).await.is_some(), "who was asked is let go");
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    near.press("*21002#");
    let asked = second.call(PATIENCE, |asked| !asked.is_over()).await.unwrap();
    hears(&near, Voice::of_agent("1002")).await;
    near.press("##");
    hears(&far, Voice::of_agent("1002")).await;
    hears(&asked, Voice::of_customer(CUSTOMER)).await;
    assert!(near.over(PATIENCE).await.is_some());
    assert_eq!((far.keys(), asked.keys()), (String::new(), String::new()));
    asked.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_brings_a_third_into_the_call_and_any_of_the_three_may_leave() {
    let world = world_with_keys().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    near.press("*31002#");
    let third = second.call(PATIENCE, |_| true).await.unwrap();
    let (one, two, customer) = (Voice::of_agent("1001"), Voice::of_agent("1002"), Voice::of_customer(CUSTOMER));
    hears_all(&far, &[one, two]).await;
    hears_all(&near, &[two, customer]).await;
    hears_all(&third, &[one, customer]).await;
    near.hang_up();
    hears(&far, two).await;
    hears(&third, customer).await;
    third.hang_up();
    assert!(far.over(PATIENCE).await.is_some(), "nobody is left behind");
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!(cdr["legs"].as_array().map(Vec::len), Some(3), "{cdr}");
    assert_eq!((&cdr["result"], &cdr["agent_extension"]), (&"answered".into(), &"1002".into()), "{cdr}");
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_pauses_the_recording_and_another_goes_on_with_it() {
    let world = world_with_keys().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    recording_is(&world, &call, "recording").await;
    near.press("*1");
    recording_is(&world, &call, "paused").await;
    near.press("*1");
    recording_is(&world, &call, "recording").await;
    assert_eq!(far.keys(), "");
    near.hang_up();
    let created = world.event("pbx.cdr.created", &call).await.unwrap();
    assert_eq!(created["recording"]["available"], true, "{created}");
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_begins_a_recording_that_was_not_to_be() {
    let world = world().await;
    world.server.admin(&["dialling", "set", "--in-call-keys-of", "1001"]).await.unwrap();
    let fields = serde_json::json!({ "extension_number": "1003", "recording_mode": "none" });
    let password = world.server.extension_with(&fields).await.unwrap();
    let config = sandbox::agent::Config::new("1003", &password, world.server.sip());
    let plain = sandbox::Agent::register(config, world.media.clone()).await.unwrap();
    let fields = serde_json::json!({ "extension_number": "1001", "recording_mode": "none" });
    let password = world.server.extension_with(&fields).await.unwrap();
    let config = sandbox::agent::Config::new("1001", &password, world.server.sip());
    let agent = sandbox::Agent::register(config, world.media.clone()).await.unwrap();
    let near = agent.dial("1003").unwrap();
    let far = plain.call(PATIENCE, |_| true).await.unwrap();
    hears(&near, Voice::of_agent("1003")).await;
    let list = world.crm().get("/api/pbx/calls").await.unwrap().json;
    let call = list["data"][0]["call_uuid"].as_str().unwrap().to_owned();
    assert_eq!(list["data"][0]["recording"], Value::Null, "{list}");
    near.press("*1");
    recording_is(&world, &call, "recording").await;
    // The other extension has not got them: its keys are heard.
    far.press("*1");
    until("the keys are heard", PATIENCE, async || (near.keys() == "*1").then_some(())).await.unwrap();
    recording_is(&world, &call, "recording").await;
    near.hang_up();
    let created = world.event("pbx.cdr.created", &call).await.unwrap();
    assert_eq!(created["recording"]["available"], true, "{created}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_keys_are_keys_and_with_it_others_still_are() {
    for (on, pressed) in [(false, "*1##*31"), (true, "5#0*")] {
        let world = if on { world_with_keys().await } else { world().await };
        let Talk { call, near, far, agent } = talking(&world).await;
        near.press(pressed);
        until("the customer hears the keys", PATIENCE, async || (far.keys() == pressed).then_some(())).await.unwrap();
        assert_eq!(live(&world, &call).await["state"], "answered");
        drop(agent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_leads_nowhere_or_is_taken_back_gives_the_customer_back() {
    let world = world_with_keys().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    // A number that may not be called, and one that is not completed.
    for (code, number) in [("##", "19001234#"), ("*2", "12*")] {
        near.press(code);
        hears_music(&far).await;
        near.press(number);
        hears(&far, Voice::of_agent("1001")).await;
        hears(&near, Voice::of_customer(CUSTOMER)).await;
    }
    near.hang_up();
    assert_eq!(world.cdr(&call).await.unwrap()["transfer_count"], 0);
    drop(agent);
}
