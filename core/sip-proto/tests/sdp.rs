//! Session descriptions, offers and answers.

use std::net::{IpAddr, SocketAddr};

use sip_proto::{
    limits,
    sdp::{Agreed, Codec, Direction, Local, Refused, Security, Session, accept_answer, accept_offer, offer},
};

fn local(codecs: &[Codec]) -> Local<'_> {
    Local {
        address: IpAddr::from([192, 0, 2, 1]),
        port: 30_000,
        session_id: 7,
        version: 1,
        codecs,
        dtmf: true,
        direction: Direction::SendRecv,
        security: Security::Plain,
    }
}

const BOTH: Local<'static> = Local {
    address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    port: 30_000,
    session_id: 7,
    version: 1,
    codecs: &[Codec::Pcma, Codec::Pcmu],
    dtmf: true,
    direction: Direction::SendRecv,
    security: Security::Plain,
};

/// A description with these lines behind the head.
fn described(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

fn accept(lines: &str) -> Result<Agreed, Refused> {
    accept_offer(described(lines).as_bytes(), &BOTH).map(|(_, agreed)| agreed)
}

fn answered(lines: &str) -> String {
    accept_offer(described(lines).as_bytes(), &BOTH).expect("the offer is acceptable").0
}

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], port))
}

#[test]
fn an_offer_lists_what_we_have() {
    assert_eq!(
        offer(&BOTH),
        "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 30000 RTP/AVP 8 0 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let v6 = Local { address: "2001:db8::1".parse().expect("an address"), dtmf: false, ..local(&[Codec::Pcmu]) };
    let text = offer(&v6);
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n") && text.contains("m=audio 30000 RTP/AVP 0\r\n"));
}

#[test]
fn we_agree_with_ourselves() {
    for codecs in [&[Codec::Pcmu][..], &[Codec::Pcma], &[Codec::Pcma, Codec::Pcmu]] {
        let caller = local(codecs);
        let callee = Local { address: IpAddr::from([192, 0, 2, 2]), port: 40_000, ..BOTH };
        let (answer, theirs) = accept_offer(offer(&caller).as_bytes(), &callee).expect("an answer");
        let ours = accept_answer(&caller, answer.as_bytes()).expect("an agreement");
        assert_eq!((ours.codec, theirs.codec), (codecs[0], codecs[0]));
        assert_eq!(
            (ours.remote, ours.remote_rtcp),
            (SocketAddr::from(([192, 0, 2, 2], 40_000)), SocketAddr::from(([192, 0, 2, 2], 40_001)))
        );
        assert_eq!((ours.dtmf_send, ours.dtmf_receive, theirs.dtmf_send), (Some(101), Some(101), Some(101)));
        assert_eq!((ours.direction, theirs.direction, ours.ptime), (Direction::SendRecv, Direction::SendRecv, 20));
    }
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let agreed = accept("m=audio 4000 RTP/AVP 0\r\n").expect("an agreement");
    assert_eq!((agreed.codec, agreed.payload, agreed.dtmf_send), (Codec::Pcmu, 0, None));
    assert_eq!(accept("m=audio 4000 RTP/AVP 8 0\r\n").map(|agreed| agreed.codec), Ok(Codec::Pcma));
    // Our preference counts: only we know the other leg.
    assert_eq!(accept("m=audio 4000 RTP/AVP 0 8\r\n").map(|agreed| agreed.codec), Ok(Codec::Pcma));
    // A number that is given another meaning is not what it usually is.
    assert_eq!(accept("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 GSM/8000\r\n"), Err(Refused::NotAcceptable));
}

#[test]
fn dynamic_payload_types_are_kept() {
    let agreed = accept(
        "m=audio 4000 RTP/AVP 97 96 110 126\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:96 pcmu/8000\r\n\
         a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-16\r\n",
    )
    .expect("an agreement");
    assert_eq!((agreed.codec, agreed.payload, agreed.receive_payload), (Codec::Pcmu, 96, 96));
    assert_eq!((agreed.dtmf_send, agreed.dtmf_receive), (Some(126), Some(126)));
    // An answer may number events otherwise than the offer did.
    let answer = described("m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n");
    let agreed = accept_answer(&BOTH, answer.as_bytes()).expect("an agreement");
    assert_eq!((agreed.dtmf_send, agreed.dtmf_receive, agreed.receive_payload), (Some(96), Some(101), 8));
}

#[test]
fn the_answerers_first_codec_is_the_one() {
    let answer = described("m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!(accept_answer(&BOTH, answer.as_bytes()).map(|agreed| agreed.codec), Ok(Codec::Pcmu));
}

#[test]
fn holds_are_understood_in_both_styles() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let table = [
        ("a=sendrecv\r\n", SendRecv, SendRecv),
        ("", SendRecv, SendRecv),
        ("a=sendonly\r\n", SendRecv, RecvOnly),
        ("a=recvonly\r\n", SendRecv, SendOnly),
        ("a=inactive\r\n", SendRecv, Inactive),
        ("a=sendrecv\r\n", SendOnly, SendOnly),
        ("a=sendonly\r\n", SendOnly, Inactive),
        ("a=sendrecv\r\n", Inactive, Inactive),
        ("c=IN IP4 0.0.0.0\r\n", SendRecv, RecvOnly),
        ("c=IN IP4 0.0.0.0\r\na=inactive\r\n", SendRecv, Inactive),
    ];
    for (theirs, ours, expected) in table {
        let offer = described(&format!("m=audio 4000 RTP/AVP 0\r\n{theirs}"));
        let (answer, agreed) = accept_offer(offer.as_bytes(), &Local { direction: ours, ..BOTH }).expect("an answer");
        assert_eq!(agreed.direction, expected, "{theirs} {ours:?}");
        assert!(answer.contains(&format!("a={}\r\n", expected.as_str())), "{answer}");
        let agreed = accept_answer(&Local { direction: ours, ..BOTH }, offer.as_bytes()).expect("an agreement");
        assert_eq!(agreed.direction, expected, "{theirs} {ours:?}");
    }
    // At session level it holds for every stream that says nothing.
    let agreed = accept("a=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n").expect("an agreement");
    assert_eq!(agreed.direction, RecvOnly);
}

#[test]
fn other_streams_are_declined_in_their_place() {
    let answer = answered(
        "m=video 5000 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0\r\n\
         m=audio 4004 RTP/AVP 8\r\nm=message 7000 TCP/MSRP *\r\n",
    );
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 30000 RTP/AVP 0",
            "m=audio 0 RTP/AVP 8",
            "m=message 0 TCP/MSRP *",
        ]
    );
}

