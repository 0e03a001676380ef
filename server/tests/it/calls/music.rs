//! The account's own music: on hold, while parked, and in queues.

use audio::tone::sine;
use sandbox::Call;
use serde_json::json;
use testkit::{
    World, until,
    world::{NOTICED, PATIENCE},
};

use super::{
    talk::{Talk, hears, lately, talking},
    world,
};

/// The account's music: a tone that nothing else here has.
const HERTZ: f64 = 620.0;

/// A world whose account has music of its own.
async fn world_with_music() -> World {
    let world = world().await;
    let file = world.wav("music.wav", &sine(HERTZ, 8_000.0, 40_000)).unwrap();
    let file = file.to_string_lossy();
    world.server.admin(&["prompt", "add", "--name", "music-on-hold", "--file", &file]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    world
}

/// Returns the part of the energy that lies on the music's tone.
fn share(pcm: &[i16]) -> f64 {
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (at, sample) in (0_u32..).zip(pcm) {
        let phase = std::f64::consts::TAU * HERTZ * f64::from(at) / 8_000.0;
        re += f64::from(*sample) * phase.cos();
        im += f64::from(*sample) * phase.sin();
        energy += f64::from(*sample).powi(2);
    }
    if energy == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (energy * pcm.len() as f64) }
}

async fn hears_the_music(party: &Call) {
    until("the party hears the account's music", PATIENCE, async || {
        let lately = lately(party);
        // The last half a second: the beginning of the music may not fit to its end.
        (share(&lately[lately.len().saturating_sub(4_000)..]) > 0.8).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_on_hold_hears_the_accounts_music() {
    let world = world_with_music().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    near.hold();
    hears_the_music(&far).await;
    near.resume();
    hears(&far, sandbox::Voice::of_agent("1001")).await;
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/hold"), &json!({})).await.unwrap();
    assert_eq!(reply.status, 202);
    hears_the_music(&far).await;
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_parked_or_waits_in_a_queue_hears_the_accounts_music() {
    let world = world_with_music().await;
    let agent = world.agent("1001").await.unwrap();
    let parked = agent.dial("*700").unwrap();
    hears_the_music(&parked).await;
    parked.hang_up();
    let queue = json!({ "name": "support", "queue_number": "800", "strategy": "ring-all" });
    world.crm().post("/api/pbx/queues", &queue).await.unwrap().expect_status(201).unwrap();
    let waiting = until("the queue takes the caller", PATIENCE, async || {
        let waiting = agent.dial("800").unwrap();
        waiting.up(PATIENCE).await.then_some(waiting)
    })
    .await
    .unwrap();
    hears_the_music(&waiting).await;
    waiting.hang_up();
}
