use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Packets of 20 ms by the sample in which they arrive, played every 160 samples. Returns what was pulled.
fn play(arrivals: &[(u64, u16)], until: u64) -> (Vec<Pulled>, Jitter) {
    let mut by_time: BTreeMap<u64, Vec<u16>> = BTreeMap::new();
    for &(at, sequence) in arrivals {
        by_time.entry(at).or_default().push(sequence);
    }
    let mut jitter = Jitter::new(1);
    let mut pulled = Vec::new();
    for now in 0..until {
        for &sequence in by_time.get(&now).into_iter().flatten() {
            let payload = sequence.to_be_bytes();
            jitter.push(sequence, u32::from(sequence).wrapping_mul(160), Some(&payload), now);
        }
        if now % 160 == 0 {
            pulled.push(jitter.pull(now));
            if jitter.has_surplus() {
                let _ = jitter.pull(now);
            }
        }
    }
    (pulled, jitter)
}

fn numbers(pulled: &[Pulled]) -> Vec<u16> {
    let number = |pulled: &Pulled| match pulled {
        Pulled::Packet(payload) => Some(u16::from_be_bytes([payload[0], payload[1]])),
        _ => None,
    };
    pulled.iter().filter_map(number).collect()
}

fn on_time(count: u16) -> Vec<(u64, u16)> {
    (0..count).map(|index| (u64::from(index) * 160 + 50, index)).collect()
}

#[test]
fn what_comes_on_time_is_played_with_little_delay() {
    let (pulled, jitter) = play(&on_time(500), 500 * 160);
    assert!(numbers(&pulled).len() >= 497, "{:?}", jitter.figures());
    assert_eq!((jitter.figures().lost, jitter.figures().late), (0, 0));
    assert!(jitter.target() <= 100, "{}", jitter.target());
}

#[test]
fn reordered_packets_are_put_in_order() {
    let mut arrivals = on_time(300);
    for index in (50..300).step_by(10) {
        let (a, b) = (arrivals[index].1, arrivals[index + 1].1);
        (arrivals[index].1, arrivals[index + 1].1) = (b, a);
    }
    let (pulled, jitter) = play(&arrivals, 300 * 160);
    let played = numbers(&pulled);
    assert!(played.is_sorted(), "{played:?}");
    assert!(jitter.figures().lost <= 2, "{:?}", jitter.figures());
}

#[test]
fn doubled_packets_are_played_once() {
    let mut arrivals = on_time(200);
    arrivals.extend(on_time(200).into_iter().map(|(at, sequence)| (at + 70, sequence)));
    let (pulled, _) = play(&arrivals, 200 * 160);
    let played = numbers(&pulled);
    assert!(played.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(played.len() >= 197);
}

#[test]
fn a_lost_packet_is_one_gap() {
    let arrivals: Vec<_> = on_time(400).into_iter().filter(|(_, sequence)| sequence % 20 != 7).collect();
    let (pulled, jitter) = play(&arrivals, 400 * 160);
    assert!(numbers(&pulled).is_sorted());
    assert_eq!(jitter.figures().late, 0);
    let gaps = pulled.iter().filter(|pulled| matches!(pulled, Pulled::Lost(_) | Pulled::Starved)).count();
    assert!((18..=22).contains(&gaps), "{gaps}");
}

#[test]
fn the_target_grows_with_jitter_and_shrinks_when_it_is_gone() {
    let late = |index: u16| u64::from((index.wrapping_mul(7_919) >> 3) % 640);
    let arrivals: Vec<_> = on_time(500).into_iter().map(|(at, index)| (at + late(index), index)).collect();
    let (pulled, jitter) = play(&arrivals, 500 * 160);
    assert!(jitter.target() > 400, "{}", jitter.target());
    let played = numbers(&pulled).len();
    assert!(played > 460, "{played} {:?}", jitter.figures());
    let calm = on_time(3_000).into_iter().skip(500);
    let (_, jitter) = play(&arrivals.into_iter().chain(calm).collect::<Vec<_>>(), 3_000 * 160);
    assert!(jitter.target() < 200, "{}", jitter.target());
}

#[test]
fn a_clock_that_runs_fast_or_slow_is_followed() {
    for (numerator, denominator) in [(999, 1_000), (1_001, 1_000)] {
        let arrivals: Vec<_> =
            (0..15_000u32).map(|index| (u64::from(index) * 160 * numerator / denominator + 50, index as u16)).collect();
        let end = arrivals.last().unwrap().0;
        let (pulled, jitter) = play(&arrivals, end);
        assert!(jitter.depth() <= jitter.target() + SURPLUS + 3 * 160, "{}", jitter.depth());
        let heard = numbers(&pulled).len();
        assert!(heard > 14_900, "{heard} {:?}", jitter.figures());
    }
}

#[test]
fn a_pause_of_the_stream_is_idle_and_the_next_spurt_is_played_whole() {
    let mut arrivals = on_time(100);
    // Silence suppression: no numbers are missing, and the timestamps of this one do not count the pause.
    arrivals.extend((100..200u16).map(|index| (u64::from(index) * 160 + 16_050, index)));
    let (pulled, jitter) = play(&arrivals, 49_000);
    assert!(pulled.iter().filter(|pulled| **pulled == Pulled::Idle).count() > 80);
    assert_eq!((numbers(&pulled).len(), jitter.figures().lost), (200, 0));
}

#[test]
fn key_presses_between_leave_no_gap() {
    let mut jitter = Jitter::new(1);
    let mut heard = 0;
    for index in 0..100u16 {
        let now = u64::from(index) * 160;
        let sound: Option<&[u8]> = if (40..50).contains(&index) { None } else { Some(&[1]) };
        jitter.push(index, u32::from(index) * 160, sound, now);
        match jitter.pull(now + 100) {
            Pulled::Packet(payload) => {
                heard += 1;
                jitter.give_back(payload);
            }
            Pulled::Lost(_) => panic!("nothing was lost"),
            Pulled::Starved | Pulled::Idle => {}
        }
    }
    assert!(heard >= 87, "{heard}");
}

#[test]
fn a_burst_after_a_stall_does_not_stay_a_delay() {
    let mut arrivals = on_time(100);
    arrivals.extend((100..200u16).map(|index| (32_000, index)));
    arrivals.extend((200..1_000u16).map(|index| (u64::from(index) * 160 + 50, index)));
    let (_, jitter) = play(&arrivals, 1_000 * 160);
    assert!(jitter.depth() <= jitter.target() + SURPLUS + 3 * 160, "{} {}", jitter.depth(), jitter.target());
}

proptest! {
    #[test]
    fn whatever_comes_memory_is_bounded_and_order_is_kept(
        packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<bool>(), 0u64..2_000), 0..400),
        near in any::<bool>(), scale in 1u32..7,
    ) {
        let mut jitter = Jitter::new(scale);
        let mut now = 0;
        for (sequence, timestamp, sound, wait) in packets {
            now += wait;
            let sequence = if near { sequence % 128 } else { sequence };
            jitter.push(sequence, timestamp, sound.then_some(&[0; 20]), now);
            prop_assert!(jitter.packets.len() <= CAPACITY + 1);
            prop_assert!(jitter.target() <= LONGEST);
            let _ = jitter.pull(now);
            let _ = jitter.has_surplus();
        }
    }
}
