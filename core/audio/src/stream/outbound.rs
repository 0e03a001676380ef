use super::WINDOW;
use crate::FRAME;
use crate::rtp::{Header, Stamp};

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
    /// Timestamp units in a sample.
    scale: u32,
}

/// What an inbound stream is called, so that a change of it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which stream: any number that the caller chooses.
    pub stream: u64,
    /// Its [`super::Inbound::generation`].
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
        Self { ssrc, next: sequence, timestamp, at: None, feed: None, packets: 0, octets: 0, scale: 1 }
    }

    /// Says how many timestamp units there are in a sample of 8 kHz.
    pub fn set_scale(&mut self, scale: u32) {
        if self.scale != scale {
            self.feed = None;
            self.scale = scale.max(1);
        }
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
        self.timestamp.wrapping_add(self.since(now))
    }

    /// Returns the timestamp of a sound that begins `now`: at least one frame after the last one, so that two sounds
    /// never overlap.
    pub fn beginning(&self, now: u64) -> u32 {
        match self.at {
            Some(_) => self.timestamp.wrapping_add(self.since(now).max(FRAME as u32 * self.scale)),
            None => self.timestamp,
        }
    }

    /// Stamps a relayed packet; `None` for one that is older than the last change of what feeds the stream.
    pub fn relay(&mut self, origin: Origin, header: &Header, now: u64) -> Option<Stamp> {
        let mut marker = header.marker;
        let beginning = self.beginning(now);
        let feed = match &mut self.feed {
            Some(feed) if feed.origin == origin => feed,
            other => {
                marker = true;
                other.insert(Feed {
                    origin,
                    sequence_offset: self.next.wrapping_sub(header.sequence),
                    timestamp_offset: beginning.wrapping_sub(header.timestamp),
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
            self.anchor(timestamp, now);
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
        self.anchor(timestamp, now);
        self.stamp(marker, sequence, timestamp)
    }

    /// Says that what fed the stream pauses: whatever comes next begins anew.
    pub fn interrupt(&mut self) {
        self.feed = None;
    }

    /// Counts a packet that left.
    pub fn sent(&mut self, octets: usize) {
        self.packets += 1;
        self.octets += octets as u64;
    }

    /// Remembers which timestamp belongs to which time. A repeated timestamp (a key held down) stays where it began.
    fn anchor(&mut self, timestamp: u32, now: u64) {
        if self.at.is_none() || self.timestamp != timestamp {
            (self.timestamp, self.at) = (timestamp, Some(now));
        }
    }

    fn since(&self, now: u64) -> u32 {
        self.at.map_or(0, |at| (now.saturating_sub(at) as u32).wrapping_mul(self.scale))
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
