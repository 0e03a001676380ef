//! A jitter buffer: packets come when the network likes, sound leaves every 20 ms.
//!
//! ```text
//! Filling --the first packet has waited for the target--> Playing --nothing for 100 ms--> Filling
//! ```
//!
//! The target follows how late packets come behind the quickest. What grows beyond it (a clock that runs fast, a
//! delay that went away) is folded away one packet at a time. Time is a count of samples of 8 kHz.

use std::collections::VecDeque;

/// Packets that are held, lost ones counted: enough for the longest delay in packets of 5 ms.
const CAPACITY: usize = 96;
/// Target beyond what packets are late (10 ms).
const MARGIN: u32 = 80;
/// Longest target (200 ms).
const LONGEST: u32 = 1_600;
/// Sound that is held at most beyond the target before it is thrown away (200 ms).
const ROOM: u32 = 1_600;
/// Pulls without a packet after which the stream is taken to have paused: with those of 20 ms, 100 ms.
const STARVED: u32 = 5;
/// Packets over which the least depth is judged.
const JUDGED: u32 = 50;
/// Depth beyond the target that is folded away (30 ms).
const SURPLUS: u32 = 240;
/// Lateness is forgotten by this share with each packet.
const FORGET: u32 = 512;
/// A step of the timestamp between two packets that is believed to be their length (120 ms).
const LONGEST_PACKET: u32 = 960;

/// The buffer of one stream. Its size is bounded whatever comes.
#[derive(Clone, Debug)]
pub struct Jitter {
    /// From the next one to play on; `None` is not there (yet).
    packets: VecDeque<Option<Held>>,
    /// Sequence number of the front; `None` before the first packet.
    next: Option<u16>,
    playing: bool,
    starved: u32,
    scale: u32,
    /// Length of a packet in samples.
    length: u32,
    last: Option<(u16, u32)>,
    delay: Delay,
    least_depth: u32,
    judged: u32,
    figures: Figures,
    /// Payloads that were played, for reuse.
    spare: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Held {
    arrived: u64,
    /// `None` for a packet without sound, such as a key press.
    payload: Option<Vec<u8>>,
}

/// How late packets are behind the quickest.
#[derive(Clone, Debug, Default)]
struct Delay {
    origin: Option<(u32, u64)>,
    least: i64,
    late: u32,
}

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub played: u64,
    /// Never came, or not in time.
    pub lost: u64,
    /// Came after their turn.
    pub late: u64,
    /// Thrown away or folded to catch up.
    pub dropped: u64,
}

/// What is next to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    Packet(Vec<u8>),
    /// A packet of this many samples of 8 kHz is missing; [`Jitter::peek`] shows the one behind it.
    Lost(u32),
    /// Nothing is there yet; the stream goes on soon.
    Starved,
    /// The stream pauses or has not begun.
    Idle,
}

impl Jitter {
    /// Opens a buffer for a stream whose timestamps count `scale` in 1/8,000 s.
    pub fn new(scale: u32) -> Self {
        Self {
            packets: VecDeque::new(),
            next: None,
            playing: false,
            starved: 0,
            scale: scale.max(1),
            length: crate::FRAME as u32,
            last: None,
            delay: Delay::default(),
            least_depth: u32::MAX,
            judged: 0,
            figures: Figures::default(),
            spare: Vec::new(),
        }
    }

    /// Forgets the stream: another begins.
    pub fn restart(&mut self) {
        let (scale, figures) = (self.scale, self.figures);
        *self = Self { figures, ..Self::new(scale) };
    }

    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Returns the delay that is aimed at, in samples.
    pub fn target(&self) -> u32 {
        (self.delay.late + MARGIN).min(LONGEST)
    }

