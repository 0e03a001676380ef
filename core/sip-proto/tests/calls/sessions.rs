//! Session timers (RFC 4028), by both refreshers (S33).

use sip_proto::{
    endpoint::{Command, Input},
    message::{Message, Method, Name},
    session::{EndedBy, LegCommand, LegEventKind, LegKey, TrustedSource},
};

use crate::{
    cancel::answer,
    dialogs::{invite_text, request_text},
    net::{Net, at, sdp},
};

/// Two endpoints that trust each other; both wish for `seconds` without a refresh.
fn pair(seed: u64, seconds: Option<u32>) -> (Net, std::net::SocketAddr, std::net::SocketAddr) {
    let mut net = Net::new(seed);
    let mut add = |address: &str| {
        let node = net.add_with(address, |config| config.session_expires = seconds);
        let all = ["10.0.0.1", "10.0.0.2", "10.0.0.9"];
        let sources = all.map(|ip| TrustedSource::from(ip.parse::<std::net::IpAddr>().unwrap())).to_vec();
        net.input(node, Input::Command(Command::Trust(sources)));
        node
    };
    let (caller, callee) = (add("10.0.0.1:5060"), add("10.0.0.2:5060"));
    (net, caller, callee)
}

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

fn sent(net: &Net, method: &Method) -> usize {
    net.log.iter().filter(|(_, _, message)| message.is_request() && message.method() == method).count()
}

/// A scripted phone calls with these header lines and is answered.
fn phone_calls(net: &mut Net, callee: std::net::SocketAddr, headers: &str) -> (LegKey, Message) {
    let phone = at("10.0.0.9:5060");
    let invite = invite_text("z9hG4bK1", "one").replace("Content-Length", &format!("{headers}Content-Length"));
    net.inject(phone, callee, invite);
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(10);
    let ok = net.raw.remove(&phone).unwrap().pop_back().unwrap();
    net.inject(phone, callee, request_text("ACK", "z9hG4bK2", "one", &header(&ok, Name::To), 1));
    net.pass(10);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Confirmed { sdp: None }]);
    (leg, ok)
}

