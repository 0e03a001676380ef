use super::WINDOW;
use crate::rtcp::Block;
use crate::rtp::Header;

/// Sequence numbers ahead that count as loss rather than as another stream (RFC 3550 §A.1).
const MAX_DROPOUT: u16 = 3_000;
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
    /// In timestamp units.
    jitter: f64,
    reported: (u64, u64),
    /// Timestamp units in a sample, less one.
    more_units: u32,
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
    /// Says how many timestamp units there are in a sample of 8 kHz.
    pub fn set_scale(&mut self, scale: u32) {
        let more_units = scale.max(1) - 1;
        if more_units != self.more_units {
            (self.more_units, self.jitter) = (more_units, 0.0);
            if let Some(current) = &mut self.current {
                current.transit = None;
            }
        }
    }

    fn scale(&self) -> u32 {
        self.more_units + 1
    }

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
            current.measure(header, now, self.more_units + 1, &mut self.jitter);
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
        (self.jitter / f64::from(8 * self.scale())) as f32
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
            ..Block::default()
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

    fn measure(&mut self, header: &Header, now: u64, scale: u32, jitter: &mut f64) {
        // Timestamps of telephone-events stand still: only packets that move the timestamp are timed.
        if header.timestamp == self.timestamp {
            return;
        }
        self.timestamp = header.timestamp;
        let transit = i64::from((now as u32).wrapping_mul(scale).wrapping_sub(header.timestamp) as i32);
        if let Some(before) = self.transit {
            let moved = (transit - before).unsigned_abs() as f64;
            // A jump of over a second is a new origin of the timestamps, not jitter.
            if moved < 8_000.0 * f64::from(scale) {
                *jitter += (moved - *jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }
}
