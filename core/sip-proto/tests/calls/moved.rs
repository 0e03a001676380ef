//! A browser that loses its connection in the middle of a call and comes back by another, from another address even.

use std::net::SocketAddr;

use sip_proto::{
    endpoint::{Command, Destination, Flow, Input, Transport},
    message::{Message, Method},
    session::{EndedBy, Invite, LegCommand, LegEventKind, LegKey},
};

use crate::net::{Net, SDP, at, sdp};

fn flow(id: u64, peer: &str) -> Flow {
    Flow { transport: Transport::Ws, id, peer: at(peer) }
}

fn before() -> Flow {
    flow(11, "10.0.0.8:5001")
}

fn after() -> Flow {
    flow(12, "10.0.0.9:5002")
}

/// A server that trusts the browser at both of its addresses.
fn server(seed: u64) -> (Net, SocketAddr) {
    let mut net = Net::new(seed);
    let server = net.add("10.0.0.1:5060", &["10.0.0.8", "10.0.0.9"]);
    (net, server)
}

fn request(method: &str, branch: &str, to: &str, cseq: u32, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:200@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS browser.invalid;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:100@acme.example>;tag=me\r\nTo: {to}\r\nCall-ID: one\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:100@browser.invalid;transport=ws>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn say(net: &mut Net, server: SocketAddr, flow: Flow, text: String) {
    net.input(server, Input::Received { flow, bytes: text.into() });
    net.pass(20);
}

/// Lets the browser call, and returns the server's leg and the To of the answer.
fn talk(net: &mut Net, server: SocketAddr) -> (LegKey, String) {
    say(net, server, before(), request("INVITE", "invite", "<sip:200@acme.example>", 1, SDP));
    let leg = net.incoming(server).unwrap().leg;
    net.command(server, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(20);
    let answers = net.raw.remove(&before().peer).unwrap();
    let to = answers.back().unwrap().header(sip_proto::message::Name::To).unwrap();
    let to = String::from_utf8(to.to_vec()).unwrap();
    say(net, server, before(), request("ACK", "ack", &to, 1, ""));
    assert_eq!(net.leg_events(server, leg), [LegEventKind::Confirmed { sdp: None }]);
    (leg, to)
}

fn move_flow(net: &mut Net, server: SocketAddr) {
    net.input(server, Input::Command(Command::MoveFlow { from: before(), to: after() }));
    net.pass(20);
}

fn requests(net: &mut Net, peer: SocketAddr) -> Vec<Method> {
    let heard = net.raw.remove(&peer).unwrap_or_default();
    heard.iter().filter(|message| message.is_request()).map(|message| message.method().clone()).collect()
}

#[test]
fn what_was_said_into_a_dead_connection_is_said_again_over_the_new_one() {
    let (mut net, server) = server(1);
    let (leg, _) = talk(&mut net, server);
    net.input(server, Input::FlowClosed(before()));
    net.command(server, leg, LegCommand::Info { content_type: "text/plain".to_owned(), body: "one".into() });
    net.command(server, leg, LegCommand::Reinvite { sdp: sdp() });
    // The edge says so each time that something cannot be sent.
    net.input(server, Input::FlowClosed(before()));
    net.pass(16_000);
    assert_eq!(net.leg_events(server, leg), [], "the leg lives on");
    move_flow(&mut net, server);
    assert_eq!(requests(&mut net, after().peer), [Method::Info, Method::Invite]);
    net.command(server, leg, LegCommand::Hangup { reason: None });
    net.pass(20);
    assert_eq!(requests(&mut net, after().peer), [Method::Bye], "what follows goes there at once");
}

#[test]
fn a_bye_waits_for_the_browser_for_thirty_two_seconds() {
    let (mut net, server) = server(2);
    let (leg, _) = talk(&mut net, server);
    net.input(server, Input::FlowClosed(before()));
    net.command(server, leg, LegCommand::Hangup { reason: None });
    net.input(server, Input::FlowClosed(before()));
    net.pass(20_000);
    move_flow(&mut net, server);
    assert_eq!(requests(&mut net, after().peer), [Method::Bye]);
    net.pass(64_000);
    assert_eq!(net.load(server), (0, 0), "and then it is forgotten");
}

#[test]
fn a_request_repeated_over_the_new_connection_is_answered_as_before_and_done_once() {
    let (mut net, server) = server(3);
    let (leg, to) = talk(&mut net, server);
    let bye = request("BYE", "bye", &to, 2, "");
    say(&mut net, server, before(), bye.clone());
    let ended = LegEventKind::Ended { status: None, reason: None, by: EndedBy::Peer };
    assert_eq!(net.leg_events(server, leg), [ended]);
    assert_eq!(net.statuses(before().peer), [200]);
    net.input(server, Input::FlowClosed(before()));
    move_flow(&mut net, server);
    net.pass(16_000);
    say(&mut net, server, after(), bye);
    assert_eq!(net.statuses(after().peer), [200]);
    assert_eq!(net.leg_events(server, leg), [], "it happened once");
}

#[test]
fn a_dialog_obeys_its_browser_at_another_address_once_it_moved() {
    let (mut net, server) = server(4);
    let (leg, to) = talk(&mut net, server);
    // Whoever knows the tags but did not register is nobody. Trust of the address would let it in here.
    net.input(server, Input::Command(Command::Trust(Vec::new())));
    say(&mut net, server, after(), request("BYE", "early", &to, 2, ""));
    assert_eq!(net.statuses(after().peer), [481]);
    move_flow(&mut net, server);
    say(&mut net, server, after(), request("BYE", "late", &to, 3, ""));
    assert_eq!(net.statuses(after().peer), [200]);
    let ended = LegEventKind::Ended { status: None, reason: None, by: EndedBy::Peer };
    assert_eq!(net.leg_events(server, leg), [ended]);
}

#[test]
fn an_invite_into_a_dead_connection_fails_at_once() {
    let (mut net, server) = server(5);
    let mut invite =
        Invite::new("sip:100@browser.invalid;transport=ws", Destination::from(before()), "200", "acme.example");
    invite.sdp = Some(sdp());
    let leg = net.invite_with(server, invite);
    net.input(server, Input::FlowClosed(before()));
    let events = net.leg_events(server, leg);
    assert!(
        matches!(events[..], [LegEventKind::Ended { by: EndedBy::Transport, .. }]),
        "the next phone is tried: {events:?}"
    );
}

#[test]
fn every_answer_to_an_invite_says_what_it_was_told_to() {
    let (mut net, server) = server(6);
    say(&mut net, server, before(), request("INVITE", "invite", "<sip:200@acme.example>", 1, SDP));
    let leg = net.incoming(server).unwrap().leg;
    net.command(server, leg, LegCommand::Say { header: "X-Call-UUID", value: "0190".to_owned() });
    net.command(server, leg, LegCommand::Ring { status: 180, sdp: None });
    net.command(server, leg, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.command(server, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(20);
    let said = |message: &Message| message.custom("X-Call-UUID").map(|value| value.to_vec());
    let answers: Vec<_> = net
        .raw
        .remove(&before().peer)
        .unwrap()
        .iter()
        .map(|message| (message.status().unwrap(), said(message)))
        .collect();
    let named = Some(b"0190".to_vec());
    assert_eq!(answers, [(100, None), (180, named.clone()), (183, named.clone()), (200, named)]);
}
