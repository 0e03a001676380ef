//! WebRTC legs, with an independent WebRTC stack at the far end.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use audio::measure;
use media::{Candidate, CandidateTransport, Codec, Config, Direction, EventKind, LegNo, Media, Peer, Remote, WebRtc};
use sip_proto::sdp;

use crate::browser::Browser;
use crate::phone::{Call, HERE, PATIENCE, Phone, config, remote, settled, soon};

const G711: &[sdp::Codec] = &[sdp::Codec::Pcma, sdp::Codec::Pcmu];
const OPUS: &[sdp::Codec] = &[sdp::Codec::Opus];

fn open() -> Media {
    Media::open(Config { webrtc_port: Some(0), ..config() }).unwrap()
}

fn local(ours: &WebRtc, codecs: &'static [sdp::Codec]) -> sdp::Local<'static> {
    let candidate = |candidate: &Candidate| sdp::Candidate {
        address: candidate.address,
        tcp: candidate.transport == CandidateTransport::Tcp,
    };
    sdp::Local {
        address: HERE,
        port: ours.candidates[0].address.port(),
        session_id: 1,
        version: 1,
        codecs,
        dtmf: true,
        direction: sdp::Direction::SendRecv,
        security: sdp::Security::WebRtc(Box::new(sdp::WebRtc {
            ufrag: ours.ufrag.clone(),
            password: sdp::Hidden::new(ours.password.clone()),
            fingerprint: ours.fingerprint,
            ssrc: ours.ssrc,
            candidates: ours.candidates.iter().map(candidate).collect(),
        })),
    }
}

fn far(agreed: &sdp::Agreed) -> Remote {
    let codec = match agreed.codec {
        sdp::Codec::Opus => Codec::Opus,
        sdp::Codec::Pcma => Codec::Pcma,
        sdp::Codec::Pcmu => Codec::Pcmu,
        sdp::Codec::G722 => Codec::G722,
    };
    Remote {
        codec,
        send_payload: agreed.payload,
        receive_payload: agreed.receive_payload,
        dtmf_send: agreed.dtmf_send,
        dtmf_receive: agreed.dtmf_receive,
        direction: Direction::SendReceive,
        webrtc: agreed.webrtc.as_ref().map(|peer| Peer { fingerprint: peer.fingerprint }),
        ..remote(agreed.remote, codec, 0)
    }
}

/// A browser that calls: its offer is answered, and the answer changed by `tamper` on its way back.
fn calls(
    call: &Call,
    browser: &Browser,
    codecs: &'static [sdp::Codec],
    tamper: impl Fn(String) -> String,
) -> (LegNo, WebRtc) {
    let (leg, ours) = call.session.open_webrtc_leg().unwrap();
    let (answer, agreed) = sdp::accept_offer(browser.offer().as_bytes(), &local(&ours, codecs)).unwrap();
    call.session.set_remote(leg.id, far(&agreed));
    browser.answered(&tamper(answer));
    (leg.id, ours)
}

fn untouched(answer: String) -> String {
    answer
}

/// Samples of what a browser heard so far.
fn mark(browser: &Browser) -> usize {
    browser.state().heard.len()
}

/// Waits until the browser heard what was said since `mark`, which may have come late by as much as `slack`.
fn heard(browser: &Browser, mark: usize, said: &[i16], slack: usize, what: &str) {
    let enough = mark + said.len() - 800 + slack;
    let state = browser.until(PATIENCE, |state| state.heard.len() >= enough);
    let Some(state) = state else {
        let state = browser.state();
        panic!("{what}: {} packets, connected {}, {:?}", state.received, state.connected, state.failed);
    };
    // Piece by piece: a packet that is lost on a busy machine moves what follows it.
    let fits: Vec<_> = (said.chunks(PIECE).enumerate())
        .map(|(number, piece)| {
            let begin = mark + (number * PIECE).saturating_sub(1_600);
            measure::fit(piece, &state.heard[begin..], slack + 3_200).correlation
        })
        .collect();
    let found = fits.iter().filter(|fit| **fit > SAME).count();
    assert!(found + 1 >= fits.len(), "{what}: {fits:?}");
}

/// Opus bends what is no real voice; other speech correlates by less than 0.3.
const SAME: f64 = 0.75;

/// Samples that are looked for at once.
const PIECE: usize = 4_000;

/// What a browser says goes on as silence: it may be late by this much.
const LATE: usize = 8_000;

#[tokio::test]
async fn a_browser_and_a_phone_hear_each_other() {
    let (server, phones) = (open(), Media::open(config()).unwrap());
    for (browsers, ours) in [(&[Codec::Pcmu][..], G711), (&[Codec::Pcma], G711), (&[Codec::Opus], OPUS)] {
        let mut call = Call::new(&server);
        let browser = Browser::new(browsers);
        let (a, _) = calls(&call, &browser, ours, untouched);
        let (b, b_address) = call.leg();
        let phone = Phone::new(&phones);
        phone.reach(b_address, Codec::Pcma, 101);
        call.session.set_remote(b, remote(phone.address, Codec::Pcma, 101));
        call.session.connect(a, b);
        assert!(browser.until(PATIENCE, |state| state.connected).is_some(), "{browsers:?} {:?}", browser.state());
        let (from_browser, from_phone) = (audio::tone::speech_like(1, 12_000), audio::tone::speech_like(2, 12_000));
        let at_phone = phone.call.session.capture(phone.leg, 100_000);
        browser.speak(&from_browser);
        let before = mark(&browser);
        phone.speak(&from_phone);
        heard(&browser, before, &from_phone, 0, &format!("{browsers:?}"));
        let captured = soon(at_phone.at_least(16_000)).await;
        let fit = measure::fit(&from_browser, &captured, captured.len());
        assert!(fit.correlation > SAME, "{browsers:?} {fit:?}");
        browser.press("5");
        assert_eq!(call.event().await, EventKind::Dtmf { leg: a, digit: '5' });
        phone.call.session.send_dtmf(phone.leg, "8");
        assert_eq!(call.event().await, EventKind::Dtmf { leg: b, digit: '8' });
        assert!(browser.until(PATIENCE, |state| state.keys == "8").is_some(), "{:?}", browser.state().keys);
        let finished = soon(call.session.finish()).await.unwrap();
        assert_eq!(finished.legs[0].dropped.unauthentic, 0, "{finished:?}");
    }
}

#[tokio::test]
async fn a_browser_that_is_called_answers() {
    let server = open();
    let call = Call::new(&server);
    let (leg, ours) = call.session.open_webrtc_leg().unwrap();
    let local = local(&ours, &[sdp::Codec::Opus, sdp::Codec::Pcma]);
    let browser = Browser::new(&[Codec::Opus, Codec::Pcma]);
    let answer = browser.answer(&sdp::offer(&local));
    // It begins to check and to shake hands before we know its answer.
    assert!(browser.until(PATIENCE, |state| state.found).is_some(), "{:?}", browser.state());
    let agreed = sdp::accept_answer(&local, answer.as_bytes());
    let agreed = agreed.unwrap_or_else(|refused| panic!("{refused}: {answer}"));
    call.session.set_remote(leg.id, far(&agreed));
    // An echo.
    call.session.hears(leg.id, &[leg.id]);
    let said = audio::tone::speech_like(3, 12_000);
    let before = mark(&browser);
    browser.speak(&said);
    heard(&browser, before, &said, LATE, "the echo");
}

#[tokio::test]
async fn two_browsers_share_one_port() {
    let server = open();
    let call = Call::new(&server);
    let browsers = [Browser::new(&[Codec::Opus]), Browser::new(&[Codec::Opus])];
    let [(a, first), (b, second)] = browsers.each_ref().map(|browser| calls(&call, browser, OPUS, untouched));
    assert_eq!(first.candidates, second.candidates);
    call.session.connect(a, b);
    let said = [audio::tone::speech_like(1, 12_000), audio::tone::speech_like(2, 12_000)];
    for browser in &browsers {
        assert!(browser.until(PATIENCE, |state| state.connected).is_some());
    }
    let before = browsers.each_ref().map(mark);
    for (browser, said) in browsers.iter().zip(&said) {
        browser.speak(said);
    }
    heard(&browsers[0], before[0], &said[1], LATE, "the second by the first");
    heard(&browsers[1], before[1], &said[0], LATE, "the first by the second");
}

#[tokio::test]
async fn ice_begins_anew_and_the_call_goes_on() {
    let server = open();
    let call = Call::new(&server);
    let browser = Browser::new(&[Codec::Pcmu]);
    let (leg, ours) = calls(&call, &browser, G711, untouched);
    call.session.hears(leg, &[leg]);
    assert!(browser.until(PATIENCE, |state| state.connected).is_some());
    let offer = browser.restart();
    assert_ne!(sdp::webrtc_peer(offer.as_bytes()).unwrap().ufrag, "", "it has a name");
    let restarted = call.session.restart_ice(&ours);
    assert_ne!((&restarted.ufrag, &restarted.password), (&ours.ufrag, &ours.password));
    let (answer, agreed) = sdp::accept_offer(offer.as_bytes(), &local(&restarted, G711)).unwrap();
    call.session.set_remote(leg, far(&agreed));
    browser.answered(&answer);
    let said = audio::tone::speech_like(4, 12_000);
    let before = mark(&browser);
    browser.speak(&said);
    heard(&browser, before, &said, LATE, "after the restart");
    assert!(browser.until(PATIENCE, |state| state.found).is_some());
}

#[tokio::test]
async fn another_certificate_than_that_of_the_sdp_is_refused() {
    let server = open();
    let mut call = Call::new(&server);
    let browser = Browser::new(&[Codec::Pcmu]);
    let (leg, ours) = call.session.open_webrtc_leg().unwrap();
    let (answer, agreed) = sdp::accept_offer(browser.offer().as_bytes(), &local(&ours, G711)).unwrap();
    let wrong = Remote { webrtc: Some(Peer { fingerprint: [7; 32] }), ..far(&agreed) };
    call.session.set_remote(leg.id, wrong);
    call.session.hears(leg.id, &[leg.id]);
    browser.speak(&[10_000; 16_000]);
    browser.answered(&answer);
    assert_eq!(call.event().await, EventKind::Insecure { leg: leg.id });
    settled(&server).await;
    let finished = soon(call.session.finish()).await.unwrap();
    assert_eq!((finished.legs[0].received, finished.legs[0].sent), (0, 0), "{finished:?}");
    assert_eq!(browser.state().received, 0);
}

#[tokio::test]
async fn who_does_not_know_the_password_is_not_heard() {
    let server = open();
    let call = Call::new(&server);
    let (good, bad) = (Browser::new(&[Codec::Pcmu]), Browser::new(&[Codec::Pcmu]));
    let tamper = |answer: String| {
        let line = answer.lines().find(|line| line.starts_with("a=ice-pwd:")).unwrap().to_owned();
        answer.replace(&line, "a=ice-pwd:AAAAAAAAAAAAAAAAAAAAAAAA")
    };
    let (bad_leg, _) = calls(&call, &bad, G711, tamper);
    let (good_leg, _) = calls(&call, &good, G711, untouched);
    assert!(good.until(PATIENCE, |state| state.connected).is_some());
    assert!(bad.until(Duration::from_millis(500), |state| state.found).is_none());
    let finished = soon(call.session.finish()).await.unwrap();
    let received = |leg: LegNo| finished.legs.iter().find(|stats| stats.leg == leg).map(|stats| stats.received);
    assert_eq!(received(bad_leg), Some(0));
    assert!(received(good_leg).is_some());
}

#[tokio::test]
async fn a_flood_of_strangers_leaves_a_call_alone() {
    let server = open();
    let call = Call::new(&server);
    let browser = Browser::new(&[Codec::Pcmu]);
    let (leg, ours) = calls(&call, &browser, G711, untouched);
    call.session.hears(leg, &[leg]);
    assert!(browser.until(PATIENCE, |state| state.connected).is_some());
    let to = ours.candidates[0].address;
    let said = audio::tone::speech_like(5, 12_000);
    let before = mark(&browser);
    browser.speak(&said);
    let strangers: Vec<UdpSocket> = (0..20).map(|_| UdpSocket::bind((HERE, 0)).unwrap()).collect();
    let mut request = vec![0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42];
    request.extend([9; 12]);
    request.extend([0, 6, 0, 12]);
    request.extend(format!("{}:abc", ours.ufrag).bytes());
    for round in 0..2_000u32 {
        let stranger = &strangers[round as usize % strangers.len()];
        let packet: &[u8] = match round % 4 {
            0 => &request,
            1 => &[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3],
            2 => &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0],
            _ => &[0xff; 1_400],
        };
        stranger.send_to(packet, to).unwrap();
    }
    heard(&browser, before, &said, LATE, "under a flood");
    for stranger in strangers {
        stranger.set_nonblocking(true).unwrap();
        assert!(stranger.recv(&mut [0; 100]).is_err(), "nobody is answered who proves nothing");
    }
}

