//! One direction of RTP: what is let in, and how what is sent stays one legal stream.
//!
//! Time is a count of samples (1/8,000 s) since any origin.

use crate::rtcp::Block;
use crate::rtp::{Header, Stamp};

/// Sequence numbers ahead that count as loss rather than as another stream (RFC 3550 §A.1).
const MAX_DROPOUT: u16 = 3_000;
/// Sequence numbers behind that are remembered, so that a repeated packet is known.
const WINDOW: u16 = 64;
/// Packets in a row that prove a new stream (RFC 3550 §A.1, MIN_SEQUENTIAL).
const PROOF: u8 = 2;
/// At most one new stream in this time.
const STREAM_REST: u64 = 2 * 8_000;
/// Packets let in within a second.
const MAX_PER_SECOND: u32 = 200;
const SECOND: u64 = 8_000;
/// Extended numbers begin one cycle up, so that a late packet may lie before the first.
const FIRST_CYCLE: u64 = 1 << 16;

/// Why a packet was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Repeated, far out of sequence, or of another stream.
    Sequence,
    /// Over the packet rate.
    Excess,
}

/// The state of a received stream (RFC 3550 §A.1, §A.3, §A.8).
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    current: Option<Current>,
    challenger: Option<Challenger>,
    switched_at: Option<u64>,
    generation: u32,
    second: u64,
    in_second: u32,
    received: u64,
    lost_before: u64,
    jitter: f64,
    reported: (u64, u64),
}

#[derive(Clone, Debug)]
struct Current {
    ssrc: u32,
    highest: u16,
    /// Bit n: the packet n behind the highest was let in.
    seen: u64,
    extended: u64,
    base: u64,
    received: u64,
    transit: Option<i64>,
    timestamp: u32,
}

#[derive(Clone, Debug)]
struct Challenger {
    ssrc: u32,
    next: u16,
    proof: u8,
}

impl Inbound {
    /// Judges a packet that came from the right source with an agreed payload type.
    ///
    /// # Errors
    /// [`Refused`] says why the packet is to be dropped.
    pub fn arrive(&mut self, header: &Header, now: u64) -> Result<(), Refused> {
        if now.saturating_sub(self.second) >= SECOND {
            self.second = now;
            self.in_second = 0;
        }
        self.in_second += 1;
        if self.in_second > MAX_PER_SECOND {
            return Err(Refused::Excess);
        }
        let Some(current) = &mut self.current else {
            self.begin(header);
            return Ok(());
        };
        if header.ssrc == current.ssrc && current.take(header.sequence)? {
            self.challenger = None;
        } else {
            self.challenge(header, now)?;
        }
        self.received += 1;
        if let Some(current) = &mut self.current {
            current.received += 1;
            current.measure(header, now, &mut self.jitter);
        }
        Ok(())
    }

    /// Counts the streams so far: it changes when the numbering of packets starts anew.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns the packets let in.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns the packets missing so far.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.current.as_ref().map_or(0, Current::lost)
    }

    /// Returns the inter-arrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        (self.jitter / 8.0) as f32
    }

    /// Returns a report about the stream, with the loss since the last call of this function.
    pub fn report(&mut self) -> Option<Block> {
        let (received, lost) = (self.received, self.lost());
        let current = self.current.as_ref()?;
        let (new, gone) = (received - self.reported.0.min(received), lost.saturating_sub(self.reported.1));
        self.reported = (received, lost);
        let fraction = (gone * 256).checked_div(new + gone).unwrap_or(0).min(255);
        Some(Block {
            ssrc: current.ssrc,
            fraction: fraction as u8,
            lost: i32::try_from(lost).unwrap_or(i32::MAX),
            highest: current.extended.wrapping_sub(FIRST_CYCLE) as u32,
            jitter: self.jitter as u32,
        })
    }

    fn begin(&mut self, header: &Header) {
        self.lost_before = self.lost();
        self.generation = self.generation.wrapping_add(1);
        self.challenger = None;
        let first = self.current.is_none();
        self.current = Some(Current {
            ssrc: header.ssrc,
            highest: header.sequence,
            seen: 1,
            extended: FIRST_CYCLE + u64::from(header.sequence),
            base: FIRST_CYCLE + u64::from(header.sequence),
            // The caller counts the packet when the stream replaces another.
            received: u64::from(first),
            transit: None,
            timestamp: header.timestamp,
        });
        self.received += u64::from(first);
    }

    /// Lets another stream take over once it has proved itself, and not too often.
    fn challenge(&mut self, header: &Header, now: u64) -> Result<(), Refused> {
        let next = header.sequence.wrapping_add(1);
        let proof = match &self.challenger {
            Some(known) if known.ssrc == header.ssrc && known.next == header.sequence => known.proof + 1,
            _ => 1,
        };
        self.challenger = Some(Challenger { ssrc: header.ssrc, next, proof: proof.min(PROOF) });
        let rested = self.switched_at.is_none_or(|at| now.saturating_sub(at) >= STREAM_REST);
        if proof < PROOF || !rested {
            return Err(Refused::Sequence);
        }
        self.switched_at = Some(now);
        self.begin(header);
        Ok(())
    }
}

