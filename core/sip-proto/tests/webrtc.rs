//! What browsers offer and answer.

use std::net::{IpAddr, Ipv4Addr};

use sip_proto::sdp::{
    Agreed, Candidate, Codec, Direction, Hidden, Local, Refused, Security, Session, WebRtc, accept_answer,
    accept_offer, offer, webrtc_peer,
};

/// Chromium 156, before a candidate was found.
const CHROMIUM: &str = include_str!("browsers/chromium.sdp");
/// Firefox ESR 153, after all were.
const FIREFOX: &str = include_str!("browsers/firefox.sdp");

fn local(codecs: &'static [Codec]) -> Local<'static> {
    let candidate = |address: &str, tcp| Candidate { address: address.parse().expect("an address"), tcp };
    Local {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 3_478,
        session_id: 7,
        version: 1,
        codecs,
        dtmf: true,
        direction: Direction::SendRecv,
        security: Security::WebRtc(Box::new(WebRtc {
            ufrag: "abcd1234".to_owned(),
            password: Hidden::new("secretsecretsecretsecret".to_owned()),
            fingerprint: [0xa5; 32],
            ssrc: 0x1234,
            candidates: vec![
                candidate("192.0.2.1:3478", false),
                candidate("[2001:db8::1]:3478", false),
                candidate("192.0.2.1:3478", true),
            ],
        })),
    }
}

const BOTH: &[Codec] = &[Codec::Pcma, Codec::Opus];

/// Lines end as they do on the wire.
fn wire(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn accept(offer: &str) -> Result<(String, Agreed), Refused> {
    accept_offer(wire(offer).as_bytes(), &local(BOTH))
}

#[test]
fn chromium_is_answered() {
    let (answer, agreed) = accept(CHROMIUM).expect("an answer");
    assert_eq!(
        answer,
        wire(&format!(
            "v=0\no=- 7 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=group:BUNDLE 0\na=ice-lite\n\
             m=audio 3478 UDP/TLS/RTP/SAVPF 8 126\na=rtpmap:8 PCMA/8000\na=rtpmap:126 telephone-event/8000\n\
             a=fmtp:126 0-15\na=ptime:20\na=sendrecv\na=mid:0\na=rtcp-mux\na=ice-ufrag:abcd1234\n\
             a=ice-pwd:secretsecretsecretsecret\na=fingerprint:sha-256 {}\na=setup:passive\n\
             a=msid:zorio00001234 audio\na=ssrc:4660 cname:zorio00001234\n\
             a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host\n\
             a=candidate:2 1 udp 2130706175 2001:db8::1 3478 typ host\n\
             a=candidate:3 1 tcp 1526726143 192.0.2.1 3478 typ host tcptype passive\na=end-of-candidates\n",
            ["A5"; 32].join(":")
        ))
    );
    let peer = agreed.webrtc.expect("a browser");
    assert_eq!(peer.ufrag, "tznj");
    assert_eq!(peer.fingerprint[..4], [0x92, 0x96, 0xdb, 0x24]);
    assert_eq!((agreed.codec, agreed.payload, agreed.dtmf_send), (Codec::Pcma, 8, Some(126)));
    assert_eq!(agreed.direction, Direction::SendRecv, "0.0.0.0 holds nobody here");
    let (answer, agreed) = accept_offer(wire(CHROMIUM).as_bytes(), &local(&[Codec::Opus])).expect("an answer");
    assert_eq!((agreed.codec, agreed.payload, agreed.dtmf_receive), (Codec::Opus, 111, Some(110)));
    assert!(answer.contains("a=rtpmap:111 opus/48000/2\r\n"), "{answer}");
}

#[test]
fn firefox_is_answered() {
    let (answer, agreed) = accept(FIREFOX).expect("an answer");
    assert!(answer.contains("m=audio 3478 UDP/TLS/RTP/SAVPF 8 101\r\n"), "{answer}");
    let peer = agreed.webrtc.expect("a browser");
    assert_eq!((peer.ufrag.as_str(), peer.fingerprint[31]), ("be26875e", 0x96), "its fingerprint is the session's");
    assert_eq!(webrtc_peer(wire(FIREFOX).as_bytes()), Some(peer));
}

#[test]
fn a_browser_can_put_us_on_hold() {
    for (theirs, ours) in [("sendonly", Direction::RecvOnly), ("inactive", Direction::Inactive)] {
        let held = CHROMIUM.replace("a=sendrecv", &format!("a={theirs}"));
        assert_eq!(accept(&held).expect("an answer").1.direction, ours);
    }
}

#[test]
fn what_a_browser_answers_is_taken() {
    let ours = local(&[Codec::Opus, Codec::Pcma, Codec::Pcmu]);
    let text = offer(&ours);
    for line in
        ["a=setup:passive", "a=mid:0", "a=group:BUNDLE 0", "a=ice-lite", "a=rtcp-mux", "UDP/TLS/RTP/SAVPF 111 8"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    let answer = CHROMIUM.replace("a=setup:actpass", "a=setup:active").replace(" 111 63 9 0 8 13 110 126", " 111 110");
    let agreed = accept_answer(&ours, wire(&answer).as_bytes()).expect("an agreement");
    assert_eq!((agreed.codec, agreed.receive_payload, agreed.dtmf_receive), (Codec::Opus, 111, Some(110)));
    assert!(agreed.webrtc.is_some());
    // We wait for the other's handshake; who wants us to begin is refused, and so is plain audio.
    for wrong in [
        answer.replace("a=setup:active", "a=setup:passive"),
        answer.replace("a=setup:active", "a=setup:actpass"),
        answer.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        answer.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"),
    ] {
        assert_eq!(accept_answer(&ours, wire(&wrong).as_bytes()), Err(Refused::NotAcceptable), "{wrong}");
    }
}

#[test]
fn hostile_and_hopeless_offers_are_refused() {
    let print = "a=fingerprint:sha-256 92:96";
    for (line, instead) in [
        ("a=rtcp-mux", "a=nothing"),
        ("a=ice-ufrag:tznj", "a=nothing"),
        ("a=ice-ufrag:tznj", "a=ice-ufrag:abc"),
        ("a=ice-ufrag:tznj", "a=ice-ufrag:a b c d"),
        ("a=ice-pwd:l5FakQGmdfJvucjJ0pLUdlnI", "a=ice-pwd:short"),
        ("a=ice-pwd:l5FakQGmdfJvucjJ0pLUdlnI", "a=nothing"),
        ("a=setup:actpass", "a=setup:passive"),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("a=setup:actpass", "a=nothing"),
        (print, "a=fingerprint:sha-1 92:96"),
        (print, "a=fingerprint:sha-256 92"),
        (print, "a=fingerprint:sha-256 +2:96"),
        (print, "a=fingerprint:sha-256 XX:96"),
        (print, "a=nothing:"),
        (" 111 63 9 0 8 13 110 126", " 63 13 126"),
        ("UDP/TLS/RTP/SAVPF", "UDP/TLS/UDPTL"),
        ("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"),
        ("m=audio 9", "m=audio 0"),
    ] {
        assert!(CHROMIUM.contains(line), "{line}");
        let offer = CHROMIUM.replace(line, instead);
        assert_eq!(accept(&offer).err(), Some(Refused::NotAcceptable), "{instead} for {line}");
        assert_eq!(Refused::NotAcceptable.status(), 488);
    }
    let long = CHROMIUM.replace("tznj", &"a".repeat(257));
    assert_eq!(accept(&long).err(), Some(Refused::NotAcceptable));
    // Who does not speak it refuses it, and who does nothing else.
    let plain = Local { security: Security::Plain, ..local(BOTH) };
    assert_eq!(accept_offer(wire(CHROMIUM).as_bytes(), &plain).err(), Some(Refused::NotAcceptable));
    assert_eq!(accept_offer(offer(&plain).as_bytes(), &local(BOTH)).err(), Some(Refused::NotAcceptable));
    assert_eq!(webrtc_peer(offer(&plain).as_bytes()), None);
}

#[test]
fn only_one_stream_is_taken_and_the_group_says_so() {
    let two = format!("{CHROMIUM}m=video 9 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=mid:1\n");
    let two = two.replace("a=group:BUNDLE 0", "a=group:BUNDLE 0 1");
    let (answer, _) = accept(&two).expect("an answer");
    assert!(answer.contains("a=group:BUNDLE 0\r\n") && answer.contains("m=video 0 UDP/TLS/RTP/SAVPF 96"), "{answer}");
    let (answer, _) = accept(&CHROMIUM.replace("a=group:BUNDLE 0\n", "")).expect("an answer");
    assert!(!answer.contains("BUNDLE"), "{answer}");
}

#[test]
fn the_password_is_not_shown() {
    let local = local(BOTH);
    let shown = format!("{local:?} {:?}", local.security);
    assert!(!shown.contains("secret"), "{shown}");
    assert!(Session::parse(offer(&local).as_bytes()).is_ok());
}
