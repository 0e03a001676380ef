//! One direction of RTP: what is let in, and how what is sent stays one legal stream.
//!
//! Time is a count of samples (1/8,000 s) since any origin.

mod inbound;
mod outbound;

pub use inbound::{Inbound, Refused};
pub use outbound::{Origin, Outbound};

/// Packets behind the newest that are remembered, so that a repeated one is known.
const WINDOW: u16 = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::Header;

    fn header(ssrc: u32, sequence: u16) -> Header {
        Header {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc,
            payload: 12..172,
        }
    }

    fn feed(inbound: &mut Inbound, ssrc: u32, sequences: impl IntoIterator<Item = u16>) -> usize {
        sequences
            .into_iter()
            .filter(|&sequence| inbound.arrive(&header(ssrc, sequence), u64::from(sequence) * 160).is_ok())
            .count()
    }

    #[test]
    fn loss_is_what_the_sequence_lacks() {
        let mut inbound = Inbound::default();
        assert_eq!(feed(&mut inbound, 1, (0..100).filter(|n| n % 10 != 5)), 90);
        assert_eq!((inbound.received(), inbound.lost()), (90, 10));
        assert!(inbound.jitter_ms() < 0.01);
    }

    #[test]
    fn reordered_packets_are_let_in_once() {
        let mut inbound = Inbound::default();
        assert_eq!(feed(&mut inbound, 1, [10, 12, 11, 11, 12, 13, 9]), 5);
        assert_eq!(inbound.lost(), 0);
    }

    #[test]
    fn numbers_wrap_around() {
        let mut inbound = Inbound::default();
        assert_eq!(feed(&mut inbound, 1, (65_500..=65_535).chain(0..40)), 76);
        assert_eq!(inbound.lost(), 0);
    }

    #[test]
    fn another_stream_takes_over_after_two_packets_and_then_rests() {
        let mut inbound = Inbound::default();
        feed(&mut inbound, 1, 0..50);
        assert_eq!(feed(&mut inbound, 2, [50, 51, 52]), 2);
        assert_eq!(inbound.generation(), 2);
        assert_eq!(feed(&mut inbound, 3, 53..60), 0, "within two seconds of the last change");
        assert_eq!(feed(&mut inbound, 2, 53..60), 7);
        assert_eq!(inbound.lost(), 0);
        assert_eq!(feed(&mut inbound, 3, 160..170), 9, "two seconds later");
    }

    #[test]
    fn a_stream_that_changes_with_each_packet_gets_nothing_through() {
        let mut inbound = Inbound::default();
        feed(&mut inbound, 1, [0]);
        let let_in = (1..150).filter(|&n| inbound.arrive(&header(u32::from(n) + 9, n), 0).is_ok()).count();
        assert_eq!(let_in, 0);
    }

    #[test]
    fn two_hundred_packets_a_second_are_enough() {
        let mut inbound = Inbound::default();
        let let_in = (0..50_000u32).filter(|&n| inbound.arrive(&header(1, n as u16), 0).is_ok()).count();
        assert_eq!(let_in, 200);
        assert!(inbound.arrive(&header(1, 200), 8_000).is_ok());
    }

    #[test]
    fn the_fraction_lost_is_since_the_last_report() {
        let mut inbound = Inbound::default();
        feed(&mut inbound, 1, (0..100).filter(|n| n % 2 == 0));
        assert_eq!(inbound.report().unwrap().fraction, 126, "49 of 99: the hundredth is not missed yet");
        feed(&mut inbound, 1, 99..150);
        assert_eq!(inbound.report().unwrap().fraction, 0);
    }

    #[test]
    fn relay_keeps_distances_and_changes_of_origin_stay_one_stream() {
        let mut outbound = Outbound::new(9, 1_000, 5_000);
        let a = Origin { stream: 1, generation: 1 };
        let first = outbound.relay(a, &header(1, 40), 0).unwrap();
        assert!(first.marker);
        assert_eq!((first.sequence, first.timestamp, first.ssrc), (1_000, 5_000, 9));
        let lost_one = outbound.relay(a, &header(1, 42), 320).unwrap();
        assert_eq!((lost_one.sequence, lost_one.timestamp), (1_002, 5_320));
        // Late, but not older than the beginning.
        assert_eq!(outbound.relay(a, &header(1, 41), 330).unwrap().sequence, 1_001);

        let played = outbound.originate(true, outbound.clock(480), 480);
        assert_eq!((played.sequence, played.timestamp), (1_003, 5_480));

        let b = Origin { stream: 2, generation: 1 };
        let other = outbound.relay(b, &header(2, 9_000), 640).unwrap();
        assert!(other.marker);
        assert_eq!((other.sequence, other.timestamp), (1_004, 5_640));
        assert!(outbound.relay(b, &header(2, 8_999), 650).is_none(), "older than the change");
        outbound.skip(b);
        assert_eq!(outbound.relay(b, &header(2, 9_002), 960).unwrap().sequence, 1_005);
    }

    proptest! {
        #[test]
        fn whatever_comes_no_number_is_sent_twice(
            steps in prop::collection::vec((0u64..3, 0u16..300, 0u64..400), 1..200),
        ) {
            let mut inbound = [Inbound::default(), Inbound::default()];
            let mut outbound = Outbound::new(1, 65_000, u32::MAX - 100);
            let (mut now, mut sent) = (0, Vec::new());
            for (stream, sequence, wait) in steps {
                now += wait;
                if stream == 2 {
                    sent.push(outbound.originate(false, outbound.clock(now), now).sequence);
                    continue;
                }
                let known = &mut inbound[stream as usize];
                let header = header(stream as u32, sequence);
                if known.arrive(&header, now).is_ok() {
                    let stamp = outbound.relay(Origin { stream, generation: known.generation() }, &header, now);
                    sent.extend(stamp.map(|stamp| stamp.sequence));
                }
            }
            let count = sent.len();
            sent.sort_unstable();
            sent.dedup();
            prop_assert_eq!(sent.len(), count);
        }
    }
}
