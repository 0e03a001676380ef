//! SUBSCRIBE and NOTIFY (RFC 6665) as a phone with lamps sees them (S03, S25).

use std::net::SocketAddr;

use bytes::Bytes;
use sip_proto::{
    digest::{Challenge, Login},
    endpoint::{
        Command, Event, IncomingSubscribe, Input, Notification, RequestKey, SubscribeAnswer, SubscriptionKey,
        SubscriptionNews,
    },
    message::{Message, Method, Name},
};

use crate::{
    cancel::answer,
    net::{Net, at},
};

const PHONE: &str = "10.0.0.9:5060";

fn phone() -> SocketAddr {
    at(PHONE)
}

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

fn subscribe(branch: &str, call: &str, to_tag: &str, cseq: u32, headers: &str) -> String {
    format!(
        "SUBSCRIBE sip:200@acme.example SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:100@acme.example>;tag=nine\r\nTo: <sip:200@acme.example>{to_tag}\r\n\
         Call-ID: {call}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:100@{PHONE}>\r\n{headers}Content-Length: 0\r\n\r\n"
    )
}

fn login(challenge: &Message) -> String {
    let challenge = Challenge::parse(challenge.header(Name::ProxyAuthenticate).unwrap()).unwrap();
    let login = Login { username: "100", password: "secret" };
    let value = challenge.answer(&login, "SUBSCRIBE", "sip:200@acme.example", "0a4f113b", 1);
    format!("Proxy-Authorization: {value}\r\n")
}

/// Signs in and subscribes; the owner has not answered yet.
fn asked(net: &mut Net, pbx: SocketAddr, call: &str, headers: &str) -> Option<IncomingSubscribe> {
    net.inject(phone(), pbx, subscribe(&format!("{call}a"), call, "", 1, headers));
    net.pass(5);
    let challenge = net.heard(phone()).unwrap();
    assert_eq!(challenge.status(), Some(407));
    let line = login(&challenge);
    net.inject(phone(), pbx, subscribe(&format!("{call}b"), call, "", 2, &format!("{headers}{line}")));
    net.pass(5);
    let events = &mut net.nodes.get_mut(&pbx).unwrap().events;
    match events.pop_front() {
        Some(Event::Subscribe(incoming)) => Some(*incoming),
        None => None,
        other => panic!("{other:?}"),
    }
}

fn answer_with(net: &mut Net, pbx: SocketAddr, request: RequestKey, answer: SubscribeAnswer) {
    net.input(pbx, Input::Command(Command::Subscribe { request, answer }));
}

fn notify(net: &mut Net, pbx: SocketAddr, subscription: SubscriptionKey, body: &str) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let notification = Notification { content_type: "application/dialog-info+xml", body, ends: None };
    net.input(pbx, Input::Command(Command::Notify { subscription, notification }));
}

fn news(net: &mut Net, pbx: SocketAddr) -> Vec<SubscriptionNews> {
    let events = net.nodes.get_mut(&pbx).unwrap().events.drain(..);
    let news = |event| if let Event::Subscription { news, .. } = event { Some(news) } else { None };
    events.filter_map(news).collect()
}

/// A subscription for `expires` seconds whose first NOTIFY was answered; returns it and its To value's tag part.
fn subscribed(net: &mut Net, pbx: SocketAddr, call: &str, expires: u32) -> (SubscriptionKey, String) {
    let incoming = asked(net, pbx, call, "Event: dialog;id=7\r\nExpires: 600\r\n").unwrap();
    answer_with(net, pbx, incoming.request, SubscribeAnswer::Accept(expires));
    notify(net, pbx, incoming.subscription, "one");
    net.pass(5);
    let ok = net.heard(phone()).unwrap();
    assert_eq!((ok.status(), header(&ok, Name::Expires)), (Some(200), expires.to_string()));
    let first = net.heard(phone()).unwrap();
    assert_eq!(first.method(), &Method::Notify);
    net.inject(phone(), pbx, answer(&first, "200 OK", ""));
    net.pass(5);
    (incoming.subscription, format!(";tag={}", ok.to_tag().unwrap()))
}

#[test]
fn a_phone_subscribes_and_is_told() {
    let mut net = Net::new(1);
    let pbx = net.add("10.0.0.1:5060", &[]);
    let incoming =
        asked(&mut net, pbx, "one", "Event: Dialog;id=7\r\nExpires: 600\r\nAccept: application/dialog-info+xml\r\n");
    let incoming = incoming.unwrap();
    assert_eq!((incoming.event.as_str(), incoming.user.as_str(), incoming.expires), ("dialog", "200", Some(600)));
    assert_eq!(incoming.credentials.as_ref().unwrap().username(), "100");
    answer_with(&mut net, pbx, incoming.request, SubscribeAnswer::Accept(300));
    notify(&mut net, pbx, incoming.subscription, "state");
    net.pass(5);
    assert_eq!(header(&net.heard(phone()).unwrap(), Name::Expires), "300");
    let told = net.heard(phone()).unwrap();
    assert_eq!((told.method(), told.raw_request_uri().unwrap()), (&Method::Notify, &b"sip:100@10.0.0.9:5060"[..]));
    assert_eq!(
        (header(&told, Name::Event), header(&told, Name::SubscriptionState)),
        ("Dialog;id=7".into(), "active;expires=300".into())
    );
    assert_eq!((told.content_type(), &told.body()[..]), (Some("application/dialog-info+xml"), &b"state"[..]));
    assert_eq!((told.to_tag(), told.call_id()), (Some("nine"), "one"));
}

