use audio::jitter::{Jitter, Pulled};
use audio::{Codec, Decoder, Rate};

/// Ticks without a listener after which what waits is too old to be heard.
const UNHEARD: u64 = 2;

/// Where the sound of a leg is made of its packets: a jitter buffer and a decoder, read once in each tick.
///
/// Only legs have one whose sound is mixed or needs another codec.
pub(super) struct Ear {
    codec: Codec,
    jitter: Jitter,
    decoder: Decoder,
    generation: u32,
    /// Decoded and not yet heard.
    samples: Vec<i16>,
    /// What is heard in this tick; empty while the leg says nothing.
    frame: Vec<i16>,
    tick: u64,
}

impl Ear {
    pub(super) fn new(codec: Codec, rate: Rate) -> Self {
        Self {
            codec,
            jitter: Jitter::new(codec.scale()),
            decoder: Decoder::new(codec, rate),
            generation: 0,
            samples: Vec::new(),
            frame: Vec::new(),
            tick: 0,
        }
    }

    pub(super) fn fits(&self, codec: Codec, rate: Rate) -> bool {
        self.codec == codec && self.decoder.rate() == rate
    }

    pub(super) fn figures(&self) -> audio::jitter::Figures {
        self.jitter.figures()
    }

    /// Takes a packet that was let in; `None` for one without sound.
    pub(super) fn push(&mut self, sequence: u16, timestamp: u32, payload: Option<&[u8]>, generation: u32, now: u64) {
        if generation != self.generation {
            self.generation = generation;
            self.jitter.restart();
        }
        self.jitter.push(sequence, timestamp, payload, now);
    }

    /// Returns the 20 ms of this tick, the same however often it is asked; nothing while the leg says nothing.
    pub(super) fn hear(&mut self, tick: u64, now: u64) -> &[i16] {
        if tick != self.tick {
            if tick > self.tick + UNHEARD {
                self.samples.clear();
                self.jitter.trim();
            }
            self.tick = tick;
            self.frame.clear();
            self.fill(now);
        }
        &self.frame
    }

    fn fill(&mut self, now: u64) {
        let rate = self.decoder.rate();
        let wanted = rate.frame();
        while self.samples.len() < wanted {
            match self.jitter.pull(now) {
                Pulled::Packet(payload) => {
                    let begin = self.samples.len();
                    self.decoder.decode(&payload, &mut self.samples);
                    self.jitter.give_back(payload);
                    if self.jitter.has_surplus() {
                        self.fold(begin, now);
                    }
                }
                Pulled::Lost(length) => {
                    let samples = length as usize * wanted / audio::FRAME;
                    self.decoder.recover(self.jitter.peek(), samples, &mut self.samples);
                }
                Pulled::Starved => {
                    let missing = wanted - self.samples.len();
                    self.decoder.recover(None, missing, &mut self.samples);
                }
                Pulled::Idle if self.samples.is_empty() => return,
                Pulled::Idle => self.samples.resize(wanted, 0),
            }
        }
        self.frame.extend(self.samples.drain(..wanted));
    }

    /// Folds the next packet into the one that was just decoded, from `begin` on: less delay, and no click.
    fn fold(&mut self, begin: usize, now: u64) {
        let Pulled::Packet(payload) = self.jitter.pull(now) else { return };
        let mut next = Vec::new();
        self.decoder.decode(&payload, &mut next);
        self.jitter.give_back(payload);
        let length = next.len().min(self.samples.len() - begin).max(1) as i32;
        for ((index, sample), &other) in (0..).zip(&mut self.samples[begin..]).zip(&next) {
            let share: i32 = index;
            *sample = ((i32::from(*sample) * (length - share) + i32::from(other) * share) / length) as i16;
        }
    }
}
