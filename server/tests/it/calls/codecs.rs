//! Phones that speak something else than the customer does: transcoded both ways, and encrypted where they want it.

use audio::measure;
use sandbox::Voice;
use serde_json::{Value, json};
use testkit::{
    Baresip, World,
    baresip::{Account, Line, PLAIN},
    world::PATIENCE,
};

use super::{tls::Papers, world};

/// Seconds of conversation that are compared.
const SECONDS: usize = 4;
/// Another voice is below 0.6; a busy machine makes the jitter buffer stretch time within a piece, so that only some pieces
/// are as alike as the codec lets them be: half of them at least this, a quarter at least that. What the customer hears has
/// gone through the filters of the foreign phone before.
const ALIKE: [(f64, f64); 2] = [(0.8, 0.86), (0.8, 0.9)];
const CUSTOMER: &str = "84281234577";

/// How alike what was heard is to what was said, over pieces of half a second: the median of their correlation and what
/// the best quarter has at least, each piece wherever it fits best, since a jitter buffer may stretch time.
fn likeness(voice: Voice, heard: &[i16]) -> (f64, f64) {
    let middle = &heard[heard.len() / 3..];
    let middle = &middle[..middle.len().min(4 * 8_000)];
    let clip = voice.clip();
    let twice = [&clip[..], &clip[..]].concat();
    let mut all: Vec<f64> =
        middle.chunks_exact(4_000).map(|piece| measure::fit(piece, &twice, clip.len()).correlation).collect();
    assert!(!all.is_empty(), "{} samples are too few", heard.len());
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() * 3 / 4])
}

/// Has a baresip phone with that line called from the API and a customer, who hear each other that well: the customer and
/// the phone. Returns the legs of the record.
async fn talk(world: &World, line: Line<'_>, at_least: [(f64, f64); 2]) -> Vec<Value> {
    let fields = json!({ "extension_number": "1001", "tls_enabled": line.encrypted });
    let password = world.server.extension_with(&fields).await.unwrap();
    let voice = Voice::of_agent("1001");
    let says = world.wav("says.wav", &[&voice.clip()[..], &voice.clip()[..]].concat()).unwrap();
    let registrar = if line.ca_file.is_some() { world.server.sip_tls() } else { world.server.sip() };
    let account = Account { extension: "1001", password: &password, registrar, says: &says, answers: true };
    let phone = Baresip::start_with(account, line, world.server.spare(0), world.server.spare(9)).await.unwrap();
    let call = world.click("1001", CUSTOMER).await.unwrap();
    let far = world.carrier.call_to(CUSTOMER, PATIENCE).await.unwrap_or_else(|| panic!("{}", phone.log()));
    testkit::until("the customer hears enough", PATIENCE, async || {
        (far.heard_voice_lately().is_some() && far.heard().len() > 8_000 * SECONDS).then_some(())
    })
    .await
    .unwrap();
    phone.hang_up().await.unwrap();
    let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
    let there = likeness(voice, &far.heard());
    let here = likeness(Voice::of_customer(CUSTOMER), &phone.quit_and_listen().await.unwrap());
    eprintln!("{}: the customer hears {there:.3?}, the phone hears {here:.3?}", line.codecs);
    for ((median, best), least) in [there, here].into_iter().zip(at_least) {
        assert!(median >= least.0 && best >= least.1, "{}: {there:.3?} there, {here:.3?} here", line.codecs);
    }
    cdr["legs"].as_array().unwrap().clone()
}

fn codecs(legs: &[Value]) -> Vec<&str> {
    legs.iter().map(|leg| leg["codec"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_opus_and_a_customer_with_alaw_understand_each_other() {
    let world = world().await;
    let legs = talk(&world, Line { codecs: "opus/48000/2", ..PLAIN }, ALIKE).await;
    assert_eq!(codecs(&legs), ["opus", "PCMA"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_g722_and_a_customer_with_alaw_understand_each_other() {
    let world = world().await;
    let legs = talk(&world, Line { codecs: "G722/16000/1", ..PLAIN }, ALIKE).await;
    assert_eq!(codecs(&legs), ["G722", "PCMA"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_srtp_by_tls_talks_to_a_customer_in_plain() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let ca_file = papers.file("ca.pem");
    let legs = talk(&world, Line { ca_file: Some(&ca_file), encrypted: true, ..PLAIN }, [(0.99, 0.99); 2]).await;
    assert!(legs.iter().all(|leg| leg["rtp"]["received"].as_u64().unwrap() > 50), "{legs:?}");
    // What comes before the keys are known is dropped; nothing after that is.
    assert!(legs[0]["rtp"]["dropped"].as_u64().unwrap() <= 10, "{legs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opus_over_srtp_is_transcoded_too() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let ca_file = papers.file("ca.pem");
    let line = Line { codecs: "opus/48000/2", ca_file: Some(&ca_file), encrypted: true };
    assert_eq!(codecs(&talk(&world, line, ALIKE).await), ["opus", "PCMA"]);
}
