//! What is in a recording, by listening to it: pauses are silent, what a supervisor whispers is not there.

use audio::wav::Wav;
use sandbox::Voice;
use serde_json::json;
use testkit::{World, until, world::PATIENCE};

use super::{
    talk::{CUSTOMER, Talk, all_over, hears, hears_all, talking},
    world,
};

/// Returns the two channels of a call's recording.
async fn channels(world: &World, call: &str) -> [Vec<i16>; 2] {
    world.event("pbx.cdr.created", call).await.unwrap();
    let file = world.crm().recording(call).await.unwrap().expect("there is a recording");
    let wav = Wav::parse(&file).unwrap();
    assert_eq!((wav.rate, wav.channels), (8_000, 2));
    [wav.channel(0), wav.channel(1)]
}

async fn post(world: &World, call: &str, what: &str, body: serde_json::Value) {
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/{what}"), &body).await.unwrap();
    assert_eq!(reply.status, 202, "{what}: {}", reply.json);
}

/// Lets so many seconds of the talk pass.
async fn talk_on(party: &sandbox::Call, seconds: usize) {
    let before = party.heard().len();
    until("the talk goes on", PATIENCE, async || (party.heard().len() >= before + seconds * 8_000).then_some(()))
        .await
        .unwrap();
}

/// Returns the longest time without sound, in seconds.
fn longest_silence(pcm: &[i16]) -> f64 {
    let (mut longest, mut run) = (0, 0);
    for sample in pcm {
        run = if sample.unsigned_abs() < 60 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    f64::from(longest) / 8_000.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_leaves_silence_on_both_sides_and_the_time_goes_on() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let before = far.heard().len();
    post(&world, &call, "recording/pause", json!({})).await;
    talk_on(&far, 3).await;
    post(&world, &call, "recording/resume", json!({})).await;
    talk_on(&far, 2).await;
    let talked = (far.heard().len() - before) as f64 / 8_000.0;
    near.hang_up();
    let sides = channels(&world, &call).await;
    for (side, voice) in sides.iter().zip([Voice::of_agent("1001"), Voice::of_customer(CUSTOMER)]) {
        let silence = longest_silence(side);
        assert!((2.5..5.0).contains(&silence), "{silence:.2} s of silence");
        assert_eq!(Voice::heard_in(&side[side.len() - 14_000..]), Some(voice), "what follows the pause is there");
        assert!(side.len() as f64 / 8_000.0 > talked, "the pause is in the file");
    }
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_supervisor_whispers_is_not_recorded() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let supervisor = world.agent("1009").await.unwrap();
    let whisperer = Voice::of_agent("1009");
    post(&world, &call, "supervise", json!({ "extension": "1009", "mode": "whisper" })).await;
    let third = supervisor.call(PATIENCE, |_| true).await.unwrap();
    hears_all(&near, &[whisperer, Voice::of_customer(CUSTOMER)]).await;
    hears_all(&third, &[Voice::of_agent("1001"), Voice::of_customer(CUSTOMER)]).await;
    hears(&far, Voice::of_agent("1001")).await;
    assert!(whisperer.share_of(&far.heard()[far.heard().len() - 8_000..]) < 0.15, "the customer does not hear it");
    talk_on(&far, 2).await;
    near.hang_up();
    let sides = channels(&world, &call).await;
    for (side, voice) in sides.iter().zip([Voice::of_agent("1001"), Voice::of_customer(CUSTOMER)]) {
        for second in side.chunks_exact(12_000) {
            let (own, whispered) = (voice.share_of(second), whisperer.share_of(second));
            assert!(whispered < 0.2, "the whisper has {whispered:.2}, the voice of that side {own:.2}");
        }
    }
    all_over(&world).await;
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_who_barges_in_is_recorded_on_the_accounts_side() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let supervisor = world.agent("1009").await.unwrap();
    let voice = Voice::of_agent("1009");
    post(&world, &call, "supervise", json!({ "extension": "1009", "mode": "barge" })).await;
    hears_all(&far, &[Voice::of_agent("1001"), voice]).await;
    talk_on(&far, 2).await;
    near.hang_up();
    let [left, right] = channels(&world, &call).await;
    let heard = |side: &[i16]| side.chunks_exact(12_000).any(|second| voice.share_of(second) > 0.2);
    assert_eq!((heard(&left), heard(&right)), (true, false));
    drop((agent, supervisor));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_transfer_the_accounts_people_are_still_on_their_side() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    let second = world.agent("1002").await.unwrap();
    post(&world, &call, "transfer", json!({ "to": "1002" })).await;
    hears(&far, Voice::of_agent("1002")).await;
    talk_on(&far, 2).await;
    far.hang_up();
    assert!(near.over(PATIENCE).await.is_some());
    let [left, right] = channels(&world, &call).await;
    assert_eq!(Voice::heard_in(&left[left.len() - 14_000..]), Some(Voice::of_agent("1002")));
    assert_eq!(Voice::heard_in(&right[right.len() - 14_000..]), Some(Voice::of_customer(CUSTOMER)));
    drop((agent, second));
}
