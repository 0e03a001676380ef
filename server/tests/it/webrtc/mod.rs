//! Calls of browsers through the real server: SIP over WebSocket, media by a WebRTC stack that is not ours.

mod phone;

use std::time::Duration;

use audio::wav::Wav;
use sandbox::Voice;
use testkit::{Browser, World, browser::State, until, world::PATIENCE};

use self::phone::{WebPhone, body};
use crate::calls::{
    talk::{CUSTOMER, all_over, hears},
    world,
};

/// Samples of a second and a half.
const LATELY: usize = 12_000;
/// Who the browser is, by its voice.
const NUMBER: &str = "1005";

/// Has a browser talk for so many seconds.
fn talks(browser: &Browser, seconds: usize) {
    let clip = Voice::of_agent(NUMBER).clip();
    let said: Vec<i16> = clip.iter().copied().cycle().take(seconds * 8_000).collect();
    browser.speak(&said);
}

fn voice(state: &State) -> Option<Voice> {
    Voice::heard_in(&state.heard[state.heard.len().saturating_sub(LATELY)..])
}

/// Waits until a browser hears that voice.
async fn browser_hears(browser: &Browser, expected: Voice) {
    let heard = until("the browser hears the voice", PATIENCE, async || {
        (voice(&browser.state()) == Some(expected)).then_some(())
    });
    if let Err(error) = heard.await {
        let state = browser.state();
        panic!("{error}: {} packets, connected {}, {:?}", state.received, state.connected, state.failed);
    }
}

