//! Places packets on a time line of samples: by their timestamp, held to their arrival.
//!
//! Timestamps say how far apart two packets belong, arrival says when they were heard. A packet may be late, never
//! early: the least delay seen is taken for the true offset, and followed when clocks drift apart.

/// A timestamp that lands this far from its arrival (200 ms) is late, or the line is wrong.
const FAR: i64 = 1_600;
/// A timestamp that lands this far from its arrival (10 s) has a new origin.
const JUMP: i64 = 80_000;
/// Packets in a row that are equally far: the line is wrong. After a stall of the network they come ever less late.
const PROOF: u32 = 10;
/// Delays that differ by no more than this (10 ms) are equal.
const EQUAL: i64 = 80;
/// The offset is judged over this many packets.
const JUDGED: u32 = 250;
/// Offsets within this are left alone (40 ms).
const TOLERANCE: i64 = 320;

/// The time line of one stream.
#[derive(Clone, Debug, Default)]
pub struct Align {
    line: Option<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    timestamp: u32,
    position: i64,
    least_delay: i64,
    packets: u32,
    last_delay: i64,
    equal: u32,
}

impl Align {
    /// Returns the position of a packet that was stamped `timestamp` and arrived at position `arrival`; `None` when it
    /// lies before the beginning.
    pub fn place(&mut self, timestamp: u32, arrival: u64) -> Option<u64> {
        let arrival = i64::try_from(arrival).unwrap_or(i64::MAX);
        let fresh = Line { timestamp, position: arrival, least_delay: i64::MAX, packets: 0, last_delay: 0, equal: 0 };
        let line = self.line.get_or_insert_with(|| fresh.clone());
        let position = line.position.saturating_add(i64::from(timestamp.wrapping_sub(line.timestamp) as i32));
        let delay = arrival - position;
        if delay.abs() > FAR {
            line.equal = if (delay - line.last_delay).abs() <= EQUAL { line.equal + 1 } else { 0 };
            line.last_delay = delay;
            if delay.abs() > JUMP || line.equal >= PROOF {
                *line = fresh;
                return u64::try_from(arrival).ok();
            }
        } else {
            line.last_delay = delay;
            line.equal = 0;
            line.least_delay = line.least_delay.min(delay);
            line.packets += 1;
        }
        // Moving the origin along keeps timestamp differences small for any length of call.
        (line.timestamp, line.position) = (timestamp, position);
        if line.packets >= JUDGED {
            if line.least_delay.abs() > TOLERANCE {
                line.position += line.least_delay;
            }
            (line.least_delay, line.packets) = (i64::MAX, 0);
        }
        u64::try_from(position).ok()
    }

    /// Forgets the line: the next packet is placed by its arrival.
    pub fn reset(&mut self) {
        self.line = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn jitter_does_not_move_the_sound() {
        let mut align = Align::default();
        let jitter = [0, 300, 10, 900, 0, 1_500, 40];
        for (index, late) in jitter.into_iter().enumerate() {
            let index = index as u64;
            assert_eq!(align.place(7_000 + index as u32 * 160, 1_000 + index * 160 + late), Some(1_000 + index * 160));
        }
    }

    #[test]
    fn a_jump_of_the_timestamp_begins_anew_at_arrival() {
        let mut align = Align::default();
        align.place(0, 0);
        assert_eq!(align.place(900_000, 160), Some(160));
        assert_eq!(align.place(900_160, 330), Some(320));
    }

    #[test]
    fn packets_that_come_together_after_a_stall_keep_their_places() {
        let mut align = Align::default();
        align.place(0, 0);
        for index in 1..=50u64 {
            // A second's worth arrives at once, at its end.
            assert_eq!(align.place(index as u32 * 160, 8_000), Some(index * 160));
        }
        assert_eq!(align.place(51 * 160, 8_160), Some(51 * 160));
    }

    #[test]
    fn a_small_jump_of_the_timestamp_is_believed_when_it_lasts() {
        let mut align = Align::default();
        align.place(0, 0);
        let place = |align: &mut Align, index: u64| align.place(20_000 + index as u32 * 160, index * 160);
        let placed: Vec<_> = (1..20).map(|index| place(&mut align, index).unwrap()).collect();
        assert_eq!(placed[0], 20_160);
        assert_eq!(placed[18], 19 * 160);
    }

    #[test]
    fn silence_that_the_timestamp_counts_is_kept() {
        let mut align = Align::default();
        align.place(u32::MAX, 0);
        assert_eq!(align.place(u32::MAX.wrapping_add(80_000), 80_040), Some(80_000));
    }

    #[test]
    fn a_first_packet_that_came_late_is_corrected() {
        let mut align = Align::default();
        align.place(0, 1_000);
        let mut last = None;
        for index in 1..400u64 {
            last = align.place(index as u32 * 160, index * 160);
        }
        assert_eq!(last, Some(399 * 160));
    }

    #[test]
    fn drift_of_a_clock_is_followed() {
        let mut align = Align::default();
        // The far clock runs 0.1 % fast for ten minutes.
        for index in 0..30_000u64 {
            let arrival = index * 160 * 999 / 1_000;
            let position = align.place((index * 160) as u32, arrival).unwrap();
            assert!(position.abs_diff(arrival) <= 700, "{position} {arrival}");
        }
    }

    proptest! {
        #[test]
        fn any_timestamps_are_placed_near_their_arrival(
            packets in prop::collection::vec((any::<u32>(), 0u64..10_000_000), 0..300),
        ) {
            let mut align = Align::default();
            for (timestamp, arrival) in packets {
                if let Some(position) = align.place(timestamp, arrival) {
                    prop_assert!(position.abs_diff(arrival) <= JUMP.unsigned_abs());
                }
            }
        }
    }
}