#[tokio::test]
async fn a_leg_that_is_moved_to_another_thread_keeps_its_browser() {
    let server = Media::open(Config { threads: 2, webrtc_port: Some(0), ..config() }).unwrap();
    let (first, second) = (Call::new(&server), Call::new(&server));
    let browser = Browser::new(&[Codec::Pcmu]);
    let (mut leg, ours) = calls(&first, &browser, G711, untouched);
    assert!(browser.until(PATIENCE, |state| state.connected).is_some());
    let mut homes = [&first, &second].into_iter().cycle();
    let mut at = homes.next().unwrap();
    for (round, next) in (6u32..).zip(homes.take(4)) {
        let detached = soon(at.session.detach(leg)).await.unwrap();
        (leg, at) = (next.session.adopt(detached), next);
        at.session.hears(leg, &[leg]);
        let said = audio::tone::speech_like(round, 8_000);
        let before = mark(&browser);
        browser.speak(&said);
        heard(&browser, before, &said, LATE, &format!("in round {round}"));
        if round == 6 {
            // Its name is renewed at home, wherever it is.
            let offer = browser.restart();
            let restarted = at.session.restart_ice(&ours);
            let (answer, agreed) = sdp::accept_offer(offer.as_bytes(), &local(&restarted, G711)).unwrap();
            at.session.set_remote(leg, far(&agreed));
            browser.answered(&answer);
        }
    }
}