#[test]
fn rtcp_goes_where_the_audio_goes() {
    let of = |lines: &str| accept(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).expect("an agreement").remote_rtcp;
    assert_eq!(of(""), peer(4001));
    assert_eq!(of("a=rtcp:5005\r\n"), peer(5005));
    assert_eq!(of("a=rtcp:5005 IN IP4 198.51.100.7\r\n"), peer(5005));
    // A third party is not sent to, nor is a system port.
    assert_eq!(of("a=rtcp:5005 IN IP4 203.0.113.9\r\n"), peer(5005));
    assert_eq!(of("a=rtcp:53\r\n"), peer(4001));
    let last = accept("m=audio 65535 RTP/AVP 0\r\n").expect("an agreement");
    assert_eq!((last.remote, last.remote_rtcp), (peer(65_535), peer(65_535)));
}

#[test]
fn packet_times_are_the_usual_ones() {
    for (lines, expected) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:20.5\r\n", 20),
        ("a=ptime:0\r\n", 20),
        ("a=ptime:7\r\n", 20),
        ("a=ptime:65535\r\n", 20),
        ("a=ptime:99999999\r\n", 20),
        ("a=ptime:60\r\na=maxptime:40\r\n", 20),
        ("a=maxptime:10\r\n", 10),
        ("a=maxptime:0\r\n", 20),
    ] {
        let agreed = accept(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).expect("an agreement");
        assert_eq!(agreed.ptime, expected, "{lines}");
    }
}

