//! Plain calls: both sides hang up, nobody answers, an ACK is missing.

use bytes::Bytes;
use sip_proto::{
    dialog::DialogRecord,
    endpoint::{Command, Destination, Input},
    message::{Method, Name},
    session::{EndedBy, Invite, LegCommand, LegEventKind, Reason},
};

use crate::net::{Net, at, sdp};

fn ended(by: EndedBy) -> LegEventKind {
    LegEventKind::Ended { status: None, reason: None, by }
}

fn methods(net: &Net) -> Vec<String> {
    net.log
        .iter()
        .map(|(_, _, message)| match message.status() {
            Some(status) => format!("{status} {}", message.method()),
            None => message.method().to_string(),
        })
        .collect()
}

#[test]
fn a_call_is_answered_and_ended_by_the_caller() {
    let (mut net, caller, callee) = Net::pair(1);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let incoming = net.incoming(callee).unwrap();
    assert_eq!(incoming.request.uri_user, "200");
    assert_eq!(incoming.request.from_user, "100");
    assert_eq!(incoming.request.max_forwards, 70);
    assert!(incoming.sdp.is_some() && incoming.credentials.is_none());
    net.command(callee, incoming.leg, LegCommand::Ring { status: 180, sdp: None });
    net.pass(50);
    assert_eq!(net.leg_events(caller, ours), [LegEventKind::Progress { status: 180, sdp: None }]);
    net.command(callee, incoming.leg, LegCommand::Answer { sdp: sdp() });
    net.pass(50);
    net.command(caller, ours, LegCommand::Hangup { reason: Some(Reason::q850(16)) });
    net.pass(50);
    let reason = Some(Reason::q850(16));
    assert_eq!(
        net.leg_events(callee, incoming.leg),
        [
            LegEventKind::Confirmed { sdp: None },
            LegEventKind::Ended { status: None, reason: reason.clone(), by: EndedBy::Peer }
        ]
    );
    let events = net.leg_events(caller, ours);
    assert!(matches!(&events[0], LegEventKind::Answered { sdp: Some(_), .. }));
    assert_eq!(events[1], LegEventKind::Ended { status: None, reason, by: EndedBy::Us });
    assert_eq!(
        methods(&net),
        ["INVITE", "100 INVITE", "180 INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"],
        "nothing is sent twice on a good network"
    );
    net.pass(64_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn a_call_is_ended_by_the_callee() {
    let (mut net, caller, callee) = Net::pair(2);
    let (ours, theirs) = net.connect(caller, callee);
    net.command(callee, theirs, LegCommand::Hangup { reason: None });
    net.pass(100);
    assert_eq!(net.leg_events(caller, ours), [ended(EndedBy::Peer)]);
    assert_eq!(net.leg_events(callee, theirs), [ended(EndedBy::Us)]);
}

#[test]
fn a_refusal_is_acknowledged_once_and_ends_the_leg() {
    let (mut net, caller, callee) = Net::pair(3);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Reject { status: 486, reason: Some(Reason::q850(17)) });
    net.pass(10_000);
    let refused = LegEventKind::Ended { status: Some(486), reason: Some(Reason::q850(17)), by: EndedBy::Peer };
    assert_eq!(net.leg_events(caller, ours), [refused]);
    assert_eq!(methods(&net), ["INVITE", "100 INVITE", "486 INVITE", "ACK"]);
}

#[test]
fn nobody_answers_for_thirty_two_seconds() {
    let (mut net, caller, _) = Net::pair(4);
    let ours = net.invite(caller, at("10.0.0.77:5060"));
    net.pass(31_900);
    assert_eq!(net.leg_events(caller, ours), []);
    net.pass(200);
    let timed_out = LegEventKind::Ended { status: Some(408), reason: None, by: EndedBy::Timeout };
    assert_eq!(net.leg_events(caller, ours), [timed_out]);
    assert_eq!(net.log.len(), 7, "the INVITE and six repetitions");
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn an_answer_without_ack_is_repeated_for_thirty_two_seconds_and_then_ended() {
    let (mut net, _, callee) = Net::pair(5);
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(31_900);
    assert_eq!(net.leg_events(callee, leg), []);
    net.pass(200);
    assert_eq!(net.leg_events(callee, leg), [ended(EndedBy::Timeout)]);
    let heard = net.raw.remove(&phone).unwrap();
    let answers = heard.iter().filter(|message| message.status() == Some(200)).count();
    assert_eq!(answers, 11, "at 0, 0.5, 1.5, 3.5, 7.5 and then every 4 s");
    assert_eq!(heard.back().unwrap().method(), &Method::Bye);
    net.pass(64_000);
    assert_eq!(net.load(callee), (0, 0));
}

#[test]
fn a_hangup_before_the_ack_waits_for_it() {
    let (mut net, _, callee) = Net::pair(6);
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.command(callee, leg, LegCommand::Hangup { reason: None });
    net.pass(10);
    assert_eq!(net.leg_events(callee, leg), [ended(EndedBy::Us)]);
    let heard = net.raw.remove(&phone).unwrap();
    assert!(heard.iter().all(|message| message.method() != &Method::Bye));
    let to = String::from_utf8(heard.back().unwrap().header(Name::To).unwrap().to_vec()).unwrap();
    net.inject(phone, callee, request_text("ACK", "z9hG4bK2", "one", &to, 1));
    net.pass(10);
    assert_eq!(net.heard(phone).unwrap().method(), &Method::Bye);
}

#[test]
fn early_media_and_info_reach_the_owner() {
    let (mut net, caller, callee) = Net::pair(7);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Ring { status: 183, sdp: Some(sdp()) });
    net.command(callee, theirs, LegCommand::Answer { sdp: sdp() });
    net.pass(50);
    let events = net.leg_events(caller, ours);
    assert_eq!(events[0], LegEventKind::Progress { status: 183, sdp: Some(sdp()) });
    let digit = LegCommand::Info {
        content_type: "application/dtmf-relay".to_owned(),
        body: Bytes::from_static(b"Signal=5\r\nDuration=160\r\n"),
    };
    net.command(caller, ours, digit);
    net.pass(50);
    let events = net.leg_events(callee, theirs);
    assert!(
        matches!(&events[1], LegEventKind::Info { content_type, body } if content_type == "application/dtmf-relay" && body.starts_with(b"Signal=5")),
        "{events:?}"
    );
}

#[test]
fn a_journalled_dialog_is_ended_after_a_restart() {
    let (mut net, caller, callee) = Net::pair(8);
    let ours = net.invite(caller, callee);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Answer { sdp: sdp() });
    net.pass(50);
    let events = net.leg_events(caller, ours);
    let Some(LegEventKind::Answered { dialog, .. }) = events.last() else { panic!("{events:?}") };
    let record = Box::new(DialogRecord::decode(&dialog.encode()).unwrap());
    net.leg_events(callee, theirs);
    net.nodes.remove(&caller);
    net.add("10.0.0.1:5060", &[]);
    net.input(caller, Input::Command(Command::ByeOrphan { record, reason: Some(Reason::q850(41)) }));
    net.pass(50);
    let reason = Some(Reason::q850(41));
    assert_eq!(net.leg_events(callee, theirs), [LegEventKind::Ended { status: None, reason, by: EndedBy::Peer }]);
}