async fn calls_customer(world: &World, codecs: &[audio::Codec]) -> (WebPhone, Browser, phone::Dialog, sandbox::Call) {
    let mut phone = WebPhone::register(world, NUMBER).await;
    let browser = Browser::new(codecs);
    let dialog = phone.call(CUSTOMER, &browser).await;
    let far = world.carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    talks(&browser, 60);
    browser_hears(&browser, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent(NUMBER)).await;
    (phone, browser, dialog, far)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_calls_a_customer_and_each_hears_the_other() {
    let world = world().await;
    let (mut phone, browser, mut dialog, far) = calls_customer(&world, &[audio::Codec::Opus, audio::Codec::Pcma]).await;
    browser.press("42");
    until("the keys arrive", PATIENCE, async || (far.keys() == "42").then_some(())).await.unwrap();
    phone.hang_up(&mut dialog).await;
    assert!(far.over(PATIENCE).await.is_some());
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_speaks_opus_alone_is_understood() {
    let world = world().await;
    let (_phone, _browser, _dialog, far) = calls_customer(&world, &[audio::Codec::Opus]).await;
    far.hang_up();
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_phone_calls_a_browser() {
    let world = world().await;
    let mut phone = WebPhone::register(&world, NUMBER).await;
    let agent = world.agent("1001").await.unwrap();
    let desk = agent.dial(NUMBER).unwrap();
    let browser = Browser::new(&[audio::Codec::Opus, audio::Codec::Pcmu]);
    let _dialog = phone.pick_up(&browser).await;
    talks(&browser, 60);
    browser_hears(&browser, Voice::of_agent("1001")).await;
    hears(&desk, Voice::of_agent(NUMBER)).await;
    desk.press("7");
    assert!(browser.until(PATIENCE, |state| state.keys == "7").is_some(), "{:?}", browser.state().keys);
    desk.hang_up();
    phone.expect_request("BYE").await;
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_holds_and_takes_back() {
    let world = world().await;
    let (mut phone, browser, mut dialog, far) = calls_customer(&world, &[audio::Codec::Pcma]).await;
    // As JsSIP holds: the same offer with another direction.
    let offer = browser.restart();
    let answer = phone.offer_again(&mut dialog, &offer.replace("a=sendrecv", "a=sendonly")).await;
    assert_eq!(answer.status(), Some(200));
    assert!(body(&answer).contains("a=recvonly"), "{}", body(&answer));
    browser.answered(&body(&answer));
    until("the customer hears music", PATIENCE, async || {
        let heard = far.heard();
        let lately = &heard[heard.len().saturating_sub(8_000)..];
        let loud = lately.iter().filter(|sample| sample.unsigned_abs() > 400).count();
        (far.heard_voice_lately().is_none() && loud > 800).then_some(())
    })
    .await
    .unwrap();
    let offer = browser.restart();
    let answer = phone.offer_again(&mut dialog, &offer.replace("a=sendonly", "a=sendrecv")).await;
    assert!(body(&answer).contains("a=sendrecv"), "{}", body(&answer));
    browser.answered(&body(&answer));
    browser_hears(&browser, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent(NUMBER)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ice_begins_anew_within_a_call() {
    let world = world().await;
    let (mut phone, browser, mut dialog, far) = calls_customer(&world, &[audio::Codec::Pcma]).await;
    let offer = browser.restart();
    let answer = phone.offer_again(&mut dialog, &offer).await;
    assert_eq!(answer.status(), Some(200));
    browser.answered(&body(&answer));
    let before = browser.state().heard.len();
    assert!(browser.until(PATIENCE, |state| state.found && state.heard.len() > before + 16_000).is_some());
    browser_hears(&browser, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent(NUMBER)).await;
    // The very same offer again is a refresh: the answer keeps name and password.
    let again = phone.offer_again(&mut dialog, &offer).await;
    let name = |sdp: &str| sdp.lines().find(|line| line.starts_with("a=ice-ufrag:")).map(str::to_owned);
    assert_eq!(name(&body(&again)), name(&body(&answer)));
    // Another certificate would be another browser.
    let print = offer.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let other = offer.replace(print, &format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":")));
    assert_eq!(phone.offer_again(&mut dialog, &other).await.status(), Some(488));
    phone.hang_up(&mut dialog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_hands_a_customer_on() {
    let world = world().await;
    let (mut phone, _browser, mut dialog, far) = calls_customer(&world, &[audio::Codec::Pcma]).await;
    let second = world.agent("1002").await.unwrap();
    phone.refer(&mut dialog, "1002").await;
    let taken = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&far, Voice::of_agent("1002")).await;
    hears(&taken, Voice::of_customer(CUSTOMER)).await;
    phone.expect_request("BYE").await;
    far.hang_up();
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_says_is_in_the_recording() {
    let world = world().await;
    let (mut phone, _browser, mut dialog, far) = calls_customer(&world, &[audio::Codec::Opus]).await;
    let before = far.heard().len();
    until("they talk", PATIENCE, async || (far.heard().len() >= before + 24_000).then_some(())).await.unwrap();
    let live = world.crm().get("/api/pbx/calls").await.unwrap();
    let call = live.json["data"][0]["call_uuid"].as_str().unwrap().to_owned();
    phone.hang_up(&mut dialog).await;
    world.event("pbx.cdr.created", &call).await.unwrap();
    let file = world.crm().recording(&call).await.unwrap().expect("there is a recording");
    let wav = Wav::parse(&file).unwrap();
    let sides =
        [wav.channel(0), wav.channel(1)].map(|side| Voice::heard_in(&side[side.len().saturating_sub(20_000)..]));
    assert_eq!(sides, [Some(Voice::of_agent(NUMBER)), Some(Voice::of_customer(CUSTOMER))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hopeless_offers_are_refused() {
    let world = world().await;
    let mut phone = WebPhone::register(&world, NUMBER).await;
    let offer = Browser::new(&[audio::Codec::Opus]).offer();
    for (line, instead) in [
        ("a=rtcp-mux", "a=x"),
        ("a=setup:actpass", "a=setup:passive"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
    ] {
        assert!(offer.contains(line), "{line} in {offer}");
        let (answer, _) = phone.invite(CUSTOMER, &offer.replace(line, instead)).await;
        assert_eq!(answer.status(), Some(488), "{instead}");
    }
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_whose_certificate_is_not_that_of_its_offer_is_cut_off() {
    let world = world().await;
    let mut phone = WebPhone::register(&world, NUMBER).await;
    let browser = Browser::new(&[audio::Codec::Pcma]);
    let offer = browser.offer();
    let print = offer.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let forged = offer.replace(print, &format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":")));
    let (answer, _) = phone.invite(CUSTOMER, &forged).await;
    assert_eq!(answer.status(), Some(200));
    browser.answered(&body(&answer));
    phone.expect_request("BYE").await;
    assert_eq!(browser.state().received, 0, "nothing was sent to it");
    all_over(&world).await;
}

/// Nothing on the way waits for a timer: DTLS repeats itself after a second, ICE sooner.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_hears_within_a_second_of_its_invite() {
    let world = world().await;
    let mut phone = WebPhone::register(&world, NUMBER).await;
    let mut times = Vec::new();
    for _ in 0..9 {
        let browser = Browser::new(&[audio::Codec::Pcma]);
        let offer = browser.offer();
        let began = tokio::time::Instant::now();
        let (answer, mut dialog) = phone.invite("*60", &offer).await;
        browser.answered(&body(&answer));
        assert!(browser.until(PATIENCE, |state| state.received > 0).is_some());
        times.push(began.elapsed());
        phone.hang_up(&mut dialog).await;
    }
    times.sort_unstable();
    assert!(times[4] < Duration::from_secs(1), "{times:?}");
}