#[test]
fn of_states_that_come_faster_than_they_are_acknowledged_the_last_one_is_told() {
    let mut net = Net::new(2);
    let pbx = net.add("10.0.0.1:5060", &[]);
    let (subscription, _) = subscribed(&mut net, pbx, "one", 300);
    for state in ["a", "b", "c", "d"] {
        notify(&mut net, pbx, subscription, state);
    }
    net.pass(5);
    let first = net.heard(phone()).unwrap();
    assert!(net.heard(phone()).is_none());
    net.inject(phone(), pbx, answer(&first, "200 OK", ""));
    net.pass(5);
    let last = net.heard(phone()).unwrap();
    assert_eq!((&first.body()[..], &last.body()[..]), (&b"a"[..], &b"d"[..]));
    assert_eq!(last.cseq().0, first.cseq().0 + 1);
}

#[test]
fn a_refresh_prolongs_and_zero_seconds_end() {
    let mut net = Net::new(3);
    let pbx = net.add("10.0.0.1:5060", &[]);
    let (subscription, tag) = subscribed(&mut net, pbx, "one", 60);
    net.pass(50_000);
    net.inject(phone(), pbx, subscribe("r1", "one", &tag, 3, "Event: dialog;id=7\r\nExpires: 60\r\n"));
    net.pass(5);
    assert_eq!(net.statuses(phone()), [200], "without another login: its tags prove it");
    assert_eq!(news(&mut net, pbx), [SubscriptionNews::Refreshed]);
    net.pass(50_000);
    assert_eq!(net.nodes[&pbx].endpoint.load().subscriptions, 1);
    net.inject(phone(), pbx, subscribe("r2", "one", &tag, 4, "Event: dialog;id=7\r\nExpires: 0\r\n"));
    net.pass(5);
    assert_eq!(net.statuses(phone()), [200]);
    assert_eq!(news(&mut net, pbx), [SubscriptionNews::Ending]);
    notify(&mut net, pbx, subscription, "last");
    net.pass(5);
    let last = net.heard(phone()).unwrap();
    assert_eq!(
        (header(&last, Name::SubscriptionState), &last.body()[..]),
        ("terminated;reason=timeout".into(), &b"last"[..])
    );
    assert_eq!(net.nodes[&pbx].endpoint.load().subscriptions, 0);
    // Again: it is known no more.
    net.inject(phone(), pbx, subscribe("r3", "one", &tag, 5, "Event: dialog;id=7\r\nExpires: 0\r\n"));
    net.pass(5);
    assert_eq!(net.statuses(phone()), [481]);
    net.pass(65_000);
    assert_eq!(net.load(pbx), (0, 0));
    assert_eq!(net.nodes[&pbx].endpoint.next_timeout(), None);
}

#[test]
fn refreshes_in_a_loop_are_refused_once_there_is_no_room_for_them() {
    let mut net = Net::new(3);
    let pbx = net.add_with("10.0.0.1:5060", |config| config.max_transactions = 8);
    let (_, tag) = subscribed(&mut net, pbx, "one", 60);
    news(&mut net, pbx);
    for n in 0..20 {
        let again = subscribe(&format!("r{n}"), "one", &tag, 3 + n, "Event: dialog;id=7\r\nExpires: 60\r\n");
        net.inject(phone(), pbx, again);
    }
    net.pass(5);
    let statuses = net.statuses(phone());
    assert_eq!((statuses[0], statuses[19]), (200, 503), "{statuses:?}");
    assert!(news(&mut net, pbx).len() < 8);
}

#[test]
fn a_subscription_that_nobody_refreshes_ends_with_the_last_news() {
    let mut net = Net::new(4);
    let pbx = net.add("10.0.0.1:5060", &[]);
    subscribed(&mut net, pbx, "one", 60);
    net.pass(59_000);
    assert_eq!(news(&mut net, pbx), []);
    net.pass(1_100);
    assert_eq!(news(&mut net, pbx), [SubscriptionNews::Ending]);
    // The owner is silent: the phone hears the end all the same.
    net.pass(6_000);
    assert_eq!(header(&net.heard(phone()).unwrap(), Name::SubscriptionState), "terminated;reason=timeout");
    assert_eq!(net.nodes[&pbx].endpoint.load().subscriptions, 0);
}

