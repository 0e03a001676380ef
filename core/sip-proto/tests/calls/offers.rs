//! Offers inside of a call: re-INVITE, UPDATE, glare (S31).

use bytes::Bytes;
use sip_proto::{
    message::Name,
    session::{LegCommand, LegEventKind},
};

use crate::{
    cancel::answer,
    dialogs::{invite_text, request_text},
    net::{Net, at, sdp},
};

fn hold() -> Bytes {
    Bytes::from_static(b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=sendonly\r\n")
}

#[test]
fn an_offer_is_accepted_or_refused() {
    let (mut net, caller, callee) = Net::pair(1);
    let (ours, theirs) = net.connect(caller, callee);
    net.command(caller, ours, LegCommand::Reinvite { sdp: hold() });
    net.pass(50);
    assert_eq!(net.leg_events(callee, theirs), [LegEventKind::Offer { sdp: hold() }]);
    net.command(callee, theirs, LegCommand::Accept { sdp: sdp() });
    net.pass(50);
    let events = net.leg_events(caller, ours);
    assert!(
        matches!(&events[..], [LegEventKind::Answered { sdp: Some(answer), .. }] if *answer == sdp()),
        "{events:?}"
    );
    net.command(callee, theirs, LegCommand::Reinvite { sdp: hold() });
    net.pass(50);
    assert_eq!(net.leg_events(caller, ours), [LegEventKind::Offer { sdp: hold() }]);
    net.command(caller, ours, LegCommand::Refuse { status: 488 });
    net.pass(50);
    assert_eq!(net.leg_events(callee, theirs), [LegEventKind::OfferRefused { status: 488 }]);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(65_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn glare_is_tried_again_by_both_sides_one_after_the_other() {
    for seed in 0..20 {
        let (mut net, caller, callee) = Net::pair(seed);
        let (ours, theirs) = net.connect(caller, callee);
        net.command(caller, ours, LegCommand::Reinvite { sdp: hold() });
        net.command(callee, theirs, LegCommand::Reinvite { sdp: hold() });
        let mut answered = 0;
        net.pass_with(10_000, |net, node, event| {
            if let sip_proto::endpoint::Event::Leg(event) = event {
                match event.kind {
                    LegEventKind::Offer { .. } => net.command(node, event.leg, LegCommand::Accept { sdp: sdp() }),
                    LegEventKind::Answered { .. } => answered += 1,
                    other => panic!("{other:?}"),
                }
            }
        });
        assert_eq!(answered, 2, "seed {seed}");
        let glares = net.log.iter().filter(|(_, _, message)| message.status() == Some(491)).count();
        assert!(glares >= 2, "seed {seed}");
    }
}

#[test]
fn an_update_moves_the_peer_and_may_carry_an_offer() {
    let (mut net, _, callee) = Net::pair(3);
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(10);
    let ok = net.raw.remove(&phone).unwrap().pop_back().unwrap();
    let to = String::from_utf8(ok.header(Name::To).unwrap().to_vec()).unwrap();
    net.inject(phone, callee, request_text("ACK", "z9hG4bK2", "one", &to, 1));
    let moved = request_text("UPDATE", "z9hG4bK3", "one", &to, 2).replace("9@10.0.0.9:5060>", "9@10.0.0.9:7070>");
    net.inject(phone, callee, moved);
    net.pass(10);
    assert_eq!(net.statuses(phone), [200]);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Confirmed { sdp: None }]);
    // The peer's re-INVITE meets its own open one, and ours meets it.
    let reinvite = request_text("INVITE", "z9hG4bK4", "one", &to, 3).replace("9@10.0.0.9:5060>", "9@10.0.0.9:7070>");
    net.inject(phone, callee, reinvite);
    net.inject(phone, callee, request_text("INVITE", "z9hG4bK5", "one", &to, 4));
    net.pass(10);
    assert_eq!(net.statuses(phone), [100, 500]);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Offer { sdp: Bytes::new() }]);
    net.command(callee, leg, LegCommand::Hangup { reason: None });
    net.pass(10);
    let bye = net.heard(phone).unwrap();
    assert_eq!(bye.raw_request_uri().unwrap(), b"sip:9@10.0.0.9:7070");
}

#[test]
fn an_update_with_an_offer_during_our_reinvite_is_glare() {
    let (mut net, caller, _) = Net::pair(4);
    let phone = at("10.0.0.9:5060");
    let ours = net.invite(caller, phone);
    net.pass(10);
    let invite = net.heard(phone).unwrap();
    net.inject(phone, caller, answer(&invite, "200 OK", "nine"));
    net.pass(10);
    net.command(caller, ours, LegCommand::Reinvite { sdp: hold() });
    net.pass(10);
    net.raw.clear();
    let from = String::from_utf8(invite.header(Name::From).unwrap().to_vec()).unwrap();
    let body = "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
    let update =
        request_text("UPDATE", "z9hG4bKu", invite.call_id(), &from, 1).replace("Content-Length: 0\r\n\r\n", body);
    net.inject(phone, caller, update);
    net.pass(10);
    assert_eq!(net.statuses(phone), [491]);
}

#[test]
fn a_reinvite_that_finds_no_dialog_ends_the_call() {
    let (mut net, caller, callee) = Net::pair(5);
    let (ours, _) = net.connect(caller, callee);
    net.nodes.remove(&callee);
    net.add("10.0.0.2:5060", &["10.0.0.1"]);
    net.leg_events(caller, ours);
    net.command(caller, ours, LegCommand::Reinvite { sdp: hold() });
    net.pass(50);
    assert!(matches!(net.leg_events(caller, ours)[..], [LegEventKind::Ended { status: None, .. }]));
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}
