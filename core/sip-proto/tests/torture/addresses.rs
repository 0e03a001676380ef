//! IPv6 as RFC 5118 §4 describes it.

use std::net::IpAddr;

use sip_proto::{
    message::{Message, ResponseBuilder},
    sdp::{Codec, Direction, Local, Security, Session, accept_offer},
    uri::{Host, Uri},
};

use super::{
    Fate::{Refused, Served},
    fate,
    messages::ipv6,
    read,
};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn target(message: &[u8]) -> Uri {
    read(message).request_uri().expect("a Request-URI")
}

fn description(message: &Message) -> Session {
    Session::parse(&message.content("application/sdp").expect("a description")).expect("well formed")
}

fn local(address: &str) -> Local<'static> {
    Local {
        address: ip(address),
        port: 4000,
        session_id: 1,
        version: 1,
        codecs: &[Codec::Pcma, Codec::Pcmu],
        dtmf: false,
        direction: Direction::SendRecv,
        security: Security::Plain,
    }
}

#[test]
fn a_message_for_each_section_of_rfc_5118_meets_its_fate() {
    for (name, message, expected) in [
        ("4.1", ipv6::REFERENCE, Served),
        ("4.2", ipv6::NO_BRACKETS, Refused(400)),
        ("4.3", ipv6::PORT_INSIDE, Served),
        ("4.4", ipv6::PORT_OUTSIDE, Served),
        ("4.5 in brackets", ipv6::RECEIVED_IN_BRACKETS, Served),
        ("4.5 bare", ipv6::RECEIVED_BARE, Served),
        ("4.6", ipv6::IN_SDP, Served),
        ("4.7", ipv6::MIXED_HEADERS, Served),
        ("4.8", ipv6::MIXED_SDP, Served),
        ("4.9", ipv6::MAPPED, Served),
        ("4.10 two colons", ipv6::TWO_COLONS, Served),
        ("4.10 three colons", ipv6::THREE_COLONS, Served),
    ] {
        assert_eq!(fate(message), expected, "{name}");
    }
}

#[test]
fn brackets_tell_the_port_from_the_address() {
    let message = read(ipv6::REFERENCE);
    assert_eq!(target(ipv6::REFERENCE).host().ip(), Some(ip("2001:db8:a::10")));
    assert_eq!(message.via().and_then(|via| via.host().ip()), Some(ip("2001:db8:a::9:1")));
    let contact = message.contacts().next().expect("a Contact");
    assert_eq!((contact.uri().host_str(), contact.uri().port()), ("[2001:db8:a::9:1]", None));
    let inside = target(ipv6::PORT_INSIDE);
    assert_eq!((inside.host().ip(), inside.port()), (Some(ip("2001:db8:a::10:5066")), None));
    let outside = target(ipv6::PORT_OUTSIDE);
    assert_eq!((outside.host().ip(), outside.port()), (Some(ip("2001:db8:a::10")), Some(5066)));
}

#[test]
fn received_is_read_with_brackets_and_without() {
    for message in [ipv6::RECEIVED_IN_BRACKETS, ipv6::RECEIVED_BARE] {
        assert_eq!(read(message).via().and_then(|via| via.received()), Some(ip("2001:db8:a::9:ff")));
    }
    // We write none, as the grammar has it.
    let request = read(ipv6::REFERENCE);
    let answer = ResponseBuilder::for_request(&request, 200, "OK").source((ip("2001:db8:c::1"), 5060).into()).finish();
    let via = answer.via().expect("a Via");
    assert_eq!(via.received(), Some(ip("2001:db8:c::1")));
    assert_eq!(via.param("received"), Some("2001:db8:c::1"));
}

#[test]
fn headers_may_mix_both_families() {
    let message = read(ipv6::MIXED_HEADERS);
    let vias: Vec<_> = message.vias().map(|via| (via.host().to_string(), via.port())).collect();
    assert_eq!(
        vias,
        [
            ("[2001:db8:a::9:1]".to_owned(), Some(6050)),
            ("192.0.2.208".to_owned(), None),
            ("[2001:db8:a::9:fe]".to_owned(), None),
            ("relay.example.com".to_owned(), None),
        ]
    );
    assert_eq!(message.vias().last().and_then(|via| via.received()), Some(ip("2001:db8:b::1")));
    let routes: Vec<_> = message.routes().map(|route| (route.uri().host().ip(), route.uri().port())).collect();
    assert_eq!(routes, [(Some(ip("2001:db8:b::2")), Some(5061)), (Some(ip("192.0.2.209")), None)]);
    assert_eq!(message.to().and_then(|to| to.uri().host().ip()), Some(ip("198.51.100.208")));
}

#[test]
fn descriptions_hold_addresses_of_both_families() {
    let session = description(&read(ipv6::IN_SDP));
    assert!(session.origin.ip6);
    assert_eq!(session.connection.map(|connection| connection.address), Some(ip("2001:db8:a::20")));
    let offer = read(ipv6::IN_SDP).body().clone();
    let (answer, agreed) = accept_offer(&offer, &local("2001:db8:a::10")).expect("acceptable");
    assert_eq!(agreed.remote, (ip("2001:db8:a::20"), 40280).into());
    assert!(answer.contains("c=IN IP6 2001:db8:a::10\r\n"), "{answer}");

    let session = description(&read(ipv6::MIXED_SDP));
    assert_eq!(session.connection, None);
    let streams: Vec<_> =
        session.media.iter().map(|media| (media.port, media.connection.map(|connection| connection.address))).collect();
    assert_eq!(streams, [(40284, Some(ip("2001:db8:a::9:1"))), (40286, Some(ip("192.0.2.209")))]);
}

#[test]
fn mapped_addresses_are_ipv6() {
    let message = read(ipv6::MAPPED);
    assert_eq!(
        message.via().map(|via| (via.host().ip(), via.port())),
        Some((Some(ip("::ffff:192.0.2.210")), Some(5072)))
    );
    let contact = message.contacts().next().expect("a Contact");
    assert_eq!((contact.uri().host().ip(), contact.uri().port()), (Some(ip("::ffff:192.0.2.210")), Some(5072)));
    assert_eq!(description(&message).connection.map(|c| c.address), Some(ip("::ffff:192.0.2.210")));
}

#[test]
fn the_third_colon_of_the_old_grammar_is_forgiven() {
    let (right, wrong) = (target(ipv6::TWO_COLONS), target(ipv6::THREE_COLONS));
    assert_eq!(right.host(), Host::V6("2001:db8::c000:2d3".parse().expect("an address")));
    assert!(wrong.is_equivalent(&right));
    assert_eq!(wrong.host_str(), "[2001:db8:::192.0.2.211]");
}
