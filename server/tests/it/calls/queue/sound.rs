//! What everybody hears: greeting, place in the queue, music; and what an agent is told before the talk.

use audio::{Law, measure};

use super::*;

/// The voices of the account's prompts; no phone speaks in them.
const MUSIC: u8 = 15;
const GREETING: u8 = 16;
const WHISPER: u8 = 17;

/// Returns a built-in word in Vietnamese, the language of the account.
fn word(name: &str) -> Vec<i16> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rooms/pbx/words/");
    let index = std::fs::read_to_string(format!("{folder}vi.index")).unwrap();
    let sound = std::fs::read(format!("{folder}vi.ulaw")).unwrap();
    let mut at = 0;
    for line in index.lines() {
        let (known, length) = line.split_once(' ').unwrap();
        let length: usize = length.trim().parse().unwrap();
        if known == name {
            let mut samples = Vec::new();
            Law::Mu.decode_into(&sound[at..at + length], &mut samples);
            return samples;
        }
        at += length;
    }
    panic!("there is no word {name}");
}

/// Tells how surely that word is in what was heard: 1 is certain, what lies near 0 is chance.
fn certainty(word: &[i16], heard: &[i16]) -> f64 {
    // A twentieth of a second out of its middle finds the place.
    let from = word.len() / 2;
    let probe = &word[from..from + 400];
    let lags = heard.len().saturating_sub(word.len()).max(1);
    let best = (from..from + lags)
        .filter(|at| at + probe.len() <= heard.len())
        .map(|at| (at, measure::correlation(probe, &heard[at..at + probe.len()])))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    best.map_or(0.0, |(at, _)| measure::correlation(word, &heard[at - from..]))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_a_greeting_where_they_stand_and_music() {
    let world = world().await;
    let music = prompt(&world, "music", &Voice::number(MUSIC).clip()).await;
    let greeting = prompt(&world, "greeting", &Voice::number(GREETING).clip()[..16_000]).await;
    let fields = json!({
        "music_prompt_id": music, "greeting_prompt_id": greeting, "announce_interval": 5, "announce_position": true,
    });
    queue(&world, fields, &[]).await;
    let (first, second) = (caller(&world).await, world.agent("2002").await.unwrap());
    let one = first.dial(NUMBER).unwrap();
    until_waiting(&world, 1).await;
    let two = second.dial(NUMBER).unwrap();
    // The greeting is heard to its end, although where they stand is due at once.
    hears(&two, Voice::number(GREETING)).await;
    hears(&two, Voice::number(MUSIC)).await;
    let heard = two.heard();
    for word_of_it in ["you-are-number", "2", "in-the-queue"] {
        let certainty = certainty(&word(word_of_it), &heard);
        assert!(certainty > 0.9, "{word_of_it}: {certainty}");
    }
    let another = certainty(&word("3"), &heard);
    assert!(another < 0.9, "only that place is said: {another}");
    assert!(certainty(&word("1"), &one.heard()) > 0.9, "the first caller hears the first place");
    // The place is said anew when it is another one.
    one.hang_up();
    until("the second caller is the first now", PATIENCE, async || {
        (certainty(&word("1"), &two.heard()) > 0.9).then_some(())
    })
    .await
    .unwrap();
    hears(&two, Voice::number(MUSIC)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_told_what_comes_before_the_two_talk() {
    let world = world().await;
    let music = prompt(&world, "music", &Voice::number(MUSIC).clip()).await;
    let whisper = prompt(&world, "whisper", &Voice::number(WHISPER).clip()).await;
    let agent = world.agent("1001").await.unwrap();
    agent.set_reaction(quick("1001"));
    let fields = json!({ "music_prompt_id": music, "agent_prompt_id": whisper, "wrap_up_time": 0 });
    queue(&world, fields, &["1001"]).await;
    set_status(&world, "1001", "on_break").await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    hears(&call, Voice::number(MUSIC)).await;
    set_status(&world, "1001", "available").await;
    let taken = rung(&agent).await;
    hears(&taken, Voice::number(WHISPER)).await;
    assert_eq!(call.heard_voice_lately(), Some(Voice::number(MUSIC)), "the caller hears none of it");
    hears(&taken, Voice::of_agent("2001")).await;
    hears(&call, Voice::of_agent("1001")).await;
    taken.hang_up();
    assert!(call.over(PATIENCE).await.is_some());
    until_agent(&world, "1001", "waiting").await;
    // Whoever hangs up while the agent listens holds nobody up.
    let call = phone.dial(NUMBER).unwrap();
    let taken = rung(&agent).await;
    assert!(taken.up(PATIENCE).await);
    until_agent(&world, "1001", "in_call").await;
    call.hang_up();
    assert!(taken.over(PATIENCE).await.is_some());
    until_agent(&world, "1001", "waiting").await;
    let all = records(&world, 2).await;
    assert!(spread(&all[0]) <= 200, "{}", all[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_told_about_how_long() {
    let world = world().await;
    let music = prompt(&world, "music", &Voice::number(MUSIC).clip()).await;
    let fields = json!({
        "music_prompt_id": music, "announce_interval": 5, "announce_position": false, "announce_wait": true,
    });
    let _agent = world.agent("1001").await.unwrap();
    queue(&world, fields, &["1001"]).await;
    set_status(&world, "1001", "on_break").await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    until("the caller is told", PATIENCE, async || {
        let heard = call.heard();
        // Three minutes are what a call is taken to last before any has shown it.
        ["wait-about", "3", "minutes"].iter().all(|said| certainty(&word(said), &heard) > 0.9).then_some(())
    })
    .await
    .unwrap();
    assert!(certainty(&word("you-are-number"), &call.heard()) < 0.9, "the place is not said");
    hears(&call, Voice::number(MUSIC)).await;
}
