//! What is heard: by a foreign phone, and in the recording.

use audio::{measure, wav::Wav};
use sandbox::{Call, Voice};
use testkit::{Baresip, World, baresip::Account, world::PATIENCE};

use super::world;

/// Seconds of conversation that are compared.
const SECONDS: usize = 3;

/// The round trip through G.711 alone is 37 dB.
const ENOUGH: f64 = 30.0;

/// Checks that a voice's clip is in `heard`, wherever the loop of the clip began.
#[track_caller]
fn assert_heard(voice: Voice, heard: &[i16], who: &str) {
    // From the middle of the conversation: the beginning may hold ringback, and its end a fade of the jitter buffer.
    let middle = &heard[heard.len() / 3..];
    let middle = &middle[..middle.len().min(8_000)];
    let clip = voice.clip();
    let twice = [&clip[..], &clip[..]].concat();
    let fit = measure::fit(middle, &twice, clip.len());
    assert!(fit.snr_db >= ENOUGH && fit.correlation >= 0.995, "{who}: {fit:?}");
}

async fn heard_enough(call: &Call) {
    testkit::until("the party hears enough", PATIENCE, async || {
        (call.heard_voice_lately().is_some() && call.heard().len() > 8_000 * SECONDS).then_some(())
    })
    .await
    .unwrap();
}

async fn recording(world: &World, call: &str) -> (u16, Vec<Vec<i16>>) {
    let file = world.crm().recording(call).await.unwrap().expect("there is a recording");
    let wav = Wav::parse(&file).unwrap();
    assert_eq!(wav.rate, 8_000);
    (wav.channels, (0..wav.channels).map(|channel| wav.channel(channel)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baresip_phone_and_a_customer_hear_each_other_undistorted() {
    let world = world().await;
    let password = world.server.extension("1001").await.unwrap();
    let voice = Voice::of_agent("1001");
    let says = world.wav("says.wav", &[&voice.clip()[..], &voice.clip()[..]].concat()).unwrap();
    let account =
        Account { extension: "1001", password: &password, registrar: world.server.sip(), says: &says, answers: true };
    let phone = Baresip::start(account, world.server.spare(0), world.server.spare(9)).await.unwrap();
    let call = world.click("1001", "84281234577").await.unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    heard_enough(&far).await;
    phone.hang_up().await.unwrap();
    world.event("pbx.cdr.created", &call).await.unwrap();
    assert_heard(voice, &far.heard(), "the customer hears the agent");
    assert_heard(
        Voice::of_customer("84281234577"),
        &phone.quit_and_listen().await.unwrap(),
        "baresip hears the customer",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baresip_phone_calls_another_extension() {
    let world = world().await;
    let callee = world.agent("1002").await.unwrap();
    let password = world.server.extension("1001").await.unwrap();
    let voice = Voice::of_agent("1001");
    let says = world.wav("says.wav", &[&voice.clip()[..], &voice.clip()[..]].concat()).unwrap();
    let account =
        Account { extension: "1001", password: &password, registrar: world.server.sip(), says: &says, answers: false };
    let phone = Baresip::start(account, world.server.spare(0), world.server.spare(9)).await.unwrap();
    phone.dial("1002").await.unwrap();
    phone.in_call(PATIENCE).await.unwrap();
    let far = callee.call(PATIENCE, |_| true).await.unwrap();
    heard_enough(&far).await;
    far.hang_up();
    world.receiver.wait_for(PATIENCE, |d| d.event() == "pbx.cdr.created").await.unwrap();
    assert_heard(voice, &far.heard(), "the callee hears baresip");
    assert_heard(Voice::of_agent("1002"), &phone.quit_and_listen().await.unwrap(), "baresip hears the callee");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_holds_what_each_side_said() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let call = world.click("1001", "84281234577").await.unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    heard_enough(&far).await;
    agent.calls()[0].hang_up();
    let created = world.event("pbx.cdr.created", &call).await.unwrap();
    assert_eq!(created["recording"]["available"], true, "{created}");
    let (channels, sides) = recording(&world, &call).await;
    assert_eq!(channels, 2, "one channel for each side");
    assert_heard(Voice::of_agent("1001"), &sides[0], "the agent's channel");
    assert_heard(Voice::of_customer("84281234577"), &sides[1], "the customer's channel");
    let seconds = sides[0].len() as f64 / 8_000.0;
    let talked = far.heard().len() as f64 / 8_000.0;
    assert!((seconds - talked).abs() < 1.5, "the recording has {seconds:.1} s, the talk had {talked:.1} s");
}