#[test]
fn headers_reach_the_other_side_and_cannot_break_out() {
    let (mut net, caller, callee) = Net::pair(9);
    let mut invite = Invite::new("sip:200@10.0.0.2", Destination::udp(callee), "1#0", "example.com");
    invite.from_display = Some("Ann \"A\" <x>\r\nX-Evil: 1".to_owned());
    invite.headers = vec![
        ("X-Lead".to_owned(), "7\r\nX-Evil: 2".to_owned()),
        ("Via".to_owned(), "SIP/2.0/UDP evil".to_owned()),
        ("Bad Name".to_owned(), "x".to_owned()),
        ("P-Asserted-Identity".to_owned(), "<sip:+84901@example.com>".to_owned()),
    ];
    invite.max_forwards = 200;
    net.invite_with(caller, invite);
    net.pass(50);
    let request = net.incoming(callee).unwrap().request;
    assert_eq!(request.from_user, "1#0");
    assert_eq!(request.from_display.as_deref(), Some("Ann \"A\" <x>X-Evil: 1"));
    assert_eq!(request.max_forwards, 70);
    let expected = [("X-Lead", "7X-Evil: 2"), ("P-Asserted-Identity", "<sip:+84901@example.com>")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(request.headers, expected);
}

pub(crate) fn invite_text(branch: &str, call_id: &str) -> String {
    request_text("INVITE", branch, call_id, "<sip:200@10.0.0.2>", 1)
}

pub(crate) fn request_text(method: &str, branch: &str, call_id: &str, to: &str, cseq: u32) -> String {
    format!(
        "{method} sip:200@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:9@example.com>;tag=nine\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:9@10.0.0.9:5060>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn invite_that_holds_its_ack(net: &mut Net) -> (sip_proto::session::LegKey, sip_proto::session::LegKey) {
    let (caller, callee) = (at("10.0.0.1:5060"), at("10.0.0.2:5060"));
    let mut invite = Invite::new(format!("sip:200@{callee}"), Destination::udp(callee), "100", "example.com");
    (invite.sdp, invite.hold_ack) = (Some(sdp()), true);
    let ours = net.invite_with(caller, invite);
    net.pass(50);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Answer { sdp: sdp() });
    // Long enough for the 2xx to be repeated.
    net.pass(800);
    assert!(!methods(net).iter().any(|method| method == "ACK"), "nothing acknowledges before the owner");
    (ours, theirs)
}

#[test]
fn an_ack_that_is_held_is_sent_when_the_owner_says_so() {
    let (mut net, caller, callee) = Net::pair(11);
    let (ours, theirs) = invite_that_holds_its_ack(&mut net);
    net.command(caller, ours, LegCommand::Acknowledge);
    net.pass(50);
    assert_eq!(net.leg_events(callee, theirs), [LegEventKind::Confirmed { sdp: None }]);
    assert_eq!(methods(&net).iter().filter(|method| *method == "ACK").count(), 1);
    net.command(callee, theirs, LegCommand::Hangup { reason: None });
    net.pass(64_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn an_ack_that_is_held_goes_before_the_bye() {
    let (mut net, caller, callee) = Net::pair(12);
    let (ours, theirs) = invite_that_holds_its_ack(&mut net);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(50);
    let sent = methods(&net);
    assert_eq!(sent[sent.len() - 3..], ["ACK", "BYE", "200 BYE"]);
    assert_eq!(net.leg_events(callee, theirs), [LegEventKind::Confirmed { sdp: None }, ended(EndedBy::Peer)]);
    net.pass(64_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}
