//! What fuzzing runs, shared by the fuzz targets and the replay test: each takes any bytes and asserts what must hold.

use std::{
    net::{IpAddr, SocketAddr},
    ops::ControlFlow,
};

use bytes::Bytes;
use sip_proto::{
    digest::{Algorithm, Challenge, Credentials, Login, check, ha1},
    limits,
    message::{Capabilities, Frame, Framer, Message, Method, Name, NameAddr, ResponseBuilder, Via, parse},
    sdp::{
        Candidate, Codec, Direction, Hidden, Local, Refused, Security, Session, WebRtc, accept_answer, accept_offer,
        webrtc_peer,
    },
    uri::{Uri, percent_decode},
    websocket::{Event, Kind, Role, WebSocket, frame},
};

const SOURCE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5060);

/// Parses a message, reads all of it, answers it, and cuts it out of a stream.
pub(crate) fn sip_message(data: &[u8]) {
    match parse(Bytes::copy_from_slice(data)) {
        Ok(message) => {
            read_all(&message);
            assert_eq!(message.from().and_then(|from| from.tag().map(str::to_owned)).as_deref(), message.from_tag());
            assert_eq!(message.to().and_then(|to| to.tag().map(str::to_owned)).as_deref(), message.to_tag());
            if message.is_request() {
                let answer = ResponseBuilder::for_request(&message, 486, "").source(SOURCE).to_tag("fuzz").finish();
                let back = parse(answer.bytes().clone()).unwrap_or_else(|error| panic!("our own answer: {error}"));
                assert_eq!(back.call_id(), message.call_id());
                assert_eq!(back.cseq(), message.cseq());
                assert_eq!(back.via_count(), message.via_count());
                assert_eq!(
                    back.via().map(|via| via.received().is_some()),
                    answer.via().map(|via| via.received().is_some())
                );
            }
            // What was parsed once is the same when it is parsed again.
            let again = parse(message.bytes().clone()).expect("a parsed message parses");
            assert_eq!(again.bytes(), message.bytes());
            assert!(again.raw_headers().eq(message.raw_headers()));
        }
        Err(error) => {
            assert!((400..700).contains(&error.status));
            if let Some(answer) = error.answer(SOURCE, "fuzz") {
                let answer = answer.message();
                assert!(!answer.is_request());
                read_all(&answer);
            }
        }
    }
    stream(data);
}

/// The frames of a stream do not depend on how it is cut, and never hold more than a message.
fn stream(data: &[u8]) {
    let run = |chunk: usize| {
        let mut framer = Framer::new();
        let mut messages = Vec::new();
        let flow = data.chunks(chunk).try_for_each(|part| {
            framer.push(part);
            while let Some(frame) = framer.next() {
                match frame {
                    Ok(Frame::Message(bytes)) => messages.push(bytes),
                    Ok(Frame::KeepAlive | Frame::Pong) => {}
                    Err(error) => return ControlFlow::Break(error.error.status),
                }
            }
            assert!(framer.pending() <= limits::MESSAGE.max(chunk));
            ControlFlow::Continue(())
        });
        (messages, flow)
    };
    assert_eq!(run(7), run(64 * 1024));
}

fn read_all(message: &Message) {
    let _ =
        (message.method(), message.status(), message.reason_phrase(), message.request_uri(), message.max_forwards());
    let _ = (message.call_id(), message.cseq(), message.from_tag(), message.to_tag(), message.expires());
    let _ = (message.via_count(), message.contact_wildcard(), message.supports("timer"), format!("{message:?}"));
    let _ = (message.content("application/sdp"), message.content("text/plain"), message.is_content("application/sdp"));
    message.vias().for_each(|via| {
        let _ = (via.host(), via.port(), via.branch(), via.received(), via.rport(), via.maddr(), via.version());
        assert!(Via::parse(via.as_bytes()).is_some());
    });
    for name in [Name::From, Name::To, Name::Contact, Name::Route, Name::RecordRoute, Name::ReferTo, Name::Path] {
        message.addresses(name).for_each(|address| {
            let _ = (address.display(), address.expires(), address.q(), address.params().count());
            let again = NameAddr::parse(address.as_bytes()).expect("a parsed address parses");
            assert_eq!(again.uri(), address.uri());
        });
    }
    for (name, value) in message.raw_headers() {
        assert!(!name.iter().chain(value).any(|byte| matches!(byte, b'\n')), "a value with a line end");
    }
    let capabilities = Capabilities {
        methods: &[Method::Invite, Method::Options],
        extensions: &["timer"],
        content_types: &["application/sdp"],
        tel: false,
    };
    let _ = sip_proto::message::check(message, &capabilities);
}

