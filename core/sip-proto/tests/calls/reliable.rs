//! Reliable provisional responses (RFC 3262) in both directions.

use bytes::Bytes;
use sip_proto::{
    message::{Message, Method, Name},
    session::{EndedBy, LegCommand, LegEventKind, LegKey},
};

use crate::{
    cancel::answer,
    dialogs::{invite_text, request_text},
    net::{Net, at, sdp},
};

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

/// A scripted phone calls with these header lines and an offer.
fn phone_calls(net: &mut Net, callee: std::net::SocketAddr, headers: &str) -> LegKey {
    let body = String::from_utf8_lossy(&sdp()).into_owned();
    let rest = format!("{headers}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    net.inject(at("10.0.0.9:5060"), callee, invite_text("z9hG4bK1", "one").replace("Content-Length: 0\r\n\r\n", &rest));
    net.pass(10);
    assert_eq!(net.statuses(at("10.0.0.9:5060")), [100]);
    net.incoming(callee).unwrap().leg
}

fn prack(response: &Message, branch: &str, rack: &str, cseq: u32) -> String {
    request_text("PRACK", branch, "one", &header(response, Name::To), cseq)
        .replace("Content-Length", &format!("RAck: {rack}\r\nContent-Length"))
}

#[test]
fn early_media_between_two_of_us_is_acknowledged_before_the_answer() {
    let (mut net, caller, callee) = Net::pair(1);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Ring { status: 180, sdp: None });
    net.command(callee, theirs, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.command(callee, theirs, LegCommand::Answer { sdp: sdp() });
    net.pass(50);
    let events = net.leg_events(caller, ours);
    assert_eq!(events[0], LegEventKind::Progress { status: 180, sdp: None });
    assert_eq!(events[1], LegEventKind::Progress { status: 183, sdp: Some(sdp()) });
    assert!(matches!(events[2], LegEventKind::Answered { .. }));
    let order: Vec<String> = net
        .log
        .iter()
        .map(|(_, _, m)| m.status().map_or_else(|| m.method().to_string(), |s| format!("{s} {}", m.method())))
        .collect();
    assert_eq!(order, ["INVITE", "100 INVITE", "180 INVITE", "183 INVITE", "PRACK", "200 PRACK", "200 INVITE", "ACK"]);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(65_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn bad_weather_changes_nothing() {
    for seed in 0..30 {
        let (mut net, caller, callee) = Net::pair(seed);
        net.weather = crate::net::Weather { loss: 25, twice: 20, jitter: 300 };
        let ours = net.invite(caller, callee);
        let (mut answered, mut early) = (false, 0);
        net.pass_with(60_000, |net, node, event| match event {
            sip_proto::endpoint::Event::Incoming(incoming) => {
                net.command(node, incoming.leg, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
                net.command(node, incoming.leg, LegCommand::Ring { status: 180, sdp: None });
                net.command(node, incoming.leg, LegCommand::Answer { sdp: sdp() });
            }
            sip_proto::endpoint::Event::Leg(event) if node == caller => match event.kind {
                LegEventKind::Progress { status: 183, .. } => early += 1,
                LegEventKind::Answered { .. } => answered = true,
                _ => {}
            },
            _ => {}
        });
        assert!(answered && early == 1, "seed {seed}: {answered} {early}");
        net.command(caller, ours, LegCommand::Hangup { reason: None });
        net.pass(100_000);
        assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)), "seed {seed}");
    }
}

#[test]
fn who_requires_it_gets_every_response_reliably_and_one_at_a_time() {
    let (mut net, _, callee) = Net::pair(2);
    let phone = at("10.0.0.9:5060");
    let leg = phone_calls(&mut net, callee, "Require: 100rel\r\n");
    net.command(callee, leg, LegCommand::Ring { status: 180, sdp: None });
    net.command(callee, leg, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.pass(10);
    let first = net.heard(phone).unwrap();
    assert_eq!((first.status(), header(&first, Name::Require)), (Some(180), "100rel".into()));
    let rseq: u32 = header(&first, Name::RSeq).parse().unwrap();
    net.pass(3_500);
    assert_eq!(net.statuses(phone), [180, 180, 180], "again after 0.5, 1.5 and 3.5 s");
    for (number, rack) in [
        format!("{} 1 INVITE", rseq + 1),
        format!("{rseq} 2 INVITE"),
        format!("{rseq} 1 BYE"),
        format!("{rseq} 1"),
        "x".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        net.inject(phone, callee, prack(&first, &format!("z9hG4bKw{number}"), rack, 2 + number as u32));
        net.pass(10);
        assert_eq!(net.statuses(phone), [481], "{rack}");
    }
    net.inject(phone, callee, prack(&first, "z9hG4bKp1", &format!("{rseq} 1 INVITE"), 10));
    net.pass(10);
    assert_eq!(net.heard(phone).unwrap().status(), Some(200));
    let second = net.heard(phone).unwrap();
    assert_eq!((second.status(), header(&second, Name::RSeq)), (Some(183), (rseq + 1).to_string()));
    // The answer waits: what carries the session is not acknowledged.
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(100);
    assert_eq!(net.statuses(phone), Vec::<u16>::new());
    net.inject(phone, callee, prack(&first, "z9hG4bKp2", &format!("{} 1 INVITE", rseq + 1), 11));
    net.pass(10);
    assert_eq!(net.statuses(phone), [200, 200], "to the PRACK and to the INVITE");
    // The ACK counts by the INVITE's number, not by the last request's.
    net.inject(phone, callee, request_text("ACK", "z9hG4bKa", "one", &header(&first, Name::To), 1));
    net.pass(10);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Confirmed { sdp: None }]);
}

