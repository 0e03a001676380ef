//! What holds for all inputs.

use std::{net::IpAddr, str::FromStr};

use bytes::Bytes;
use proptest::prelude::*;
use sip_proto::{
    message::{Method, Name, NameAddr, RequestBuilder, ResponseBuilder, parse},
    sdp::{Codec, Direction, Local, Security, Session, accept_answer, accept_offer, offer},
    uri::{Uri, encode_user, percent_decode},
};

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]([a-z0-9]{0,5}))?",
        any::<[u8; 4]>().prop_map(|octets| IpAddr::from(octets).to_string()),
        any::<[u16; 8]>().prop_map(|parts| format!("[{}]", IpAddr::from(parts))),
    ]
}

fn uri() -> impl Strategy<Value = String> {
    let user = "([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-F]{2}){1,12}(:[a-z0-9]{0,4})?@";
    let params = prop::collection::vec("[a-z]{1,6}(=([a-z0-9]|%[0-9A-F]{2}){1,6})?", 0..4)
        .prop_map(|params| params.iter().enumerate().map(|(at, param)| format!(";{at}{param}")).collect::<String>());
    ("sips?", prop::option::of(user), host(), prop::option::of(1_u16..), params, "(\\?[a-z]{1,4}=[a-z0-9]{0,4})?")
        .prop_map(|(scheme, user, host, port, params, headers)| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}:{}{host}{port}{params}{headers}", user.unwrap_or_default())
        })
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        Just(Direction::SendRecv),
        Just(Direction::SendOnly),
        Just(Direction::RecvOnly),
        Just(Direction::Inactive)
    ]
}

proptest! {
    #[test]
    fn uris_are_printed_as_they_were_written(text in uri()) {
        let uri = Uri::from_str(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(uri.to_string(), text);
        prop_assert!(uri.is_equivalent(&uri.clone()));
    }

    #[test]
    fn any_user_survives_a_uri(user in "\\PC{1,40}") {
        let text = format!("sip:{}@h", encode_user(&user));
        let uri = Uri::from_str(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let decoded = uri.user_decoded().map(|user| user.into_owned());
        prop_assert_eq!(decoded.as_deref(), Some(user.as_bytes()));
        prop_assert!(*percent_decode(encode_user(&user).as_bytes()) == *user.as_bytes());
    }

    #[test]
    fn addresses_keep_their_parts(display in "[^\\p{Cc}]{0,20}", uri in uri(), tag in token()) {
        let quoted = display.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("\"{quoted}\" <{uri}>;tag={tag};x=\"a;b,c<\\\"\"");
        let address = NameAddr::parse(text.as_bytes()).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let shown = address.display().map(|name| name.into_owned());
        prop_assert_eq!(shown, Some(display));
        prop_assert_eq!(address.uri().as_str(), uri);
        prop_assert_eq!(address.tag(), Some(tag.as_str()));
    }

    #[test]
    fn built_requests_are_read_back(
        method in token(), uri in uri(), call_id in "[a-z0-9@.]{1,30}", cseq in 0_u32..0x8000_0000,
        custom in prop::collection::vec((token(), "\\PC{0,40}"), 0..8), body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assume!(!uri.contains('?'));
        let method = Method::parse(method.as_bytes()).ok_or_else(|| TestCaseError::fail("a token is a method"))?;
        let mut builder = RequestBuilder::new(&method, &uri)
            .via("UDP", "192.0.2.1:5060", "z9hG4bKx")
            .header(Name::From, format_args!("<{uri}>;tag=1"))
            .header(Name::To, format_args!("<{uri}>"))
            .header(Name::CallId, &call_id)
            .header(Name::CSeq, format_args!("{cseq} {method}"));
        for (name, value) in &custom {
            builder = builder.custom(&format!("X-{name}"), value);
        }
        let built = builder.body("application/octet-stream", &body).finish();
        let read = parse(built.bytes().clone()).map_err(|error| TestCaseError::fail(error.reason))?;
        prop_assert_eq!(read.method(), &method);
        prop_assert_eq!(read.raw_request_uri(), Some(uri.as_bytes()));
        prop_assert_eq!((read.call_id(), read.cseq()), (call_id.as_str(), (cseq, &method)));
        prop_assert_eq!(&read.body()[..], &body[..]);
        prop_assert!(read.raw_headers().eq(built.raw_headers()));
        for (name, value) in &custom {
            let first = custom.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            let found = read.custom(&format!("x-{name}"));
            prop_assert_eq!(found, first.map(|value| value.as_bytes().trim_ascii()), "{}", value);
        }
        let response = ResponseBuilder::for_request(&read, 200, "").to_tag("t").finish();
        let response = parse(response.bytes().clone()).map_err(|error| TestCaseError::fail(error.reason))?;
        prop_assert_eq!(response.cseq(), read.cseq());
        prop_assert_eq!(response.to_tag(), Some("t"));
    }

    #[test]
    fn any_bytes_are_read_without_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(Bytes::from(data.clone()));
        let _ = Session::parse(&data);
        let _ = Uri::parse(&data);
        let _ = NameAddr::parse(&data);
    }

    #[test]
    fn offers_and_answers_meet(
        caller in prop::collection::vec(prop_oneof![Just(Codec::Pcmu), Just(Codec::Pcma)], 1..3),
        callee in prop::collection::vec(prop_oneof![Just(Codec::Pcmu), Just(Codec::Pcma)], 1..3),
        ports in (1024_u16.., 1024_u16..), v6 in any::<bool>(), dtmf in any::<(bool, bool)>(), ours in direction(), theirs in direction(),
    ) {
        let address = if v6 { IpAddr::from([0x2001_u16, 0xdb8, 0, 0, 0, 0, 0, 1]) } else { IpAddr::from([192, 0, 2, 1]) };
        let base = Local { address, port: ports.0, session_id: 1, version: 2, codecs: &caller, dtmf: dtmf.0, direction: ours, security: Security::Plain };
        let other = Local { port: ports.1, codecs: &callee, dtmf: dtmf.1, direction: theirs, ..base.clone() };
        let text = offer(&base);
        prop_assert!(Session::parse(text.as_bytes()).is_ok_and(|session| session.to_string() == text));
        match accept_offer(text.as_bytes(), &other) {
            Ok((answer, callee_side)) => {
                let caller_side = accept_answer(&base, answer.as_bytes()).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(caller_side.codec, callee_side.codec);
                prop_assert_eq!(caller_side.payload, callee_side.receive_payload);
                prop_assert_eq!(caller_side.receive_payload, callee_side.payload);
                prop_assert_eq!(caller_side.dtmf_send, callee_side.dtmf_receive);
                prop_assert_eq!(caller_side.dtmf_send.is_some(), dtmf.0 && dtmf.1);
                prop_assert_eq!(caller_side.direction, callee_side.direction.reversed());
                prop_assert_eq!((caller_side.remote.port(), callee_side.remote.port()), (ports.1, ports.0));
            }
            Err(_) => prop_assert!(!callee.iter().any(|codec| caller.contains(codec))),
        }
    }
}