/// Parses a description, prints and parses it again, and negotiates with it.
pub(crate) fn sdp(data: &[u8]) {
    let local = Local {
        address: SOURCE.ip(),
        port: 4000,
        session_id: 1,
        version: 1,
        codecs: &[Codec::Pcma, Codec::Pcmu],
        dtmf: true,
        direction: Direction::SendRecv,
        security: Security::Plain,
    };
    if let Ok(session) = Session::parse(data) {
        match Session::parse(session.to_string().as_bytes()) {
            Ok(again) => assert_eq!(again, session),
            // Latin-1 grows when it becomes UTF-8.
            Err(refused) => assert_eq!(refused, Refused::TooLarge),
        }
    }
    if let Ok((answer, agreed)) = accept_offer(data, &local) {
        assert!(agreed.remote.port() >= limits::SDP_LOWEST_PORT);
        assert!((10..=60).contains(&agreed.ptime));
        assert!(Session::parse(answer.as_bytes()).is_ok_and(|session| !session.media.is_empty()));
    }
    let _ = accept_answer(&local, data);
    let webrtc = WebRtc {
        ufrag: "abcd1234".to_owned(),
        password: Hidden::new("secretsecretsecretsecret".to_owned()),
        fingerprint: [7; 32],
        ssrc: 7,
        candidates: vec![Candidate { address: SOURCE, tcp: false }],
    };
    let browser = Local { security: Security::WebRtc(Box::new(webrtc)), ..local };
    let accepted = accept_offer(data, &browser);
    assert!(accepted.is_err() || webrtc_peer(data).is_some() || data.windows(2).filter(|two| two == b"m=").count() > 1);
    if let Ok((answer, agreed)) = accepted {
        assert!(agreed.webrtc.is_some_and(|peer| (4..=256).contains(&peer.ufrag.len())));
        let answer = Session::parse(answer.as_bytes()).unwrap_or_else(|refused| panic!("our own answer: {refused}"));
        assert!(answer.media.iter().any(|media| media.attributes.iter().any(|line| line == "setup:passive")));
    }
    let _ = accept_answer(&browser, data);
}

/// Parses a URI; printed and parsed again it is the same.
pub(crate) fn uri(data: &[u8]) {
    let _ = percent_decode(data);
    let Ok(uri) = Uri::parse(data) else { return };
    assert_eq!(uri.as_str().as_bytes(), data);
    let again: Uri = uri.to_string().parse().expect("a parsed URI parses");
    assert_eq!(again, uri);
    assert!(uri.is_equivalent(&again));
    let _ =
        (uri.user_decoded(), uri.password(), uri.host().to_string(), uri.port(), uri.params().count(), uri.headers());
}

/// Cuts WebSocket frames out of a stream, as either side: the same however it is cut; a message that was read is read
/// again when it is written.
pub(crate) fn ws_frame(data: &[u8]) {
    for role in [Role::Server, Role::Client] {
        let heard = frames(role, data, data.len());
        assert_eq!(frames(role, data, 5), heard);
        let mask = (role == Role::Server).then_some([0x37, 0xfa, 0x21, 0x3d]);
        for message in heard.iter().filter_map(|event| match event {
            Ok(Event::Message(message)) => Some(message),
            _ => None,
        }) {
            assert!(message.len() <= limits::MESSAGE);
            let written = frame(Kind::Binary, message, mask);
            assert_eq!(frames(role, &written, written.len()), [Ok(Event::Message(message.clone()))]);
        }
    }
}

fn frames(role: Role, data: &[u8], cut: usize) -> Vec<Result<Event, u16>> {
    let mut socket = WebSocket::new(role);
    let mut heard = Vec::new();
    for piece in data.chunks(cut.max(1)) {
        socket.push(piece);
        heard.extend(std::iter::from_fn(|| socket.next()).map(|event| event.map_err(|violation| violation.code)));
    }
    heard
}

/// Parses challenges and credentials; what answers a challenge is believed.
pub(crate) fn digest(data: &[u8]) {
    if let Ok(credentials) = Credentials::parse(data) {
        let _ = credentials.verify("REGISTER", &ha1(Algorithm::Md5, credentials.username(), credentials.realm(), "x"));
        let _ = check(b"key", credentials.nonce(), 0, SOURCE.ip(), credentials.realm());
    }
    if let Ok(challenge) = Challenge::parse(data) {
        let printed = challenge.to_string();
        assert_eq!(Challenge::parse(printed.as_bytes()).as_ref(), Ok(&challenge), "{printed}");
        let answer = challenge.answer(&Login { username: "a\"b", password: "p" }, "REGISTER", "sip:x", "c", 1);
        let credentials = Credentials::parse(answer.as_bytes()).expect("our own answer parses");
        let secret = ha1(challenge.algorithm, "a\"b", credentials.realm(), "p");
        assert_eq!(credentials.verify("REGISTER", &secret), challenge.qop_auth);
    }
}