#[test]
fn both_address_families_work_but_do_not_mix() {
    let v6 = Local { address: "2001:db8::1".parse().expect("an address"), ..BOTH };
    let six = "v=0\r\no=- 1 1 IN IP6 2001:db8::7\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\n";
    let (answer, agreed) = accept_offer(six.as_bytes(), &v6).expect("an answer");
    assert_eq!(agreed.remote, "[2001:db8::7]:4000".parse().expect("an address"));
    assert!(answer.contains("o=- 7 1 IN IP6 2001:db8::1\r\n"));
    assert_eq!(accept_offer(six.as_bytes(), &BOTH).map(|(_, agreed)| agreed), Err(Refused::NotAcceptable));
    // A mapped address is the IPv4 address it stands for.
    let mapped = six.replace("2001:db8::7", "::ffff:198.51.100.7");
    assert_eq!(accept_offer(mapped.as_bytes(), &BOTH).map(|(_, agreed)| agreed.remote), Ok(peer(4000)));
}

#[test]
fn bad_descriptions_are_refused() {
    use Refused::{Malformed, NotAcceptable, TooLarge};
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    let table: Vec<(String, Refused)> = vec![
        // D01
        (format!("{audio}a=fmtp:\r\n"), Malformed),
        (format!("{audio}a=fmtp:0\r\n"), Malformed),
        (format!("{audio}a=fmtp:999999999999 x\r\n"), Malformed),
        // D03
        ("m=audio 0 RTP/AVP 0\r\n".to_owned(), NotAcceptable),
        ("m=audio -1 RTP/AVP 0\r\n".to_owned(), Malformed),
        ("m=audio 65536 RTP/AVP 0\r\n".to_owned(), Malformed),
        ("m=audio 5000/255 RTP/AVP 0\r\n".to_owned(), NotAcceptable),
        ("m=audio 1 RTP/AVP 0\r\n".to_owned(), NotAcceptable),
        ("m=audio 1023 RTP/AVP 0\r\n".to_owned(), NotAcceptable),
        ("m=audio 4000 RTP/AVP\r\n".to_owned(), Malformed),
        // D05
        (format!("{audio}c=IN IP4 media.example.com\r\n"), NotAcceptable),
        (format!("{audio}c=IN IP4 224.2.1.1/127\r\n"), NotAcceptable),
        (format!("{audio}c=IN IP4 224.2.1.1\r\n"), NotAcceptable),
        (format!("{audio}c=IN IP4 255.255.255.255\r\n"), NotAcceptable),
        (format!("{audio}c=IN IP6 ::1\r\n"), NotAcceptable),
        (format!("{audio}c=IN IP4 ::1\r\n"), Malformed),
        (format!("{audio}c=IN IP4 198.51.100.7\r\nc=IN IP4 198.51.100.8\r\n"), NotAcceptable),
        // D07
        (audio.repeat(limits::SDP_MEDIA + 1), TooLarge),
        ("m=audio 4000 RTP/AVP 0\r\n".repeat(1000), TooLarge),
        (format!("{audio}{}", "a=x\r\n".repeat(limits::SDP_ATTRIBUTES + 1)), TooLarge),
        (format!("{audio}a={}\r\n", "x".repeat(limits::SDP_LINE)), TooLarge),
        (format!("{audio}{}", "b=x\r\n".repeat(limits::SDP / 5)), TooLarge),
        // D09
        ("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/0\r\n".to_owned(), NotAcceptable),
        ("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/255\r\n".to_owned(), NotAcceptable),
        ("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/1\r\n".to_owned(), NotAcceptable),
        ("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:0 PCMA/8000\r\n".to_owned(), NotAcceptable),
        ("m=audio 4000 RTP/AVP 0\r\na=rtpmap:128 PCMU/8000\r\n".to_owned(), Malformed),
        // D11
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n".to_owned(), NotAcceptable),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:md5 00\r\na=setup:holdconn\r\n".to_owned(), NotAcceptable),
        // D17
        (format!("{audio}\0"), Malformed),
        (audio.replace("\r\n", "\n"), Malformed),
        (audio.replace("\r\n", "\r") + "a=x\r", Malformed),
        (format!("{audio}\r\na=x\r\n"), Malformed),
        (format!("{audio}A=x\r\n"), Malformed),
        (format!("{audio}v=0\r\n"), Malformed),
    ];
    for (lines, expected) in table {
        assert_eq!(accept(&lines).expect_err(&lines[..lines.len().min(80)]), expected, "{lines:.80}");
    }
    let whole = described(audio);
    for (text, expected) in [
        (format!("\u{feff}{whole}"), Malformed),
        (whole.encode_utf16().flat_map(|unit| unit.to_le_bytes()).map(char::from).collect(), Malformed),
        (String::new(), Malformed),
        ("v=1\r\n".to_owned() + &whole[5..], Malformed),
        (whole.replace("o=- 1 1 IN IP4 198.51.100.7\r\n", ""), Malformed),
        (whole.replace("o=- 1", "o=- x"), Malformed),
        (whole.replace("c=IN IP4 198.51.100.7\r\n", ""), NotAcceptable),
        ("x".repeat(1024 * 1024), TooLarge),
    ] {
        assert_eq!(accept_offer(text.as_bytes(), &BOTH).expect_err("refused"), expected, "{text:.60}");
    }
    assert_eq!([Malformed, TooLarge, NotAcceptable].map(Refused::status), [400, 413, 488]);
}

