//! What those get who are neither trusted nor logged in (T1, T6, T7, T11).

use std::net::SocketAddr;

use sip_proto::{
    digest::Challenge,
    endpoint::{Command, Event, Input, Realm},
    message::{Message, Name},
    session::LegCommand,
};

use crate::net::{Net, SDP, at};

const STRANGER: &str = "10.0.0.77:5060";

fn ask(net: &mut Net, pbx: SocketAddr, text: String) -> Option<Message> {
    net.inject(at(STRANGER), pbx, text);
    net.pass(5);
    net.heard(at(STRANGER))
}

fn request(method: &str, branch: &str, extra: &str, body: &str) -> String {
    format!(
        "{method} sip:200@acme.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.77:5060;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:100@acme.example>;tag={branch}\r\nTo: <sip:200@acme.example>\r\n\
         Call-ID: {branch}@10.0.0.77\r\nCSeq: 1 {method}\r\nContact: <sip:100@10.0.0.77:5060>\r\nUser-Agent: friendly phone 1.0\r\n\
         {extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn every_method_needs_a_login_but_ack_cancel_and_options() {
    let (mut net, _, pbx) = Net::pair(1);
    let table = [
        ("INVITE", Some(407)),
        ("REGISTER", Some(401)),
        ("SUBSCRIBE", Some(407)),
        ("MESSAGE", Some(407)),
        ("PUBLISH", Some(407)),
        ("REFER", Some(407)),
        ("NOTIFY", Some(481)),
        ("BYE", Some(481)),
        ("INFO", Some(481)),
        ("UPDATE", Some(481)),
        ("PRACK", Some(481)),
        ("CANCEL", Some(481)),
        ("OPTIONS", Some(200)),
        ("ACK", None),
        ("FROBNICATE", Some(501)),
        ("invite", Some(501)),
    ];
    for (method, status) in table {
        let answer = ask(&mut net, pbx, request(method, method, "", ""));
        assert_eq!(answer.and_then(|answer| answer.status()), status, "{method}");
    }
    assert_eq!(net.load(pbx), (0, 0), "nothing is kept");
    assert!(net.nodes[&pbx].events.is_empty(), "nobody is told");
}

#[test]
fn requests_that_cannot_be_served_are_refused_as_the_rfc_says() {
    let (mut net, _, pbx) = Net::pair(2);
    let table = [
        (request("INVITE", "a", "", "").replace("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        (request("INVITE", "b", "Require: frobnicate\r\n", ""), 420),
        (request("INVITE", "c", "", "").replace("INVITE sip:200@acme.example", "INVITE mailto:200@acme.example"), 416),
        (request("INVITE", "d", "Content-Type: text/plain\r\n", "hello"), 415),
        (request("INVITE", "e", "", "").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505),
        (request("INVITE", "f", "", "").replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400),
    ];
    for (text, status) in table {
        let answer = ask(&mut net, pbx, text.clone()).unwrap();
        assert_eq!(answer.status(), Some(status), "{text}");
        if status == 420 {
            assert_eq!(answer.header(Name::Unsupported).unwrap(), b"frobnicate");
        }
    }
    assert_eq!(net.load(pbx), (0, 0));
}

#[test]
fn a_known_and_an_unknown_user_get_the_same_answer() {
    let (mut net, _, pbx) = Net::pair(3);
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let one = ask(&mut net, pbx, request(method, "one", "", "")).unwrap();
        let two = ask(&mut net, pbx, request(method, "two", "", "").replace("sip:200@", "sip:999@")).unwrap();
        assert_eq!(one.status(), two.status());
        assert_eq!(one.bytes().len(), two.bytes().len());
    }
}

#[test]
fn ten_thousand_spoofed_requests_leave_nothing_and_gain_little() {
    let (mut net, _, pbx) = Net::pair(4);
    net.keep_log = false;
    let (mut sent, mut received) = (0, 0);
    for number in 0..10_000 {
        let (method, body) = if number % 2 == 0 { ("REGISTER", "") } else { ("INVITE", SDP) };
        let extra = if body.is_empty() {
            "Expires: 3600\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let text = request(method, &format!("n{number}"), extra, body);
        sent += text.len();
        net.inject(at(STRANGER), pbx, text);
        if number % 500 == 0 {
            net.pass(2);
            received +=
                net.raw.remove(&at(STRANGER)).unwrap_or_default().iter().map(|m| m.bytes().len()).sum::<usize>();
        }
    }
    net.pass(2);
    received += net.raw.remove(&at(STRANGER)).unwrap_or_default().iter().map(|m| m.bytes().len()).sum::<usize>();
    assert!(received > 0 && received <= sent, "{received} bytes out for {sent} in");
    let load = net.nodes[&pbx].endpoint.load();
    assert_eq!((load.legs, load.transactions, load.timers), (0, 0, 0));
}

#[test]
fn a_tiny_datagram_is_not_answered_by_a_larger_one() {
    let (mut net, _, pbx) = Net::pair(5);
    let tiny = "REGISTER sip:a SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\nf:<sip:a@a>;tag=1\r\nt:<sip:a@a>\r\ni:1\r\nCSeq:1 REGISTER\r\nl:0\r\n\r\n";
    assert!(tiny.len() < 200);
    assert!(ask(&mut net, pbx, tiny.to_owned()).is_none());
}

#[test]
fn every_503_says_when_to_come_back() {
    let mut net = Net::new(8);
    let pbx = net.add("10.0.0.2:5060", &["10.0.0.77"]);
    assert_eq!(ask(&mut net, pbx, request("INVITE", "a", "", "")).unwrap().status(), Some(100));
    let leg = net.incoming(pbx).unwrap().leg;
    net.command(pbx, leg, LegCommand::Reject { status: 503, reason: None });
    net.pass(5);
    let answer = net.heard(at(STRANGER)).unwrap();
    assert_eq!((answer.status(), answer.header(Name::RetryAfter)), (Some(503), Some(&b"2"[..])));
}

#[test]
fn an_invite_tells_what_the_network_says_of_its_caller() {
    let mut net = Net::new(9);
    let pbx = net.add("10.0.0.2:5060", &["10.0.0.77"]);
    let from = |uri: &str| format!("From: <{uri}>;tag=");
    for (branch, uri, extra, user, verstat, loops) in [
        ("a", "sip:100@acme.example", "", "100", None, 0),
        ("b", "sip:+8490;verstat=TN-Validation-Passed@h;user=phone", "", "+8490", Some("TN-Validation-Passed"), 0),
        ("c", "tel:+8490;verstat=No-TN-Validation", "", "+8490", Some("No-TN-Validation"), 0),
        (
            "d",
            "sip:anonymous@anonymous.invalid",
            "P-Asserted-Identity: <sip:+8491;verstat=TN-Validation-Failed-C@h>\r\n",
            "anonymous",
            Some("TN-Validation-Failed-C"),
            0,
        ),
        ("e", "sip:alice;x=y@h", "X-Zorio-Loops: 7\r\n", "alice;x=y", None, 7),
        ("f", "sip:100@h", "x-zorio-loops: many\r\n", "100", None, 255),
    ] {
        let text = request("INVITE", branch, extra, "").replace(&from("sip:100@acme.example"), &from(uri));
        ask(&mut net, pbx, text);
        let invite = net.incoming(pbx).unwrap().request;
        let found = (invite.from_user.as_str(), invite.verstat.as_deref(), invite.loops, invite.is_sips);
        assert_eq!(found, (user, verstat, loops, false), "{uri}");
        assert!(!invite.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-zorio-loops")));
    }
    ask(&mut net, pbx, request("INVITE", "g", "", "").replace("INVITE sip:200", "INVITE sips:200"));
    assert!(net.incoming(pbx).unwrap().request.is_sips);
}

#[test]
fn an_overloaded_endpoint_says_so() {
    let (mut net, caller, pbx) = Net::pair(6);
    net.input(pbx, Input::Command(Command::Overload(true)));
    let answer = ask(&mut net, pbx, request("REGISTER", "a", "", "")).unwrap();
    assert_eq!(answer.status(), Some(503));
    assert_eq!(answer.header(Name::RetryAfter).unwrap(), b"2");
    assert!(ask(&mut net, pbx, request("OPTIONS", "b", "", "")).is_none(), "a stranger's OPTIONS is dropped");
    net.invite(caller, pbx);
    net.pass(10);
    assert!(net.incoming(pbx).is_none());
    net.input(pbx, Input::Command(Command::Overload(false)));
    net.invite(caller, pbx);
    net.pass(10);
    assert!(net.incoming(pbx).is_some());
    assert!(net.nodes[&pbx].events.iter().all(|event| !matches!(event, Event::Register(_))));
}

#[test]
fn an_account_with_a_domain_has_a_realm_of_its_own() {
    let mut net = Net::new(7);
    let pbx = net.add_with("10.0.0.1:5060", |config| config.realm = Realm::Fixed("zorio".to_owned()));
    let realm = |net: &mut Net, branch| {
        let answer = ask(net, pbx, request("REGISTER", branch, "", "")).unwrap();
        Challenge::parse(answer.header(Name::WwwAuthenticate).unwrap()).unwrap().realm
    };
    assert_eq!(realm(&mut net, "a"), "zorio");
    net.input(pbx, Input::Command(Command::Domains(["acme.example".to_owned()].into())));
    assert_eq!(realm(&mut net, "b"), "acme.example");
    net.input(pbx, Input::Command(Command::Domains(["other.example".to_owned()].into())));
    assert_eq!(realm(&mut net, "c"), "zorio", "a host that is nobody's domain gets the configured realm");
}
