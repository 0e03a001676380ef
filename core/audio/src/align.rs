//! Places packets on a time line of samples: by their timestamp, held to their arrival.
//!
//! Timestamps say how far apart two packets belong, arrival says when they were heard. A packet may be late, never
//! early: the least delay seen is taken for the true offset, and followed when clocks drift apart.

/// A timestamp that lands this far from its arrival begins the line anew (200 ms).
const JUMP: i64 = 1_600;
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
}

impl Align {
    /// Returns the position of a packet that was stamped `timestamp` and arrived at position `arrival`.
    pub fn place(&mut self, timestamp: u32, arrival: u64) -> u64 {
        let arrival = i64::try_from(arrival).unwrap_or(i64::MAX);
        let fresh = Line { timestamp, position: arrival, least_delay: i64::MAX, packets: 0 };
        let line = self.line.get_or_insert_with(|| fresh.clone());
        let position = line.position.saturating_add(i64::from(timestamp.wrapping_sub(line.timestamp) as i32));
        let delay = arrival - position;
        if delay.abs() > JUMP {
            *line = fresh;
            return arrival.unsigned_abs();
        }
        // Moving the origin along keeps timestamp differences small for any length of call.
        (line.timestamp, line.position) = (timestamp, position);
        line.least_delay = line.least_delay.min(delay);
        line.packets += 1;
        if line.packets >= JUDGED {
            if line.least_delay.abs() > TOLERANCE {
                line.position += line.least_delay;
            }
            (line.least_delay, line.packets) = (i64::MAX, 0);
        }
        u64::try_from(position).unwrap_or(0)
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
            assert_eq!(align.place(7_000 + index as u32 * 160, 1_000 + index * 160 + late), 1_000 + index * 160);
        }
    }

    #[test]
    fn a_jump_of_the_timestamp_begins_anew_at_arrival() {
        let mut align = Align::default();
        align.place(0, 0);
        assert_eq!(align.place(900_000, 160), 160);
        assert_eq!(align.place(900_160, 330), 320);
    }

    #[test]
    fn silence_that_the_timestamp_counts_is_kept() {
        let mut align = Align::default();
        align.place(u32::MAX, 0);
        assert_eq!(align.place(u32::MAX.wrapping_add(80_000), 80_040), 80_000);
    }

    #[test]
    fn a_first_packet_that_came_late_is_corrected() {
        let mut align = Align::default();
        align.place(0, 1_000);
        let mut last = 0;
        for index in 1..400u64 {
            last = align.place(index as u32 * 160, index * 160);
        }
        assert_eq!(last, 399 * 160);
    }

    #[test]
    fn drift_of_a_clock_is_followed() {
        let mut align = Align::default();
        // The far clock runs 0.1 % fast for ten minutes.
        for index in 0..30_000u64 {
            let arrival = index * 160 * 999 / 1_000;
            let position = align.place((index * 160) as u32, arrival);
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
                let position = align.place(timestamp, arrival);
                prop_assert!(position.abs_diff(arrival) <= JUMP.unsigned_abs());
            }
        }
    }
}
