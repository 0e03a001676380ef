//! Thousands of calls over a bad network: each ends on both sides, and nothing stays.

use std::collections::BTreeMap;

use sip_proto::{
    endpoint::Event,
    session::{LegCommand, LegEventKind, LegKey},
};

use crate::net::{Net, Weather, sdp};

/// What a side saw of one call.
#[derive(Default, Clone, Copy, Debug)]
struct Seen {
    answered: u32,
    ended: u32,
    after_end: u32,
}

fn storm(seed: u64, calls: u64, weather: Weather) -> (u64, u64) {
    let (mut net, caller, callee) = Net::pair(seed);
    net.weather = weather;
    net.keep_log = false;
    let mut seen: BTreeMap<(std::net::SocketAddr, LegKey), Seen> = BTreeMap::new();
    let mut react = |net: &mut Net, node: std::net::SocketAddr, event: Event| match event {
        Event::Incoming(incoming) => {
            seen.insert((node, incoming.leg), Seen::default());
            match net.chance.below(10) {
                0 => net.command(node, incoming.leg, LegCommand::Reject { status: 486, reason: None }),
                1 => {}
                _ => {
                    net.command(node, incoming.leg, LegCommand::Ring { status: 180, sdp: None });
                    net.command(node, incoming.leg, LegCommand::Answer { sdp: sdp() });
                }
            }
        }
        Event::Leg(event) => {
            let entry = seen.entry((node, event.leg)).or_default();
            if entry.ended > 0 {
                entry.after_end += 1;
            }
            match event.kind {
                LegEventKind::Answered { .. } => {
                    entry.answered += 1;
                    match net.chance.below(4) {
                        0 => net.command(node, event.leg, LegCommand::Reinvite { sdp: sdp() }),
                        1 => {}
                        _ => net.command(node, event.leg, LegCommand::Hangup { reason: None }),
                    }
                }
                LegEventKind::Confirmed { .. } => {
                    entry.answered += 1;
                    if net.chance.percent(20) {
                        net.command(node, event.leg, LegCommand::Hangup { reason: None });
                    }
                }
                LegEventKind::Offer { .. } => net.command(node, event.leg, LegCommand::Accept { sdp: sdp() }),
                LegEventKind::Ended { .. } => entry.ended += 1,
                _ => {}
            }
        }
        _ => {}
    };
    let mut ours = Vec::new();
    for _ in 0..calls {
        ours.push(net.invite(caller, callee));
        if net.chance.percent(10) {
            let victim = ours[net.chance.below(ours.len() as u64) as usize];
            net.command(caller, victim, LegCommand::Hangup { reason: None });
        }
        net.pass_with(20, &mut react);
    }
    net.pass_with(40_000, &mut react);
    // Everybody hangs up; what was cut off by loss ends by time.
    for leg in &ours {
        net.command(caller, *leg, LegCommand::Hangup { reason: None });
    }
    net.pass_with(70_000, &mut react);
    // A BYE that was lost eleven times leaves the other side in the call: its owner ends it (media are silent).
    let forgotten: Vec<LegKey> =
        seen.iter().filter(|((node, _), seen)| *node == callee && seen.ended == 0).map(|((_, leg), _)| *leg).collect();
    let mut react_again = |_: &mut Net, node, event: Event| {
        if let Event::Leg(event) = event
            && let LegEventKind::Ended { .. } = event.kind
        {
            seen.entry((node, event.leg)).or_default().ended += 1;
        }
    };
    for leg in &forgotten {
        net.command(callee, *leg, LegCommand::Hangup { reason: None });
    }
    net.pass_with(64_000, &mut react_again);
    for (leg, seen) in &seen {
        assert_eq!((seen.ended, seen.after_end), (1, 0), "seed {seed}: {leg:?} {seen:?}");
    }
    for node in [caller, callee] {
        let load = net.nodes[&node].endpoint.load();
        assert_eq!((load.legs, load.transactions), (0, 0), "seed {seed}: {node}");
    }
    let answered = seen.iter().filter(|((node, _), seen)| *node == caller && seen.answered > 0).count();
    (answered as u64, forgotten.len() as u64)
}

#[test]
fn a_thousand_calls_on_a_good_network_need_no_help() {
    let (answered, forgotten) = storm(1, 1000, Weather::default());
    assert!(answered > 600, "{answered}");
    assert!(forgotten < 300, "{forgotten}");
}

#[test]
fn calls_survive_loss_duplication_and_reordering() {
    for seed in 1..=8 {
        let weather = Weather { loss: 5 * seed, twice: 10, jitter: 30 * seed };
        let (answered, _) = storm(seed, 500, weather);
        assert!(answered > 250, "seed {seed}: {answered}");
    }
}
