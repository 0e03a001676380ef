//! REFER and Replaces (RFC 3515, RFC 4488, RFC 3891), and what a callee that moved says (S45).

use sip_proto::{
    message::{Message, Method, Name},
    session::{LegCommand, LegEventKind, LegKey, Refer, ReferKey, Replaces},
};

use crate::{
    cancel::answer_with,
    dialogs::{invite_text, request_text},
    net::{Net, at, sdp},
};

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

fn referred(net: &mut Net, node: std::net::SocketAddr, leg: LegKey) -> Refer {
    match &net.leg_events(node, leg)[..] {
        [LegEventKind::Refer { refer }] => (**refer).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transfer_is_accepted_and_its_news_reach_who_asked() {
    let (mut net, caller, callee) = Net::pair(1);
    let (ours, theirs) = net.connect(caller, callee);
    let target = "sip:300@example.com".to_owned();
    net.command(caller, ours, LegCommand::Refer { target: target.clone(), replaces: None, referred_by: None });
    net.pass(20);
    let refer = referred(&mut net, callee, theirs);
    assert_eq!((&refer.target, refer.target_user.as_str(), refer.replaces), (&target, "300", None));
    net.command(callee, theirs, LegCommand::AcceptRefer { refer: refer.refer });
    net.command(callee, theirs, LegCommand::NotifyRefer { refer: refer.refer, status: 180 });
    net.command(callee, theirs, LegCommand::NotifyRefer { refer: refer.refer, status: 200 });
    net.command(callee, theirs, LegCommand::NotifyRefer { refer: refer.refer, status: 500 });
    net.pass(50);
    let events = net.leg_events(caller, ours);
    assert_eq!(events[0], LegEventKind::Referred { status: 202 });
    let news: Vec<(Option<u16>, &str)> = events[1..]
        .iter()
        .map(|event| match event {
            LegEventKind::Notify { notify } => (notify.status(), notify.state.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        news,
        [(Some(100), "active"), (Some(180), "active"), (Some(200), "terminated")],
        "nothing after the end"
    );
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(65_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}

#[test]
fn a_transfer_is_refused() {
    let (mut net, caller, callee) = Net::pair(2);
    let (ours, theirs) = net.connect(caller, callee);
    let refer = LegCommand::Refer { target: "sip:1900@example.com".to_owned(), replaces: None, referred_by: None };
    net.command(caller, ours, refer);
    net.pass(20);
    let refer = referred(&mut net, callee, theirs).refer;
    net.command(callee, theirs, LegCommand::RefuseRefer { refer: ReferKey(refer.0 + 1), status: 403 });
    net.command(callee, theirs, LegCommand::RefuseRefer { refer, status: 403 });
    net.command(callee, theirs, LegCommand::NotifyRefer { refer, status: 200 });
    net.pass(20);
    assert_eq!(net.leg_events(caller, ours), [LegEventKind::Referred { status: 403 }]);
    let notifies = net.log.iter().filter(|(_, _, message)| *message.method() == Method::Notify).count();
    assert_eq!(notifies, 0);
}

/// A scripted phone in a call with us; returns our leg and our To value.
fn phone(net: &mut Net, callee: std::net::SocketAddr, call: &str) -> (LegKey, String) {
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text(&format!("z9hG4bK{call}1"), call));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(10);
    let ok = net.raw.remove(&phone).unwrap().pop_back().unwrap();
    let to = header(&ok, Name::To);
    net.inject(phone, callee, request_text("ACK", &format!("z9hG4bK{call}2"), call, &to, 1));
    net.pass(10);
    net.leg_events(callee, leg);
    (leg, to)
}

#[test]
fn what_is_no_transfer_is_refused_without_the_owner() {
    let (mut net, _, callee) = Net::pair(3);
    let (leg, to) = phone(&mut net, callee, "one");
    for (number, (headers, status)) in [
        ("", 400),
        ("Refer-To: <sip:1@x>, <sip:2@x>\r\n", 400),
        ("Refer-To: nonsense\r\n", 400),
        ("Refer-To: <sip:1@x;method=BYE>\r\n", 403),
        ("Refer-To: <http://x>\r\n", 403),
        ("Refer-To: <sip:1@x?Replaces=nonsense>\r\n", 400),
    ]
    .into_iter()
    .enumerate()
    {
        let refer = request_text("REFER", &format!("z9hG4bKr{number}"), "one", &to, 2 + number as u32);
        net.inject(at("10.0.0.9:5060"), callee, refer.replace("Content-Length", &format!("{headers}Content-Length")));
        net.pass(10);
        assert_eq!(net.statuses(at("10.0.0.9:5060")), [status], "{headers:?}");
    }
    assert_eq!(net.leg_events(callee, leg), []);
}

#[test]
fn who_wants_no_news_gets_none() {
    let (mut net, _, callee) = Net::pair(4);
    let gateway = at("10.0.0.9:5060");
    let (leg, to) = phone(&mut net, callee, "one");
    let refer = request_text("REFER", "z9hG4bKr", "one", &to, 2).replace(
        "Content-Length",
        "Refer-To: <sip:300@x>\r\nRefer-Sub: false\r\nRequire: norefersub\r\nContent-Length",
    );
    net.inject(gateway, callee, refer);
    net.pass(10);
    let refer = referred(&mut net, callee, leg).refer;
    // A second one has to wait for the first one's answer.
    let second = request_text("REFER", "z9hG4bKs", "one", &to, 3);
    net.inject(gateway, callee, second.replace("Content-Length", "Refer-To: <sip:301@x>\r\nContent-Length"));
    net.pass(10);
    assert_eq!(net.statuses(gateway), [491]);
    net.command(callee, leg, LegCommand::AcceptRefer { refer });
    net.command(callee, leg, LegCommand::NotifyRefer { refer, status: 200 });
    net.pass(10);
    let answer = net.heard(gateway).unwrap();
    assert_eq!((answer.status(), answer.custom("Refer-Sub")), (Some(202), Some(&b"false"[..])));
    assert!(net.heard(gateway).is_none());
}

#[test]
fn a_refer_that_nobody_answered_is_answered_when_the_call_ends() {
    let (mut net, _, callee) = Net::pair(5);
    let (leg, to) = phone(&mut net, callee, "one");
    let refer = request_text("REFER", "z9hG4bKr", "one", &to, 2);
    net.inject(at("10.0.0.9:5060"), callee, refer.replace("Content-Length", "Refer-To: <sip:300@x>\r\nContent-Length"));
    net.pass(10);
    net.command(callee, leg, LegCommand::Hangup { reason: None });
    net.pass(10);
    assert!(net.statuses(at("10.0.0.9:5060")).contains(&481));
}

#[test]
fn an_attended_transfer_names_the_leg_that_it_replaces() {
    let (mut net, _, callee) = Net::pair(6);
    let (first, to_first) = phone(&mut net, callee, "one");
    let (second, to_second) = phone(&mut net, callee, "two");
    let our_tag = to_second.split(";tag=").nth(1).unwrap();
    let escaped = format!("Replaces=two%3Bto-tag%3D{our_tag}%3Bfrom-tag%3Dnine");
    let refer = request_text("REFER", "z9hG4bKr", "one", &to_first, 2);
    let refer_to = format!("Refer-To: <sip:300@10.0.0.2?{escaped}>\r\nReferred-By: <sip:9@x>\r\nContent-Length");
    net.inject(at("10.0.0.9:5060"), callee, refer.replace("Content-Length", &refer_to));
    net.pass(10);
    let refer = referred(&mut net, callee, first);
    let replaces = refer.replaces.unwrap();
    assert_eq!((replaces.leg, replaces.answered, replaces.refusal()), (Some(second), true, None));
    assert_eq!((refer.target.as_str(), refer.referred_by.as_deref()), ("sip:300@10.0.0.2", Some("sip:9@x")));
}

#[test]
fn an_invite_names_the_leg_that_it_replaces_or_none() {
    let (mut net, caller, callee) = Net::pair(7);
    let (leg, to) = phone(&mut net, callee, "one");
    let tag = to.split(";tag=").nth(1).unwrap().to_owned();
    // An early one of ours: it rings.
    let ringing = net.invite(callee, caller);
    net.pass(10);
    let theirs = net.incoming(caller).unwrap().leg;
    net.command(caller, theirs, LegCommand::Ring { status: 180, sdp: None });
    net.pass(10);
    let early = net.log.iter().find(|(_, _, message)| message.status() == Some(180)).unwrap().2.clone();
    let (ours, other) = (early.from_tag().unwrap(), early.to_tag().unwrap());
    let early_call = early.call_id().to_owned();
    let flipped = if tag.ends_with('0') { format!("{}1", &tag[..39]) } else { format!("{}0", &tag[..39]) };
    for (number, (value, found, refusal)) in [
        (format!("one;to-tag={tag};from-tag=nine"), Some(leg), None),
        (format!("one;to-tag={tag};from-tag=nine;early-only"), Some(leg), Some(486)),
        (format!("one;to-tag={tag};from-tag=ten"), None, Some(481)),
        (format!("two;to-tag={tag};from-tag=nine"), None, Some(481)),
        (format!("one;to-tag={flipped};from-tag=nine"), None, Some(481)),
        ("one;to-tag=x;from-tag=nine".to_owned(), None, Some(481)),
        (format!("{early_call};to-tag={ours};from-tag={other};early-only"), Some(ringing), None),
        (format!("{early_call};to-tag={ours};from-tag={other}"), Some(ringing), None),
    ]
    .into_iter()
    .enumerate()
    {
        let invite = invite_text(&format!("z9hG4bKr{number}"), &format!("new{number}"));
        let headers = format!("Replaces: {value}\r\nRequire: replaces\r\nContent-Length");
        net.inject(at("10.0.0.9:5060"), callee, invite.replace("Content-Length", &headers));
        net.pass(10);
        let replaces = net.incoming(callee).unwrap().replaces.unwrap();
        assert_eq!((replaces.leg, replaces.refusal()), (found, refusal), "{value}");
    }
    for (number, headers) in
        ["Replaces: x\r\n", "Replaces: a;to-tag=1;from-tag=2\r\nReplaces: b;to-tag=1;from-tag=2\r\n"]
            .into_iter()
            .enumerate()
    {
        net.raw.clear();
        let invite = invite_text(&format!("z9hG4bKb{number}"), &format!("bad{number}"));
        net.inject(at("10.0.0.9:5060"), callee, invite.replace("Content-Length", &format!("{headers}Content-Length")));
        net.pass(10);
        assert_eq!(net.statuses(at("10.0.0.9:5060")), [400]);
    }
}

#[test]
fn our_refer_names_the_call_that_it_replaces() {
    let (mut net, caller, callee) = Net::pair(8);
    let (ours, theirs) = net.connect(caller, callee);
    let (consulted, there) = net.connect(caller, callee);
    let invite =
        net.log.iter().rev().find(|(_, _, m)| m.is_request() && *m.method() == Method::Invite).unwrap().2.clone();
    let ok = net.log.iter().rev().find(|(_, _, m)| m.status() == Some(200)).unwrap().2.clone();
    let replaces = Replaces {
        call_id: invite.call_id().to_owned(),
        to_tag: ok.to_tag().unwrap().to_owned(),
        from_tag: invite.from_tag().unwrap().to_owned(),
        ..Replaces::default()
    };
    let target = format!("sip:200@{callee}");
    net.command(caller, ours, LegCommand::Refer { target, replaces: Some(replaces), referred_by: None });
    net.pass(20);
    let refer = referred(&mut net, callee, theirs);
    assert_eq!(refer.replaces.unwrap().leg, Some(there));
    assert_eq!(net.leg_events(caller, consulted), []);
}

#[test]
fn a_redirection_names_three_places_at_most_the_preferred_first() {
    let (mut net, caller, _) = Net::pair(9);
    let gateway = at("10.0.0.9:5060");
    let many: String = (0..50).map(|n| format!("Contact: <sip:{n}@x>;q=0.{:02}\r\n", n + 1)).collect();
    for (contacts, expected) in [
        ("Contact: <sip:1900@x>\r\n".to_owned(), vec!["sip:1900@x"]),
        (many, vec!["sip:49@x", "sip:48@x", "sip:47@x"]),
        ("Contact: <http://x>, <mailto:a@x>\r\n".to_owned(), vec![]),
        (String::new(), vec![]),
    ] {
        let ours = net.invite(caller, gateway);
        net.pass(10);
        let invite = net.raw.remove(&gateway).unwrap().pop_back().unwrap();
        net.inject(gateway, caller, answer_with(&invite, "302 Moved Temporarily", "nine", &contacts));
        net.pass(10);
        net.raw.clear();
        let events = net.leg_events(caller, ours);
        let (told, ended) = events.split_at(events.len() - 1);
        assert!(matches!(ended[0], LegEventKind::Ended { status: Some(302), .. }));
        match told {
            [] => assert!(expected.is_empty()),
            [LegEventKind::Redirected { contacts }] => assert_eq!(**contacts, *expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn news_that_nobody_asked_for_are_refused() {
    let (mut net, _, callee) = Net::pair(10);
    let gateway = at("10.0.0.9:5060");
    let (leg, to) = phone(&mut net, callee, "one");
    for (number, event) in ["refer", "refer;id=1", "dialog", ""].into_iter().enumerate() {
        let notify = request_text("NOTIFY", &format!("z9hG4bKn{number}"), "one", &to, 2 + number as u32);
        let headers = format!("Event: {event}\r\nSubscription-State: active\r\nContent-Length");
        net.inject(gateway, callee, notify.replace("Content-Length", &headers));
        net.pass(10);
        assert_eq!(net.statuses(gateway), [481], "{event:?}");
    }
    assert_eq!(net.leg_events(callee, leg), []);
}