#[test]
fn zero_seconds_without_a_subscription_get_the_state_once() {
    let mut net = Net::new(5);
    let pbx = net.add("10.0.0.1:5060", &[]);
    let incoming = asked(&mut net, pbx, "one", "Event: message-summary\r\nExpires: 0\r\n").unwrap();
    answer_with(&mut net, pbx, incoming.request, SubscribeAnswer::Accept(0));
    notify(&mut net, pbx, incoming.subscription, "once");
    net.pass(5);
    assert_eq!(net.heard(phone()).unwrap().status(), Some(200));
    assert_eq!(header(&net.heard(phone()).unwrap(), Name::SubscriptionState), "terminated;reason=timeout");
    assert_eq!(net.nodes[&pbx].endpoint.load().subscriptions, 0);
    notify(&mut net, pbx, incoming.subscription, "more");
    net.pass(5);
    assert!(net.heard(phone()).is_none());
}

#[test]
fn who_refuses_a_notify_or_is_silent_is_subscribed_no_more() {
    for refusal in [Some("481 Subscription Does Not Exist"), Some("500 x"), None] {
        let mut net = Net::new(6);
        let pbx = net.add("10.0.0.1:5060", &[]);
        let (subscription, _) = subscribed(&mut net, pbx, "one", 600);
        notify(&mut net, pbx, subscription, "x");
        net.pass(5);
        let told = net.heard(phone()).unwrap();
        match refusal {
            Some(status) => net.inject(phone(), pbx, answer(&told, status, "")),
            None => net.pass(32_000),
        }
        net.pass(50);
        assert_eq!(news(&mut net, pbx), [SubscriptionNews::Gone], "{refusal:?}");
        assert_eq!(net.nodes[&pbx].endpoint.load().subscriptions, 0);
    }
}

#[test]
fn what_cannot_be_subscribed_to_is_refused_after_the_login() {
    let mut net = Net::new(7);
    let pbx = net.add("10.0.0.1:5060", &[]);
    for (number, (headers, status)) in
        [("Event: presence\r\n", 489), ("", 489), ("Event: \r\n", 489), ("Event: dialog dialog\r\n", 489)]
            .into_iter()
            .enumerate()
    {
        assert!(asked(&mut net, pbx, &format!("c{number}"), headers).is_none());
        let refusal = net.heard(phone()).unwrap();
        assert_eq!(
            (refusal.status(), header(&refusal, Name::AllowEvents)),
            (Some(status), "dialog, message-summary".into())
        );
    }
    // S03: whatever Accept says, nobody is told without a login.
    net.inject(phone(), pbx, subscribe("s03", "s03", "", 1, &"Accept: ;;;=,\"\r\n".repeat(50)));
    net.pass(5);
    assert!(matches!(net.statuses(phone())[..], [400 | 407]));
    let incoming = asked(&mut net, pbx, "two", "Event: dialog\r\n").unwrap();
    answer_with(&mut net, pbx, incoming.request, SubscribeAnswer::Reject { status: 423, min_expires: Some(60) });
    answer_with(&mut net, pbx, incoming.request, SubscribeAnswer::Accept(60));
    net.pass(5);
    let refusal = net.heard(phone()).unwrap();
    assert_eq!((refusal.status(), header(&refusal, Name::MinExpires)), (Some(423), "60".into()));
    let incoming = asked(&mut net, pbx, "three", "Event: dialog\r\n").unwrap();
    answer_with(&mut net, pbx, incoming.request, SubscribeAnswer::Challenge);
    net.pass(5);
    assert_eq!(net.statuses(phone()), [407]);
    assert_eq!(net.nodes[&pbx].endpoint.load().subscriptions, 0);
}

#[test]
fn a_stranger_refreshes_nothing() {
    let mut net = Net::new(8);
    let pbx = net.add("10.0.0.1:5060", &[]);
    let (_, tag) = subscribed(&mut net, pbx, "one", 600);
    let thief = at("10.0.0.66:5060");
    net.inject(thief, pbx, subscribe("t1", "one", &tag, 3, "Event: dialog\r\nExpires: 0\r\n"));
    net.inject(phone(), pbx, subscribe("t2", "two", &tag, 3, "Event: dialog\r\nExpires: 0\r\n"));
    net.inject(phone(), pbx, subscribe("t3", "one", ";tag=0", 3, "Event: dialog\r\nExpires: 0\r\n"));
    net.inject(phone(), pbx, subscribe("t4", "one", &tag, 3, "Event: message-summary\r\nExpires: 0\r\n"));
    net.inject(phone(), pbx, subscribe("t5", "one", &tag, 2, "Event: dialog\r\nExpires: 0\r\n"));
    net.pass(50);
    assert_eq!(net.statuses(thief), [481]);
    let mut statuses = net.statuses(phone());
    statuses.sort_unstable();
    assert_eq!(statuses, [481, 481, 489, 500]);
    assert_eq!(news(&mut net, pbx), []);
}