#[test]
fn two_of_us_keep_a_call_alive_by_updates_of_the_caller() {
    let (mut net, caller, callee) = pair(1, Some(90));
    let (ours, theirs) = net.connect(caller, callee);
    let ok = net.log.iter().find(|(_, _, message)| message.status() == Some(200)).unwrap().2.clone();
    assert_eq!(
        (header(&ok, Name::SessionExpires), header(&ok, Name::Require)),
        ("90;refresher=uac".into(), "timer".into())
    );
    net.pass(600_000);
    assert_eq!((net.leg_events(caller, ours), net.leg_events(callee, theirs)), (vec![], vec![]));
    let updates: Vec<_> = net.log.iter().filter(|(_, _, message)| *message.method() == Method::Update).collect();
    assert!(updates.iter().filter(|(_, _, message)| message.is_request()).all(|(from, _, _)| *from == caller));
    assert_eq!(updates.len(), 2 * 13, "one every 45 s, each answered");
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(65_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn a_silent_peer_ends_the_call_when_the_session_expires() {
    // The refresher is gone: the other side gives up a third early.
    let (mut net, caller, callee) = pair(2, Some(90));
    let (_, theirs) = net.connect(caller, callee);
    net.nodes.remove(&caller);
    net.pass(59_000);
    assert_eq!(net.leg_events(callee, theirs), []);
    net.pass(2_000);
    let over = LegEventKind::Ended { status: None, reason: None, by: EndedBy::Timeout };
    assert_eq!(net.leg_events(callee, theirs), std::slice::from_ref(&over));
    assert!(sent(&net, &Method::Bye) >= 1);
    // The other side is gone: the refresh is not answered for 32 s.
    let (mut net, caller, callee) = pair(3, Some(90));
    let (ours, _) = net.connect(caller, callee);
    net.nodes.remove(&callee);
    net.pass(45_000 + 32_500);
    assert_eq!(net.leg_events(caller, ours), [over]);
}

#[test]
fn without_a_wish_there_is_no_timer() {
    let (mut net, caller, callee) = pair(4, None);
    let (ours, theirs) = net.connect(caller, callee);
    net.pass(86_400_000);
    assert_eq!((net.leg_events(caller, ours), net.leg_events(callee, theirs)), (vec![], vec![]));
    assert_eq!(sent(&net, &Method::Update), 0);
}

#[test]
fn a_phone_that_refreshes_is_answered_and_one_that_stops_is_ended() {
    let (mut net, _, callee) = pair(5, Some(1800));
    let wish = "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n";
    let (leg, ok) = phone_calls(&mut net, callee, wish);
    assert_eq!(header(&ok, Name::SessionExpires), "120;refresher=uac");
    let phone = at("10.0.0.9:5060");
    for cseq in 2..5 {
        net.pass(60_000);
        let update = request_text("UPDATE", &format!("z9hG4bKu{cseq}"), "one", &header(&ok, Name::To), cseq);
        net.inject(phone, callee, update.replace("Content-Length", &format!("{wish}Content-Length")));
        net.pass(10);
        let answer = net.heard(phone).unwrap();
        assert_eq!((answer.status(), header(&answer, Name::SessionExpires)), (Some(200), "120;refresher=uac".into()));
    }
    net.pass(87_000);
    assert_eq!(net.leg_events(callee, leg), []);
    net.pass(2_000);
    assert!(matches!(net.leg_events(callee, leg)[..], [LegEventKind::Ended { by: EndedBy::Timeout, .. }]));
}

#[test]
fn a_phone_without_update_is_refreshed_by_a_reinvite_that_says_the_same() {
    let (mut net, _, callee) = pair(6, Some(1800));
    let wish = "Supported: timer\r\nAllow: INVITE, ACK, BYE, CANCEL\r\nSession-Expires: 100;refresher=uas\r\n";
    let (leg, ok) = phone_calls(&mut net, callee, wish);
    assert_eq!(
        (header(&ok, Name::SessionExpires), header(&ok, Name::Require)),
        ("100;refresher=uas".into(), String::new())
    );
    net.pass(50_000);
    let again = net.heard(at("10.0.0.9:5060")).unwrap();
    assert_eq!((again.method(), again.body()), (&Method::Invite, &sdp()));
    assert_eq!(header(&again, Name::SessionExpires), "100;refresher=uac", "who sends the refresh is its UAC");
    net.inject(at("10.0.0.9:5060"), callee, answer(&again, "200 OK\r\nSession-Expires: 100;refresher=uac", "nine"));
    net.pass(10);
    assert!(matches!(net.leg_events(callee, leg)[..], [LegEventKind::Answered { .. }]));
    net.pass(50_000);
    assert_eq!(net.raw[&at("10.0.0.9:5060")].back().unwrap().method(), &Method::Invite);
}

#[test]
fn what_is_too_brief_or_unreadable_is_refused() {
    let (mut net, _, callee) = pair(7, Some(1800));
    let phone = at("10.0.0.9:5060");
    for (at, (value, status)) in
        [("1", 422), ("0", 422), ("89", 422), ("4294967296", 400), ("1800;refresher=xyz", 400)].into_iter().enumerate()
    {
        let invite = invite_text(&format!("z9hG4bK{at}"), &format!("call{at}"));
        let wish = format!("Supported: timer\r\nSession-Expires: {value}\r\nContent-Length");
        net.inject(phone, callee, invite.replace("Content-Length", &wish));
        net.pass(10);
        let refusal = net.heard(phone).unwrap();
        assert_eq!(refusal.status(), Some(status), "{value}");
        assert_eq!(header(&refusal, Name::MinSe), if status == 422 { "90" } else { "" });
        assert!(net.incoming(callee).is_none());
    }
    let (leg, ok) = phone_calls(&mut net, callee, "");
    let update = request_text("UPDATE", "z9hG4bKu", "one", &header(&ok, Name::To), 2);
    net.inject(phone, callee, update.replace("Content-Length", "Session-Expires: 5\r\nContent-Length"));
    net.pass(10);
    assert_eq!(net.statuses(phone), [422]);
    assert_eq!(net.leg_events(callee, leg), []);
}

#[test]
fn a_422_is_followed_once() {
    let (mut net, caller, _) = pair(8, Some(1800));
    let gateway = at("10.0.0.9:5060");
    let ours = net.invite(caller, gateway);
    net.pass(10);
    let first = net.heard(gateway).unwrap();
    assert_eq!(header(&first, Name::SessionExpires), "1800");
    net.inject(gateway, caller, answer(&first, "422 Session Interval Too Small\r\nMin-SE: 3600", "nine"));
    net.pass(10);
    net.heard(gateway).unwrap();
    let second = net.heard(gateway).unwrap();
    assert_eq!((header(&second, Name::SessionExpires), header(&second, Name::MinSe)), ("3600".into(), "3600".into()));
    assert_eq!((second.cseq().0, second.body()), (first.cseq().0 + 1, first.body()));
    assert_eq!(net.leg_events(caller, ours), []);
    net.inject(gateway, caller, answer(&second, "422 Session Interval Too Small\r\nMin-SE: 7200", "nine"));
    net.pass(10);
    assert!(matches!(net.leg_events(caller, ours)[..], [LegEventKind::Ended { status: Some(422), .. }]));
}