impl Current {
    /// Takes a sequence number of this stream: true if it belongs, false if it may be a restart.
    fn take(&mut self, sequence: u16) -> Result<bool, Refused> {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead == 0 {
            return Err(Refused::Sequence);
        }
        if ahead < MAX_DROPOUT {
            self.seen = if ahead < WINDOW { (self.seen << ahead) | 1 } else { 1 };
            self.highest = sequence;
            self.extended += u64::from(ahead);
            return Ok(true);
        }
        let behind = self.highest.wrapping_sub(sequence);
        if behind < WINDOW {
            let bit = 1 << behind;
            if self.seen & bit != 0 {
                return Err(Refused::Sequence);
            }
            self.seen |= bit;
            self.base = self.base.min(self.extended.saturating_sub(u64::from(behind)));
            return Ok(true);
        }
        Ok(false)
    }

    fn lost(&self) -> u64 {
        (self.extended - self.base + 1).saturating_sub(self.received)
    }

    fn measure(&mut self, header: &Header, now: u64, jitter: &mut f64) {
        // Timestamps of telephone-events stand still: only packets that move the timestamp are timed.
        if header.timestamp == self.timestamp {
            return;
        }
        self.timestamp = header.timestamp;
        let transit = i64::from((now as u32).wrapping_sub(header.timestamp) as i32);
        if let Some(before) = self.transit {
            let moved = (transit - before).unsigned_abs() as f64;
            // A jump of over a second is a new origin of the timestamps, not jitter.
            if moved < 8_000.0 {
                *jitter += (moved - *jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }
}

/// The stream that we send: one SSRC, with sequence numbers and timestamps that go on whatever feeds it.
#[derive(Clone, Debug)]
pub struct Outbound {
    ssrc: u32,
    /// The next sequence number to use.
    next: u16,
    /// The last timestamp, and when it was sent.
    timestamp: u32,
    at: Option<u64>,
    feed: Option<Feed>,
    packets: u64,
    octets: u64,
}

/// What an inbound stream is called, so that a change of it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which stream: any number that the caller chooses.
    pub stream: u64,
    /// Its [`Inbound::generation`].
    pub generation: u32,
}

#[derive(Clone, Debug)]
struct Feed {
    origin: Origin,
    sequence_offset: u16,
    timestamp_offset: u32,
    floor: u16,
}

impl Outbound {
    /// Begins with numbers drawn by the caller.
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, next: sequence, timestamp, at: None, feed: None, packets: 0, octets: 0 }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Returns the timestamp that belongs to `now`.
    pub fn clock(&self, now: u64) -> u32 {
        match self.at {
            Some(at) => self.timestamp.wrapping_add(now.saturating_sub(at) as u32),
            None => self.timestamp,
        }
    }

    /// Stamps a relayed packet; `None` for one that is older than the last change of what feeds the stream.
    pub fn relay(&mut self, origin: Origin, header: &Header, now: u64) -> Option<Stamp> {
        let mut marker = header.marker;
        let feed = match &mut self.feed {
            Some(feed) if feed.origin == origin => feed,
            other => {
                marker = true;
                let timestamp = match self.at {
                    // At least one sample on, so that no two sounds share a timestamp.
                    Some(at) => self.timestamp.wrapping_add(now.saturating_sub(at).max(1) as u32),
                    None => self.timestamp,
                };
                other.insert(Feed {
                    origin,
                    sequence_offset: self.next.wrapping_sub(header.sequence),
                    timestamp_offset: timestamp.wrapping_sub(header.timestamp),
                    floor: self.next,
                })
            }
        };
        let sequence = header.sequence.wrapping_add(feed.sequence_offset);
        let timestamp = header.timestamp.wrapping_add(feed.timestamp_offset);
        if (sequence.wrapping_sub(feed.floor) as i16) < 0 {
            return None;
        }
        // A stream of more than half the number space would make everything old: the floor follows.
        feed.floor = feed.floor.max_wrapping(sequence.wrapping_sub(WINDOW * 4));
        if (sequence.wrapping_sub(self.next) as i16) >= 0 {
            self.next = sequence.wrapping_add(1);
            self.timestamp = timestamp;
            self.at = Some(now);
        }
        Some(self.stamp(marker, sequence, timestamp))
    }

    /// Leaves a relayed packet out without a gap in the numbers.
    pub fn skip(&mut self, origin: Origin) {
        if let Some(feed) = &mut self.feed
            && feed.origin == origin
        {
            feed.sequence_offset = feed.sequence_offset.wrapping_sub(1);
        }
    }

    /// Stamps a packet of our own making with the given timestamp; what was relayed before has to begin anew.
    pub fn originate(&mut self, marker: bool, timestamp: u32, now: u64) -> Stamp {
        self.feed = None;
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        self.timestamp = timestamp;
        self.at = Some(now);
        self.stamp(marker, sequence, timestamp)
    }

    /// Counts a packet that left.
    pub fn sent(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }

    fn stamp(&self, marker: bool, sequence: u16, timestamp: u32) -> Stamp {
        Stamp { marker, payload_type: 0, sequence, timestamp, ssrc: self.ssrc }
    }
}

/// The later of two sequence numbers.
trait Later {
    fn max_wrapping(self, other: Self) -> Self;
}

impl Later for u16 {
    fn max_wrapping(self, other: Self) -> Self {
        if (other.wrapping_sub(self) as i16) > 0 { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert!(inbound.arrive(&header(1, 200), SECOND).is_ok());
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
