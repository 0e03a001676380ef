//! When the recording of one leg is over: after a time, or after silence.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Limits;
use crate::EventKind;

/// Mean loudness of 20 ms from which on somebody speaks: about -40 dBm0.
const SPEECH: i64 = 150;
/// Left of the silence at the end (500 ms).
const REST: u64 = 4_000;

/// What is known of a recording of one leg. Time is in samples since its beginning.
pub(super) struct Message {
    limits: Limits,
    /// Where speech was heard last.
    spoken: Option<u64>,
    ended: u64,
}

impl Message {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, spoken: None, ended: 0 }
    }

    /// Hears a packet that arrived at `now`.
    pub(super) fn hear(&mut self, samples: &[i16], now: u64) {
        let sum: i64 = samples.iter().map(|sample| i64::from(sample.unsigned_abs())).sum();
        if sum > SPEECH * samples.len() as i64 {
            self.spoken = Some(now);
        }
    }

    /// Tells whether a limit is reached.
    pub(super) fn is_over(&self, now: u64) -> bool {
        let silent = samples(self.limits.silence);
        let quiet = silent > 0 && now.saturating_sub(self.spoken.unwrap_or(0)) >= silent;
        quiet || now >= samples(self.limits.longest)
    }

    /// Ends, and says so to the media thread.
    pub(super) fn end(&mut self, now: u64) {
        self.ended = now.min(samples(self.limits.longest));
        self.limits.over.store(true, Ordering::Relaxed);
    }

    /// Returns what is kept, in samples: nothing if nobody spoke, otherwise up to a moment after the last word.
    pub(super) fn length(&self) -> u64 {
        self.spoken.map_or(0, |spoken| (spoken + REST).min(self.ended))
    }

    pub(super) fn recorded(&self) -> EventKind {
        EventKind::LegRecorded { leg: self.limits.leg, millis: self.length() / 8 }
    }
}

fn samples(time: Duration) -> u64 {
    u64::try_from(time.as_millis() * 8).unwrap_or(u64::MAX)
}