    /// Takes a packet; `None` for one of the same numbering that is no sound.
    pub fn push(&mut self, sequence: u16, timestamp: u32, payload: Option<&[u8]>, now: u64) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        let index = usize::from(ahead);
        if ahead >= 0x8000 {
            let behind = next.wrapping_sub(sequence);
            let room = CAPACITY.saturating_sub(self.packets.len());
            if self.playing || usize::from(behind) > room {
                self.figures.late += 1;
                if behind < CAPACITY as u16 {
                    self.delay.measure(timestamp, self.scale, now);
                }
                return;
            }
            // Nothing was played yet: the stream begins earlier than it seemed.
            for _ in 0..behind {
                self.packets.push_front(None);
            }
            self.next = Some(sequence);
            return self.put(0, payload, now);
        }
        if index >= CAPACITY {
            // The stream jumped: what was before is over.
            self.restart();
            self.next = Some(sequence);
            self.measure(sequence, timestamp, now);
            return self.put(0, payload, now);
        }
        if payload.is_some() {
            self.measure(sequence, timestamp, now);
        }
        self.put(index, payload, now);
        while self.playing && self.depth() > self.target() + ROOM {
            self.figures.dropped += u64::from(self.take_front().is_some());
        }
    }

    /// Returns what is next to be heard.
    pub fn pull(&mut self, now: u64) -> Pulled {
        if !self.playing {
            let waited = self.packets.iter().flatten().map(|held| now.saturating_sub(held.arrived)).max();
            if waited.is_none_or(|waited| waited < u64::from(self.target())) {
                return Pulled::Idle;
            }
            self.playing = true;
            self.starved = 0;
        }
        loop {
            match self.packets.front() {
                Some(Some(held)) if held.payload.is_none() => {
                    self.take_front();
                }
                Some(Some(_)) => {
                    self.starved = 0;
                    self.judge();
                    self.figures.played += 1;
                    let payload = self.take_front().and_then(|held| held.payload);
                    return Pulled::Packet(payload.unwrap_or_default());
                }
                Some(None) if self.may_come(now) => {
                    self.starved += 1;
                    return Pulled::Starved;
                }
                Some(None) => {
                    self.figures.lost += 1;
                    self.take_front();
                    // Its time may have been filled already, while it was waited for.
                    match self.starved.checked_sub(1) {
                        Some(rest) => self.starved = rest,
                        None => return Pulled::Lost(self.length),
                    }
                }
                None => {
                    self.starved += 1;
                    if self.starved > STARVED {
                        self.playing = false;
                        self.starved = 0;
                        self.delay.pause();
                        return Pulled::Idle;
                    }
                    return Pulled::Starved;
                }
            }
        }
    }

    /// Tells whether the packet at the front may still come: the one behind it has not been here for long.
    fn may_come(&self, now: u64) -> bool {
        let behind = self.packets.iter().flatten().map(|held| now.saturating_sub(held.arrived)).max();
        self.starved < STARVED && behind.is_some_and(|waited| waited < u64::from(self.target()))
    }

    /// Returns the packet at the front, if it is there and holds sound.
    pub fn peek(&self) -> Option<&[u8]> {
        self.packets.front()?.as_ref()?.payload.as_deref()
    }

    /// Tells whether more is held than is needed for long enough: then two packets should be folded into one. Asking
    /// begins the judgement anew.
    pub fn has_surplus(&mut self) -> bool {
        if self.judged < JUDGED {
            return false;
        }
        let surplus = self.least_depth > self.target() + SURPLUS && self.peek().is_some();
        (self.judged, self.least_depth) = (0, u32::MAX);
        if surplus {
            self.figures.dropped += 1;
        }
        surplus
    }

    /// Takes a played payload back, so that the next packet needs no memory.
    pub fn give_back(&mut self, mut payload: Vec<u8>) {
        if self.spare.len() < 2 {
            payload.clear();
            self.spare.push(payload);
        }
    }

    /// Throws away what is held beyond the target: nobody listened for a while.
    pub fn trim(&mut self) {
        while self.depth() > self.target() {
            self.figures.dropped += u64::from(self.take_front().is_some());
        }
    }

    fn depth(&self) -> u32 {
        u32::try_from(self.packets.len()).unwrap_or(u32::MAX).saturating_mul(self.length)
    }

    fn put(&mut self, index: usize, payload: Option<&[u8]>, now: u64) {
        if self.packets.len() <= index {
            self.packets.resize_with(index + 1, || None);
        }
        let place = &mut self.packets[index];
        if place.is_none() {
            let payload = payload.map(|payload| {
                let mut bytes = self.spare.pop().unwrap_or_default();
                bytes.extend_from_slice(payload);
                bytes
            });
            *place = Some(Held { arrived: now, payload });
        }
    }

    fn take_front(&mut self) -> Option<Held> {
        let front = self.packets.pop_front()?;
        self.next = self.next.map(|next| next.wrapping_add(1));
        front
    }

    /// Notes the depth after a packet is played.
    fn judge(&mut self) {
        self.judged += 1;
        self.least_depth = self.least_depth.min(self.depth().saturating_sub(self.length));
    }

    fn measure(&mut self, sequence: u16, timestamp: u32, now: u64) {
        if let Some((last, stamp)) = self.last {
            let length = timestamp.wrapping_sub(stamp) / self.scale;
            if sequence == last.wrapping_add(1) && (40..=LONGEST_PACKET).contains(&length) {
                self.length = length;
            }
        }
        self.last = Some((sequence, timestamp));
        self.delay.measure(timestamp, self.scale, now);
    }
}

impl Delay {
    /// The stream paused: its timestamps may or may not count that.
    fn pause(&mut self) {
        (self.origin, self.least) = (None, 0);
    }

    fn measure(&mut self, timestamp: u32, scale: u32, now: u64) {
        let (origin, began) = *self.origin.get_or_insert((timestamp, now));
        let along = i64::from(timestamp.wrapping_sub(origin) as i32) / i64::from(scale);
        let delay = i64::try_from(now.saturating_sub(began)).unwrap_or(i64::MAX) - along;
        if (delay - self.least).abs() > 80_000 {
            // Another origin of the timestamps.
            *self = Self { origin: Some((timestamp, now)), least: 0, late: self.late };
            return;
        }
        // The quickest is followed upwards slowly, so that a clock that runs slow does not look late for ever.
        self.least = if delay < self.least { delay } else { self.least + i64::from(delay > self.least) };
        let late = u32::try_from(delay - self.least).unwrap_or(0).min(LONGEST);
        self.late = late.max(self.late - self.late.div_ceil(FORGET).min(self.late));
    }
}

#[cfg(test)]
mod tests;
