//! Peers that send nonsense, or too much of it.

use bytes::Bytes;
use sip_proto::session::{LegCommand, LegEventKind};

use crate::{
    cancel::answer,
    net::{Net, at, sdp},
};

#[test]
fn ten_minutes_of_provisional_responses_are_told_once() {
    let (mut net, caller, _) = Net::pair(1);
    net.keep_log = false;
    let phone = at("10.0.0.9:5060");
    let ours = net.invite(caller, phone);
    net.pass(10);
    let invite = net.heard(phone).unwrap();
    for number in 0..6000 {
        let status = if number == 3000 { "199 Early Dialog Terminated" } else { "180 Ringing" };
        net.inject(phone, caller, answer(&invite, status, &format!("t{number}")));
        net.pass(10);
    }
    let statuses: Vec<u16> = net
        .leg_events(caller, ours)
        .into_iter()
        .map(|event| if let LegEventKind::Progress { status, .. } = event { status } else { panic!("{event:?}") })
        .collect();
    assert_eq!(statuses, [180, 199, 180]);
    let load = net.nodes[&caller].endpoint.load();
    assert!(load.timers < 10 && load.transactions == 1, "{load:?}");
}

#[test]
fn messages_with_changed_bytes_neither_panic_nor_stay() {
    let (mut net, caller, callee) = Net::pair(2);
    let (ours, theirs) = net.connect(caller, callee);
    net.command(caller, ours, LegCommand::Reinvite { sdp: sdp() });
    net.pass(50);
    net.command(callee, theirs, LegCommand::Accept { sdp: sdp() });
    net.pass(50);
    net.command(caller, ours, LegCommand::Hangup { reason: None });
    net.pass(50);
    let samples: Vec<_> = net.log.drain(..).map(|(from, to, message)| (from, to, message.bytes().to_vec())).collect();
    net.keep_log = false;
    for round in 0..20_000_u64 {
        let (from, to, mut bytes) = samples[net.chance.below(samples.len() as u64) as usize].clone();
        for _ in 0..=net.chance.below(3) {
            let place = net.chance.below(bytes.len() as u64) as usize;
            match net.chance.below(4) {
                0 => bytes[place] = net.chance.below(256) as u8,
                1 => drop(bytes.drain(place..(place + 1 + net.chance.below(20) as usize).min(bytes.len()))),
                2 => bytes.insert(place, b"\r\n:;,<>\"@= 0"[net.chance.below(12) as usize]),
                _ => bytes.truncate(place.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b'x');
            }
        }
        net.inject(from, to, Bytes::from(bytes));
        if round % 16 == 0 {
            net.pass(5);
        }
        // Calls that came about by chance are refused.
        for node in [caller, callee] {
            while let Some(incoming) = net.incoming(node) {
                net.command(node, incoming.leg, LegCommand::Reject { status: 404, reason: None });
            }
            net.nodes.get_mut(&node).unwrap().events.clear();
        }
        net.raw.clear();
    }
    net.pass(20);
    while let Some(incoming) = net.incoming(callee).or_else(|| net.incoming(caller)) {
        net.command(callee, incoming.leg, LegCommand::Reject { status: 404, reason: None });
        net.command(caller, incoming.leg, LegCommand::Reject { status: 404, reason: None });
    }
    net.pass(64_000);
    assert_eq!((net.load(caller), net.load(callee)), ((0, 0), (0, 0)));
}