#[test]
fn the_limits_themselves_are_allowed() {
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    assert!(accept(&audio.repeat(limits::SDP_MEDIA)).is_ok());
    assert!(accept(&format!("{audio}{}", "a=x\r\n".repeat(limits::SDP_ATTRIBUTES))).is_ok());
    assert!(accept(&format!("{audio}a={}\r\n", "x".repeat(limits::SDP_LINE - 2))).is_ok());
    let formats = |count: usize| format!("m=audio 4000 RTP/AVP{}\r\n", " 0".repeat(count));
    assert!(accept(&formats(limits::SDP_FORMATS)).is_ok());
    assert_eq!(accept(&formats(limits::SDP_FORMATS + 1)).expect_err("too many"), Refused::TooLarge);
    let room = limits::SDP - described(audio).len();
    let fill = "b=x\r\n".repeat(room / 5 - 1) + &format!("b={}\r\n", "x".repeat(room % 5 + 1));
    assert_eq!(described(&format!("{audio}{fill}")).len(), limits::SDP);
    assert!(accept(&format!("{audio}{fill}")).is_ok());
    assert_eq!(accept(&format!("{audio}{fill}x")).expect_err("too large"), Refused::TooLarge);
}

#[test]
fn an_answer_must_fit_the_offer() {
    let pcmu = local(&[Codec::Pcmu]);
    // D15
    for lines in [
        "m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 0\r\n",
        "",
        "m=audio 4000 RTP/AVP 8\r\n",
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 telephone-event/8000\r\n",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=video 4000 RTP/AVP 0\r\n",
    ] {
        assert_eq!(accept_answer(&pcmu, described(lines).as_bytes()), Err(Refused::NotAcceptable), "{lines}");
    }
    // Events that were not offered are not sent.
    let answer = described("m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    let agreed = accept_answer(&Local { dtmf: false, ..pcmu }, answer.as_bytes()).expect("an agreement");
    assert_eq!((agreed.dtmf_send, agreed.dtmf_receive), (None, None));
}

#[test]
fn a_description_is_printed_as_it_was_meant() {
    let text = described(
        "a=sendonly\r\na=tool:x\r\nm=audio 4000 RTP/AVP 0 101\r\nc=IN IP4 198.51.100.8\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp:4009 IN IP4 198.51.100.8\r\na=x-y:z\r\n",
    );
    assert_eq!(Session::parse(text.as_bytes()).expect("a session").to_string(), text);
}
