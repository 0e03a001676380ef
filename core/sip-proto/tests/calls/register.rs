//! REGISTER with digest, as a phone and as a registrar sees it (S23, S39, S41).

use std::net::SocketAddr;

use sip_proto::{
    endpoint::{Command, Destination, Event, Input, OutOfDialog},
    message::Name,
    session::TrunkCredentials,
};

use crate::net::{Net, at, registrar};

fn register(net: &mut Net, from: SocketAddr, to: SocketAddr, password: &str, id: u64) {
    let request = OutOfDialog {
        method: "REGISTER".to_owned(),
        target_uri: "sip:acme.example".to_owned(),
        destination: Destination::udp(to),
        from_uri: "sip:100@acme.example".to_owned(),
        to_uri: "sip:100@acme.example".to_owned(),
        call_id: None,
        cseq: 1,
        headers: vec![("Contact".to_owned(), "<sip:100@10.0.0.1>".to_owned()), ("Expires".to_owned(), "60".to_owned())],
        body: None,
        credentials: Some(TrunkCredentials { username: "100".to_owned(), password: password.to_owned(), realm: None }),
    };
    net.input(from, Input::Command(Command::Request { id, request: Box::new(request) }));
}

fn outcome(net: &mut Net, node: SocketAddr) -> Vec<u16> {
    let events = &mut net.nodes.get_mut(&node).unwrap().events;
    events
        .drain(..)
        .map(|event| match event {
            Event::Response { outcome: Ok(message), .. } => message.status().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn run(net: &mut Net, phone: SocketAddr, milliseconds: u64) -> Vec<u16> {
    let mut statuses = Vec::new();
    net.pass_with(milliseconds, |net, node, event| match event {
        Event::Response { outcome: Ok(message), .. } if node == phone => statuses.push(message.status().unwrap()),
        other => registrar(net, node, other),
    });
    statuses.extend(outcome(net, phone));
    statuses
}

#[test]
fn a_phone_registers_with_its_password_and_not_without() {
    let (mut net, phone, pbx) = Net::pair(1);
    register(&mut net, phone, pbx, "secret", 1);
    assert_eq!(run(&mut net, phone, 100), [200]);
    register(&mut net, phone, pbx, "wrong", 2);
    assert_eq!(run(&mut net, phone, 100), [401]);
    let requests = net.log.iter().filter(|(from, _, message)| *from == phone && message.is_request()).count();
    assert_eq!(requests, 4, "one try without and one with credentials each: a wrong password is not tried twice");
}

#[test]
fn a_lossy_registration_is_one_registration() {
    for seed in 0..50 {
        let (mut net, phone, pbx) = Net::pair(seed);
        net.weather.loss = 40;
        net.weather.twice = 30;
        net.weather.jitter = 200;
        register(&mut net, phone, pbx, "secret", 1);
        let statuses = run(&mut net, phone, 90_000);
        assert!(statuses.is_empty() || statuses == [200], "seed {seed}: {statuses:?}");
        assert_eq!(net.load(pbx), (0, 0));
    }
}

/// Sends a raw REGISTER and returns the answer.
fn ask(net: &mut Net, pbx: SocketAddr, branch: &str, extra: &str) -> (u16, String) {
    let phone = at("10.0.0.77:5060");
    let text = format!(
        "REGISTER sip:acme.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.77;branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:100@acme.example>;tag={branch}\r\nTo: <sip:100@acme.example>\r\nCall-ID: {branch}\r\nCSeq: 1 REGISTER\r\n\
         {extra}Content-Length: 0\r\n\r\n"
    );
    net.inject(phone, pbx, text);
    net.pass_with(10, registrar);
    let answer = net.heard(phone).unwrap();
    let challenge = answer.header(Name::WwwAuthenticate).map(|value| String::from_utf8(value.to_vec()).unwrap());
    (answer.status().unwrap(), challenge.unwrap_or_default())
}

fn credentials(challenge: &str, nc: u32) -> String {
    use sip_proto::digest::{Challenge, Login};
    let challenge = Challenge::parse(challenge.as_bytes()).unwrap();
    let login = Login { username: "100", password: "secret" };
    format!("Authorization: {}\r\n", challenge.answer(&login, "REGISTER", "sip:acme.example", "c", nc))
}

#[test]
fn a_nonce_is_good_for_one_source_one_minute_and_each_count_once() {
    let (mut net, _, pbx) = Net::pair(3);
    let (status, challenge) = ask(&mut net, pbx, "a", "");
    assert_eq!(status, 401);
    assert!(
        challenge.contains("algorithm=MD5") && challenge.contains("qop=\"auth\"") && challenge.contains("acme.example")
    );
    assert_eq!(ask(&mut net, pbx, "b", &credentials(&challenge, 1)).0, 200);
    let (status, again) = ask(&mut net, pbx, "c", &credentials(&challenge, 1));
    assert_eq!(status, 401, "the same count again is a replay");
    assert!(again.contains("stale=true"));
    assert_eq!(ask(&mut net, pbx, "d", &credentials(&challenge, 2)).0, 200);
    net.pass(61_000);
    let (status, stale) = ask(&mut net, pbx, "e", &credentials(&challenge, 3));
    assert!(status == 401 && stale.contains("stale=true"));
    let foreign = net.add("10.0.0.3:5060", &[]);
    let (_, theirs) = ask(&mut net, foreign, "f", "");
    let (status, answer) = ask(&mut net, pbx, "g", &credentials(&theirs, 1));
    assert!(status == 401 && !answer.contains("stale=true"), "a nonce of another server is nobody's");
}

#[test]
fn hostile_credentials_are_refused_and_leave_nothing() {
    let (mut net, _, pbx) = Net::pair(4);
    let (_, challenge) = ask(&mut net, pbx, "a", "");
    let good = credentials(&challenge, 1);
    let many: String = (0..1500).map(|n| format!("p{n}=1,")).collect();
    let cases = [
        format!("Authorization: Digest {many}realm=\"acme.example\"\r\n"),
        "Authorization: Digest username=\"100\r\n".to_owned(),
        good.replace("username=\"100\",", ""),
        good.replace("username=\"100\"", "username=\"\""),
        good.replace("username=\"100\"", "username=\"a\\\"b\""),
        format!("{good}{good}"),
        format!(
            "Authorization: Digest username=\"100\",realm=\"acme.example\",nonce=\"{}\",uri=\"sip:x\",response=\"0\"\r\n",
            "a".repeat(4096)
        ),
        "Authorization: Basic eDp5\r\n".to_owned(),
    ];
    for (number, case) in cases.iter().enumerate() {
        let (status, _) = ask(&mut net, pbx, &format!("h{number}"), case);
        assert!(matches!(status, 400 | 401), "case {number}: {status}");
    }
    net.pass(64_000);
    assert_eq!(net.load(pbx), (0, 0));
}

#[test]
fn a_wildcard_needs_expires_zero() {
    let (mut net, _, pbx) = Net::pair(5);
    let (_, challenge) = ask(&mut net, pbx, "a", "");
    let login = credentials(&challenge, 1);
    assert_eq!(ask(&mut net, pbx, "b", &format!("{login}Contact: *\r\nExpires: 3600\r\n")).0, 400);
}
