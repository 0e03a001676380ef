//! CANCEL and its races (RFC 3261 §9).

use sip_proto::{
    message::{Method, Name},
    session::{EndedBy, LegCommand, LegEventKind, Reason},
};

use crate::{
    dialogs::{invite_text, request_text},
    net::{Net, at, sdp},
};

fn ended(status: Option<u16>, by: EndedBy) -> LegEventKind {
    LegEventKind::Ended { status, reason: None, by }
}

#[test]
fn a_ringing_call_is_cancelled() {
    let (mut net, caller, callee) = Net::pair(1);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    let reason = Some(Reason::sip(200, "Call completed elsewhere"));
    net.command(caller, ours, LegCommand::Hangup { reason: reason.clone() });
    net.pass(50);
    let events = net.leg_events(caller, ours);
    assert_eq!(events, [LegEventKind::Ended { status: None, reason: reason.clone(), by: EndedBy::Us }]);
    let told = LegEventKind::Ended { status: Some(487), reason, by: EndedBy::Peer };
    assert_eq!(net.leg_events(callee, theirs), [told]);
    net.pass(64_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let (mut net, caller, _) = Net::pair(2);
    let phone = at("10.0.0.9:5060");
    let ours = net.invite(caller, phone);
    net.pass(10);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(300);
    assert_eq!(net.leg_events(caller, ours), [ended(None, EndedBy::Us)]);
    let invite = net.heard(phone).unwrap();
    assert!(net.heard(phone).is_none(), "no CANCEL yet");
    net.inject(phone, caller, answer(&invite, "180 Ringing", "t1"));
    net.pass(10);
    let cancel = net.heard(phone).unwrap();
    assert_eq!(cancel.method(), &Method::Cancel);
    assert_eq!(cancel.via().unwrap().branch(), invite.via().unwrap().branch());
    assert_eq!(cancel.cseq().0, invite.cseq().0);
    net.inject(phone, caller, answer(&cancel, "200 OK", "t1"));
    net.inject(phone, caller, answer(&invite, "487 Request Terminated", "t1"));
    net.pass(10);
    assert_eq!(net.heard(phone).unwrap().method(), &Method::Ack);
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn a_2xx_that_crosses_the_cancel_gets_ack_and_bye() {
    let (mut net, caller, callee) = Net::pair(3);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Answer { sdp: sdp() });
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(100);
    assert_eq!(net.leg_events(caller, ours), [ended(None, EndedBy::Us)]);
    assert_eq!(net.leg_events(callee, theirs), [LegEventKind::Confirmed { sdp: None }, ended(None, EndedBy::Peer)]);
    net.pass(64_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn a_cancel_that_nobody_answers_ends_after_thirty_two_seconds() {
    let (mut net, caller, callee) = Net::pair(4);
    let ours = net.invite(caller, callee);
    net.pass(50);
    net.nodes.remove(&callee);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(33_000);
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn a_cancel_without_its_invite_or_from_elsewhere_finds_nothing() {
    let (mut net, _, callee) = Net::pair(5);
    let (phone, thief) = (at("10.0.0.9:5060"), at("10.0.0.66:5060"));
    net.inject(phone, callee, request_text("CANCEL", "z9hG4bKlost", "one", "<sip:200@10.0.0.2>", 1));
    net.pass(10);
    assert_eq!(net.statuses(phone), [481]);
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.inject(thief, callee, request_text("CANCEL", "z9hG4bK1", "one", "<sip:200@10.0.0.2>", 1));
    net.pass(10);
    assert_eq!(net.statuses(thief), [481]);
    assert_eq!(net.leg_events(callee, leg), []);
    net.inject(phone, callee, request_text("CANCEL", "z9hG4bK1", "one", "<sip:200@10.0.0.2>", 1));
    net.pass(10);
    assert_eq!(net.statuses(phone), [100, 200, 487]);
}

#[test]
fn a_phone_that_rings_for_ever_is_given_up_after_three_minutes() {
    let (mut net, caller, _) = Net::pair(6);
    let phone = at("10.0.0.9:5060");
    let ours = net.invite(caller, phone);
    net.pass(10);
    let invite = net.heard(phone).unwrap();
    net.inject(phone, caller, answer(&invite, "180 Ringing", "t1"));
    net.pass(180_100);
    let events = net.leg_events(caller, ours);
    assert_eq!(events[1], ended(Some(408), EndedBy::Timeout));
    assert_eq!(net.heard(phone).unwrap().method(), &Method::Cancel);
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn a_peer_that_ends_the_call_and_answers_it_all_the_same_is_ended() {
    let (mut net, caller, _) = Net::pair(7);
    let phone = at("10.0.0.9:5060");
    let ours = net.invite(caller, phone);
    net.pass(10);
    let invite = net.heard(phone).unwrap();
    let from = String::from_utf8(invite.header(Name::From).unwrap().to_vec()).unwrap();
    let bye = request_text("BYE", "z9hG4bKb", invite.call_id(), &from, 1).replace(";tag=nine", "");
    net.inject(phone, caller, bye);
    net.pass(10);
    assert_eq!(net.leg_events(caller, ours), [ended(None, EndedBy::Peer)]);
    assert_eq!(net.statuses(phone), [200]);
    net.inject(phone, caller, answer(&invite, "200 OK", "late"));
    net.pass(10);
    let methods: Vec<Method> = net.raw.remove(&phone).unwrap().iter().map(|m| m.method().clone()).collect();
    assert_eq!(methods, [Method::Ack, Method::Bye]);
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn a_challenge_that_crosses_the_hangup_starts_no_call() {
    let (mut net, caller, _) = Net::pair(8);
    let phone = at("10.0.0.9:5060");
    let mut invite = sip_proto::session::Invite::new(
        "sip:9@carrier",
        sip_proto::endpoint::Destination::udp(phone),
        "100",
        "carrier",
    );
    invite.credentials =
        Some(sip_proto::session::TrunkCredentials { username: "u".to_owned(), password: "p".to_owned(), realm: None });
    let ours = net.invite_with(caller, invite);
    net.pass(10);
    let invite = net.heard(phone).unwrap();
    net.inject(phone, caller, answer(&invite, "100 Trying", "x"));
    net.pass(10);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(10);
    assert_eq!(net.heard(phone).unwrap().method(), &Method::Cancel);
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"n\",qop=\"auth\"\r\n";
    net.inject(phone, caller, answer_with(&invite, "407 Proxy Authentication Required", "x", challenge));
    net.pass(10);
    assert_eq!(net.heard(phone).unwrap().method(), &Method::Ack);
    let again = net.heard(phone).unwrap();
    net.inject(phone, caller, answer(&again, "180 Ringing", "y"));
    net.pass(10);
    let cancel = net.heard(phone).unwrap();
    assert_eq!((cancel.method(), cancel.cseq().0), (&Method::Cancel, again.cseq().0));
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}

/// Builds a raw response to a request that a scripted phone heard.
pub(crate) fn answer(request: &sip_proto::message::Message, status: &str, tag: &str) -> String {
    answer_with(request, status, tag, "Contact: <sip:9@10.0.0.9:5060>\r\n")
}

pub(crate) fn answer_with(request: &sip_proto::message::Message, status: &str, tag: &str, extra: &str) -> String {
    let field = |name: Name| String::from_utf8(request.header(name).unwrap().to_vec()).unwrap();
    let to = field(Name::To);
    let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}Content-Length: 0\r\n\r\n",
        field(Name::Via),
        field(Name::From),
        field(Name::CallId),
        field(Name::CSeq),
    )
}
