//! Which calls are recorded: the mode of the extension and the direction of the call decide.

use audio::wav::Wav;
use sandbox::{Agent, Voice};
use serde_json::json;
use testkit::{
    World, until,
    world::{NOTICED, PATIENCE},
};

use super::{
    talk::{all_over, both_hear, hears},
    world,
};

async fn set_mode(world: &World, extension: &str, mode: &str) {
    let path = format!("/api/pbx/extensions/{extension}");
    let reply = world.crm().put(&path, &json!({ "recording_mode": mode })).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.json);
    tokio::time::sleep(NOTICED).await;
}

/// Whose voices are in a call's recording, left and right; nothing if it was not recorded. The call is over.
async fn recorded(world: &World, call: &str) -> Option<[Option<Voice>; 2]> {
    world.event("pbx.cdr.created", call).await.unwrap();
    let cdr = world.cdr(call).await.unwrap();
    let file = world.crm().recording(call).await.unwrap();
    assert_eq!(cdr["recording"]["available"], file.is_some(), "{cdr}");
    let wav = Wav::parse(file.as_deref()?).unwrap();
    Some([0, 1].map(|side| {
        let heard = wav.channel(side);
        Voice::heard_in(&heard[heard.len().saturating_sub(14_000)..])
    }))
}

/// Has 1001 called to a customer; returns whose voices the recording has.
async fn call_out(world: &World, customer: &str, own: &Agent) -> Option<[Option<Voice>; 2]> {
    let call = world.click("1001", customer).await.unwrap();
    let near = own.call(PATIENCE, |near| !near.is_over()).await.unwrap();
    let far = world.carrier.call_to(customer, PATIENCE).await.unwrap();
    both_hear(&near, &far, customer).await;
    talk_on(&far).await;
    near.hang_up();
    all_over(world).await;
    recorded(world, &call).await
}

/// Has one colleague call the other; returns whose voices the recording has.
async fn call_inside(world: &World, from: &Agent, to: &Agent) -> Option<[Option<Voice>; 2]> {
    let call = from.dial(to.extension()).unwrap();
    let far = to.call(PATIENCE, |far| !far.is_over()).await.unwrap();
    hears(&call, Voice::of_agent(to.extension())).await;
    hears(&far, Voice::of_agent(from.extension())).await;
    let live = world.crm().get("/api/pbx/calls").await.unwrap().json;
    let uuid = live["data"][0]["call_uuid"].as_str().unwrap_or_else(|| panic!("{live}")).to_owned();
    talk_on(&far).await;
    call.hang_up();
    all_over(world).await;
    recorded(world, &uuid).await
}

/// Lets two seconds of the talk pass.
async fn talk_on(party: &sandbox::Call) {
    let before = party.heard().len();
    until("the talk goes on", PATIENCE, async || (party.heard().len() >= before + 16_000).then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_records_the_calls_of_its_direction_with_both_voices_and_no_others() {
    let world = world().await;
    let own = world.agent("1001").await.unwrap();
    let other = world.agent("1002").await.unwrap();
    set_mode(&world, "1002", "none").await;
    let [first, second] = ["1001", "1002"].map(|extension| Some(Voice::of_agent(extension)));
    for (mode, customer, outbound, inbound) in [
        ("none", "84281234507", false, false),
        ("inbound", "84281234517", false, true),
        ("outbound", "84281234527", true, false),
        ("all", "84281234537", true, true),
    ] {
        set_mode(&world, "1001", mode).await;
        let said = Some(Voice::of_customer(customer));
        assert_eq!(call_out(&world, customer, &own).await, outbound.then_some([first, said]), "{mode}: calls out");
        assert_eq!(call_inside(&world, &other, &own).await, inbound.then_some([second, first]), "{mode}: calls to it");
        // Of a call inside either side decides; whoever calls is on the left.
        assert_eq!(call_inside(&world, &own, &other).await, outbound.then_some([first, second]), "{mode}: calls by it");
    }
}