#[test]
fn a_response_that_nobody_acknowledges_ends_the_call() {
    let (mut net, _, callee) = Net::pair(3);
    let leg = phone_calls(&mut net, callee, "Require: 100rel\r\n");
    net.command(callee, leg, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(31_900);
    assert_eq!(net.leg_events(callee, leg), []);
    net.pass(200);
    assert_eq!(
        net.leg_events(callee, leg),
        [LegEventKind::Ended { status: Some(504), reason: None, by: EndedBy::Timeout }]
    );
    assert!(net.statuses(at("10.0.0.9:5060")).contains(&504));
}

#[test]
fn who_cannot_do_it_gets_plain_responses() {
    let (mut net, _, callee) = Net::pair(4);
    let leg = phone_calls(&mut net, callee, "");
    net.command(callee, leg, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(10);
    assert_eq!(net.statuses(at("10.0.0.9:5060")), [183, 200]);
}

#[test]
fn an_update_may_change_the_session_once_a_reliable_response_settled_it() {
    let (mut net, _, callee) = Net::pair(5);
    let phone = at("10.0.0.9:5060");
    let leg = phone_calls(&mut net, callee, "Supported: 100rel\r\n");
    let offer = |to: &str, branch: &str, cseq: u32| {
        let body = "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
        request_text("UPDATE", branch, "one", to, cseq).replace("Content-Length: 0\r\n\r\n", body)
    };
    net.command(callee, leg, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.pass(10);
    let early = net.heard(phone).unwrap();
    let to = header(&early, Name::To);
    net.inject(phone, callee, offer(&to, "z9hG4bKu1", 2));
    net.pass(10);
    assert_eq!(net.statuses(phone), [500]);
    net.inject(phone, callee, prack(&early, "z9hG4bKp", &format!("{} 1 INVITE", header(&early, Name::RSeq)), 3));
    net.inject(phone, callee, offer(&to, "z9hG4bKu2", 4));
    net.pass(10);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Offer { sdp: Bytes::from_static(b"v=0\r\n") }]);
    net.command(callee, leg, LegCommand::Accept { sdp: sdp() });
    net.pass(10);
    assert_eq!(net.statuses(phone), [200, 200]);
}

#[test]
fn a_reliable_response_is_acknowledged_once_and_in_order() {
    let (mut net, caller, _) = Net::pair(6);
    let gateway = at("10.0.0.9:5060");
    let ours = net.invite(caller, gateway);
    net.pass(10);
    let invite = net.heard(gateway).unwrap();
    assert!(invite.supports("100rel"));
    let progress =
        |rseq: u32, status: &str| answer(&invite, &format!("{status}\r\nRequire: 100rel\r\nRSeq: {rseq}"), "nine");
    for (text, pracks) in [
        (progress(100, "180 Ringing"), 1),
        (progress(100, "180 Ringing"), 0),
        (progress(102, "182 Queued"), 0),
        (progress(101, "183 Session Progress"), 1),
        (progress(99, "181 Call Is Being Forwarded"), 0),
    ] {
        net.inject(gateway, caller, text);
        net.pass(10);
        let heard: Vec<Message> = net.raw.remove(&gateway).unwrap_or_default().into_iter().collect();
        assert_eq!(heard.len(), pracks);
        for prack in heard {
            assert_eq!((prack.method(), prack.to_tag()), (&Method::Prack, Some("nine")));
            net.inject(gateway, caller, answer(&prack, "200 OK", "nine"));
        }
    }
    let told: Vec<_> = net.leg_events(caller, ours);
    assert!(
        matches!(told[..], [LegEventKind::Progress { status: 180, .. }, LegEventKind::Progress { status: 183, .. }]),
        "{told:?}"
    );
    net.inject(gateway, caller, answer(&invite, "200 OK", "nine"));
    net.pass(10);
    let ack = net.heard(gateway).unwrap();
    assert_eq!((ack.method(), ack.cseq().0), (&Method::Ack, invite.cseq().0));
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(10);
    assert_eq!(net.heard(gateway).unwrap().cseq().0, invite.cseq().0 + 3, "two PRACKs came between");
}

#[test]
fn a_flood_of_reliable_responses_is_bounded() {
    let (mut net, caller, _) = Net::pair(7);
    net.keep_log = false;
    let gateway = at("10.0.0.9:5060");
    let ours = net.invite(caller, gateway);
    net.pass(10);
    let invite = net.heard(gateway).unwrap();
    for rseq in 1..2_000_u32 {
        net.inject(
            gateway,
            caller,
            answer(&invite, &format!("18{} x\r\nRequire: 100rel\r\nRSeq: {rseq}", rseq % 10), "nine"),
        );
        net.pass(10);
    }
    assert!(net.leg_events(caller, ours).len() <= 40);
    let pracks = net.raw.remove(&gateway).unwrap();
    let different: std::collections::BTreeSet<u32> = pracks.iter().map(|prack| prack.cseq().0).collect();
    assert!(different.len() <= 40, "{}", different.len());
}

#[test]
fn a_prack_that_comes_behind_the_answer_is_no_mistake() {
    let (mut net, _, callee) = Net::pair(8);
    let phone = at("10.0.0.9:5060");
    let leg = phone_calls(&mut net, callee, "Require: 100rel\r\n");
    net.command(callee, leg, LegCommand::Ring { status: 180, sdp: None });
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(10);
    let ringing = net.heard(phone).unwrap();
    assert_eq!(net.statuses(phone), [200], "it carries no session: the answer need not wait");
    let rack = format!("{} 1 INVITE", header(&ringing, Name::RSeq));
    net.inject(phone, callee, prack(&ringing, "z9hG4bKp1", &rack, 2));
    net.inject(phone, callee, prack(&ringing, "z9hG4bKp2", &rack, 3));
    net.pass(10);
    assert_eq!(net.statuses(phone), [200, 481]);
    net.inject(phone, callee, request_text("ACK", "z9hG4bKa", "one", &header(&ringing, Name::To), 1));
    net.pass(2_000);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Confirmed { sdp: None }]);
    assert_eq!(net.statuses(phone), Vec::<u16>::new(), "nothing is sent again");
}