#[tokio::test]
async fn a_browser_that_has_no_udp_comes_by_tcp() {
    let server = Media::open(Config { threads: 2, webrtc_port: Some(0), ..config() }).unwrap();
    let (first, second) = (Call::new(&server), Call::new(&server));
    let browser = Browser::by_tcp(&[Codec::Pcmu]);
    let (leg, ours) = calls(&first, &browser, G711, untouched);
    first.session.hears(leg, &[leg]);
    assert!(browser.until(PATIENCE, |state| state.connected).is_some(), "{:?}", browser.state().failed);
    let said = audio::tone::speech_like(8, 12_000);
    let before = mark(&browser);
    browser.speak(&said);
    heard(&browser, before, &said, LATE, "by TCP");
    // On another thread it is heard as well.
    let detached = soon(first.session.detach(leg)).await.unwrap();
    let leg = second.session.adopt(detached);
    second.session.hears(leg, &[leg]);
    let said = audio::tone::speech_like(9, 12_000);
    let before = mark(&browser);
    browser.speak(&said);
    heard(&browser, before, &said, LATE, "by TCP and elsewhere");
    // A stranger who connects proves nothing and is told nothing; rubbish closes the connection.
    let at = ours.candidates.iter().find(|candidate| candidate.transport == CandidateTransport::Tcp).unwrap().address;
    let mut stranger = std::net::TcpStream::connect(at).unwrap();
    stranger.write_all(&[0, 4, 0, 1, 2, 3]).unwrap();
    stranger.write_all(&[0xff; 40]).unwrap();
    assert_eq!(stranger.read(&mut [0; 10]).unwrap_or(0), 0);
    let crowd: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect(at).unwrap()).collect();
    let said = audio::tone::speech_like(10, 12_000);
    let before = mark(&browser);
    browser.speak(&said);
    heard(&browser, before, &said, LATE, "beside a crowd");
    drop(crowd);
    // Whoever hangs up frees the connection.
    second.session.close_leg(leg);
    settled(&server).await;
}

#[test]
fn without_a_port_there_is_no_webrtc() {
    let server = Media::open(config()).unwrap();
    assert!(!server.has_webrtc());
    assert!(Call::new(&server).session.open_webrtc_leg().is_err());
    let taken: SocketAddr = {
        let socket = UdpSocket::bind((HERE, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let refused = Media::open(Config { webrtc_port: Some(address.port()), ..config() });
        assert!(refused.is_err_and(|error| error.to_string().contains(&address.to_string())));
        address
    };
    assert!(Media::open(Config { webrtc_port: Some(taken.port()), ..config() }).unwrap().has_webrtc());
}
