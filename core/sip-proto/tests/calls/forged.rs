//! Requests that are not what they say (T10, S27, S29, S49).

use sip_proto::{
    message::Name,
    session::{LegCommand, LegEventKind},
};

use crate::{
    dialogs::{invite_text, request_text},
    net::{Net, at, sdp},
};

/// A scripted phone calls; returns its view of our To value.
fn answered(net: &mut Net, callee: std::net::SocketAddr) -> (sip_proto::session::LegKey, String) {
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Answer { sdp: sdp() });
    net.pass(10);
    let ok = net.raw.remove(&phone).unwrap().pop_back().unwrap();
    let to = String::from_utf8(ok.header(Name::To).unwrap().to_vec()).unwrap();
    net.inject(phone, callee, request_text("ACK", "z9hG4bK2", "one", &to, 1));
    net.pass(10);
    assert_eq!(net.leg_events(callee, leg), [LegEventKind::Confirmed { sdp: None }]);
    (leg, to)
}

#[test]
fn forged_requests_in_a_dialog_are_refused() {
    let (mut net, _, callee) = Net::pair(1);
    let (leg, to) = answered(&mut net, callee);
    let (phone, thief) = (at("10.0.0.9:5060"), at("10.0.0.66:5060"));
    let flipped = if to.ends_with('0') { "1" } else { "0" };
    let wrong_tag = format!("{}{flipped}", &to[..to.len() - 1]);
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "REFER"] {
        let right = request_text(method, "z9hG4bK3", "one", &to, 2);
        let forgeries = [
            (thief, right.clone()),
            (phone, request_text(method, "z9hG4bK4", "one", &wrong_tag, 2)),
            (phone, request_text(method, "z9hG4bK5", "two", &to, 2)),
            (phone, right.replace("tag=nine", "tag=ten").replace("z9hG4bK3", "z9hG4bK6")),
            (phone, request_text(method, "z9hG4bK7", "one", "<sip:200@10.0.0.2>;tag=0", 2)),
        ];
        for (from, text) in forgeries {
            net.inject(from, callee, text);
            net.pass(5);
            assert_eq!(net.statuses(from), [481], "{method}");
        }
    }
    assert_eq!(net.leg_events(callee, leg), []);
    net.inject(phone, callee, request_text("BYE", "z9hG4bK8", "one", &to, 2));
    net.pass(10);
    assert_eq!(net.statuses(phone), [200]);
    assert_eq!(net.leg_events(callee, leg).len(), 1);
}

#[test]
fn ten_thousand_guessed_tags_open_nothing() {
    let (mut net, _, callee) = Net::pair(2);
    let (leg, _) = answered(&mut net, callee);
    net.keep_log = false;
    let phone = at("10.0.0.9:5060");
    for guess in 0..10_000_u64 {
        let tag = format!("{:08x}{:032x}", guess.wrapping_mul(2_654_435_761) as u32, guess);
        let to = format!("<sip:200@10.0.0.2>;tag={tag}");
        net.inject(phone, callee, request_text("BYE", &format!("z9hG4bK{guess}"), "one", &to, 2));
        if guess % 1000 == 0 {
            net.pass(2);
            net.raw.clear();
        }
    }
    net.pass(10);
    assert!(net.statuses(phone).iter().all(|status| *status == 481));
    assert_eq!(net.leg_events(callee, leg), []);
    assert_eq!(net.load(callee).0, 1);
}

#[test]
fn the_same_invite_by_two_paths_is_merged() {
    let (mut net, _, callee) = Net::pair(3);
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.inject(phone, callee, invite_text("z9hG4bK2", "one"));
    net.pass(10);
    assert_eq!(net.statuses(phone), [100, 482]);
    assert!(net.incoming(callee).is_some() && net.incoming(callee).is_none());
}

#[test]
fn a_repeated_invite_is_answered_from_its_transaction() {
    let (mut net, _, callee) = Net::pair(4);
    let phone = at("10.0.0.9:5060");
    for _ in 0..3 {
        net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    }
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    assert!(net.incoming(callee).is_none());
    net.command(callee, leg, LegCommand::Reject { status: 486, reason: None });
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    assert_eq!(net.statuses(phone), [100, 100, 100, 486, 486]);
    net.inject(phone, callee, request_text("ACK", "z9hG4bK1", "one", "<sip:200@10.0.0.2>;tag=x", 1));
    net.pass(40_000);
    assert_eq!(net.statuses(phone), [], "the ACK stopped the repetitions");
    assert_eq!(net.load(callee), (0, 0));
}

#[test]
fn a_failure_without_ack_is_repeated_and_forgotten() {
    let (mut net, _, callee) = Net::pair(5);
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let leg = net.incoming(callee).unwrap().leg;
    net.command(callee, leg, LegCommand::Reject { status: 404, reason: None });
    net.pass(33_000);
    assert_eq!(net.statuses(phone).len(), 12, "100, 404 and ten repetitions");
    assert_eq!(net.load(callee), (0, 0));
}

#[test]
fn our_own_request_that_comes_back_is_a_loop() {
    let (mut net, caller, _) = Net::pair(6);
    let proxy = at("10.0.0.9:5060");
    net.invite(caller, proxy);
    net.pass(10);
    let invite = net.heard(proxy).unwrap();
    let text = String::from_utf8(invite.bytes().to_vec()).unwrap();
    let looped = text.replacen("Via:", "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKproxy;rport\r\nVia:", 1);
    net.inject(proxy, caller, looped);
    net.pass(10);
    assert_eq!(net.statuses(proxy), [482]);
    assert!(net.incoming(caller).is_none());
}

#[test]
fn an_old_cseq_in_a_dialog_is_refused() {
    let (mut net, _, callee) = Net::pair(7);
    let (leg, to) = answered(&mut net, callee);
    let phone = at("10.0.0.9:5060");
    net.inject(phone, callee, request_text("INFO", "z9hG4bK3", "one", &to, 5));
    net.inject(phone, callee, request_text("BYE", "z9hG4bK4", "one", &to, 4));
    net.pass(10);
    assert_eq!(net.statuses(phone), [200, 500]);
    assert_eq!(net.leg_events(callee, leg).len(), 1, "the INFO alone");
}
