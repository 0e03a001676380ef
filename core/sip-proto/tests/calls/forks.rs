//! One INVITE, several answers (RFC 3261 §13.2.2.4, RFC 6026).

use sip_proto::{
    message::{Message, Method},
    session::{LegCommand, LegEventKind},
};

use crate::{
    cancel::{answer, answer_with},
    net::{Net, at},
};

fn methods_and_tags(net: &mut Net, address: std::net::SocketAddr) -> Vec<(String, String)> {
    let heard = net.raw.remove(&address).unwrap_or_default();
    heard.iter().map(|m: &Message| (m.method().to_string(), m.to_tag().unwrap_or_default().to_owned())).collect()
}

#[test]
fn the_first_answer_wins_and_later_forks_are_ended() {
    let (mut net, caller, _) = Net::pair(1);
    let proxy = at("10.0.0.9:5060");
    let ours = net.invite(caller, proxy);
    net.pass(10);
    let invite = net.heard(proxy).unwrap();
    for tag in ["a", "b", "c"] {
        net.inject(proxy, caller, answer(&invite, "180 Ringing", tag));
    }
    net.pass(10);
    net.inject(proxy, caller, answer(&invite, "200 OK", "b"));
    net.pass(10);
    net.inject(proxy, caller, answer(&invite, "200 OK", "a"));
    net.inject(proxy, caller, answer(&invite, "200 OK", "b"));
    net.pass(10);
    net.inject(proxy, caller, answer(&invite, "200 OK", "a"));
    net.pass(10);
    let pair = |method: &str, tag: &str| (method.to_owned(), tag.to_owned());
    let mut heard = methods_and_tags(&mut net, proxy);
    heard.sort();
    assert_eq!(
        heard,
        [pair("ACK", "a"), pair("ACK", "a"), pair("ACK", "b"), pair("ACK", "b"), pair("BYE", "a")],
        "each 2xx is acknowledged, the other fork is ended once"
    );
    let answered = net.leg_events(caller, ours).iter().filter(|e| matches!(e, LegEventKind::Answered { .. })).count();
    assert_eq!(answered, 1);
}

#[test]
fn a_repeated_answer_is_acknowledged_after_the_leg_is_gone() {
    let (mut net, caller, _) = Net::pair(2);
    let proxy = at("10.0.0.9:5060");
    let ours = net.invite(caller, proxy);
    net.pass(10);
    let invite = net.heard(proxy).unwrap();
    net.inject(proxy, caller, answer(&invite, "200 OK", "a"));
    net.pass(10);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(10);
    assert_eq!(net.load(caller).0, 0, "the leg is gone");
    net.raw.clear();
    net.inject(proxy, caller, answer(&invite, "200 OK", "a"));
    net.inject(proxy, caller, answer(&invite, "200 OK", "late"));
    net.pass(10);
    let heard = methods_and_tags(&mut net, proxy);
    let methods: Vec<&str> = heard.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["ACK", "ACK", "BYE"]);
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn a_hundred_forks_use_a_bounded_number_of_byes() {
    let (mut net, caller, _) = Net::pair(3);
    let proxy = at("10.0.0.9:5060");
    net.invite(caller, proxy);
    net.pass(10);
    let invite = net.heard(proxy).unwrap();
    for fork in 0..100 {
        net.inject(proxy, caller, answer(&invite, "183 Session Progress", &format!("e{fork}")));
        net.inject(proxy, caller, answer(&invite, "200 OK", &format!("f{fork}")));
    }
    net.pass(100);
    let byes = net.raw[&proxy].iter().filter(|message| message.method() == &Method::Bye).count();
    assert_eq!(byes, 9);
}

#[test]
fn record_routes_are_followed_in_reverse_but_only_our_tables_route() {
    let (mut net, caller, _) = Net::pair(4);
    let proxy = at("10.0.0.9:5060");
    let ours = net.invite(caller, proxy);
    net.pass(10);
    let invite = net.heard(proxy).unwrap();
    let extra =
        "Record-Route: <sip:127.0.0.1:5432;lr>, <sip:169.254.169.254;lr>\r\nContact: <sip:9@192.168.0.1:6060>\r\n";
    net.inject(proxy, caller, answer_with(&invite, "200 OK", "a", extra));
    net.pass(10);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(10);
    let heard = net.raw.remove(&proxy).unwrap();
    assert_eq!(heard.len(), 2, "ACK and BYE reach the proxy and nobody else");
    for message in heard {
        assert_eq!(message.raw_request_uri().unwrap(), b"sip:9@192.168.0.1:6060");
        let routes: Vec<String> = message.routes().map(|route| route.to_string()).collect();
        assert_eq!(routes, ["<sip:169.254.169.254;lr>", "<sip:127.0.0.1:5432;lr>"]);
    }
    assert!(net.raw.is_empty());
}

#[test]
fn a_response_from_elsewhere_or_with_another_via_is_dropped() {
    let (mut net, caller, _) = Net::pair(5);
    let (proxy, thief) = (at("10.0.0.9:5060"), at("10.0.0.66:5060"));
    let ours = net.invite(caller, proxy);
    net.pass(10);
    let invite = net.heard(proxy).unwrap();
    net.inject(thief, caller, answer(&invite, "200 OK", "a"));
    let branch = invite.via().unwrap().branch().unwrap().to_owned();
    let forged = answer(&invite, "200 OK", "a").replace(&branch, "z9hG4bK0123456789");
    net.inject(proxy, caller, forged);
    let other = format!("{}{}", &branch[..branch.len() - 1], if branch.ends_with('0') { '1' } else { '0' });
    net.inject(proxy, caller, answer(&invite, "200 OK", "a").replace(&branch, &other));
    net.pass(10);
    assert_eq!(net.leg_events(caller, ours), []);
    net.inject(proxy, caller, answer(&invite, "486 Busy Here", "a"));
    net.pass(10);
    net.inject(proxy, caller, answer(&invite, "200 OK", "a"));
    net.pass(10);
    assert!(matches!(net.leg_events(caller, ours)[..], [LegEventKind::Ended { status: Some(486), .. }]));
}
