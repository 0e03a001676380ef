//! Hides lost packets: the last period of the voice goes on and fades (after ITU-T G.711 appendix I, simplified).

use crate::Rate;

/// Kept of what was heard, in milliseconds.
const HISTORY: usize = 40;
/// Shortest and longest period of a voice, in milliseconds × 10: 400 to 66 Hz.
const PERIODS: (usize, usize) = (25, 150);
/// What is compared to find the period, in milliseconds.
const COMPARED: usize = 15;
/// The loss fades from here until there, in milliseconds.
const FADE: (usize, usize) = (10, 60);
/// What comes after a loss is blended in, in milliseconds.
const BLEND: usize = 4;

/// The end of what was heard, and what was made up since.
#[derive(Clone, Debug)]
pub struct Conceal {
    per_ms: usize,
    history: Vec<i16>,
    period: usize,
    /// Samples made up since the last good one.
    lost: usize,
}

impl Conceal {
    pub fn new(rate: Rate) -> Self {
        Self { per_ms: rate.frame() / 20, history: Vec::new(), period: 0, lost: 0 }
    }

    /// Takes note of sound that arrived; after a loss its beginning is blended with what was made up.
    pub fn good(&mut self, samples: &mut [i16]) {
        if self.lost > 0 {
            let blend = (BLEND * self.per_ms).min(samples.len());
            let mut made_up = Vec::with_capacity(blend);
            self.make_up(blend, &mut made_up);
            for (index, (sample, old)) in samples.iter_mut().zip(made_up).enumerate() {
                let share = (index + 1) as i32;
                let whole = (blend + 1) as i32;
                *sample = ((i32::from(*sample) * share + i32::from(old) * (whole - share)) / whole) as i16;
            }
            self.lost = 0;
        }
        let most = HISTORY * self.per_ms;
        let fresh = &samples[samples.len().saturating_sub(most)..];
        let over = (self.history.len() + fresh.len()).saturating_sub(most);
        self.history.drain(..over);
        self.history.extend_from_slice(fresh);
    }

    /// Appends `count` samples in place of what was lost.
    pub fn bad(&mut self, count: usize, to: &mut Vec<i16>) {
        if self.lost == 0 {
            self.period = self.find_period();
        }
        self.make_up(count, to);
    }

    /// Tells whether what is made up has faded to nothing.
    pub fn is_silent(&self) -> bool {
        self.lost >= FADE.1 * self.per_ms
    }

    fn make_up(&mut self, count: usize, to: &mut Vec<i16>) {
        let (from, until) = (FADE.0 * self.per_ms, FADE.1 * self.per_ms);
        let start = self.history.len().saturating_sub(self.period);
        let cycle = &self.history[start..];
        for _ in 0..count {
            let sample = if self.lost >= until || cycle.is_empty() {
                0
            } else {
                let loudness = (until - self.lost.max(from)) as i32;
                i32::from(cycle[self.lost % cycle.len()]) * loudness / (until - from) as i32
            };
            to.push(sample as i16);
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// Returns the distance at which the end of the history resembles itself most.
    fn find_period(&self) -> usize {
        let compared = COMPARED * self.per_ms;
        let (shortest, longest) = (PERIODS.0 * self.per_ms / 10, PERIODS.1 * self.per_ms / 10);
        let Some(end) = self.history.len().checked_sub(compared).filter(|end| *end >= longest) else {
            return self.history.len();
        };
        let recent = &self.history[end..];
        let likeness = |period: usize| {
            let (mut product, mut power) = (0i64, 1i64);
            for (&a, &b) in recent.iter().zip(&self.history[end - period..]) {
                product += i64::from(a) * i64::from(b);
                power += i64::from(b) * i64::from(b);
            }
            product as f64 / (power as f64).sqrt()
        };
        let periods = (shortest..=longest).map(|period| (period, likeness(period)));
        periods.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(longest, |(period, _)| period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure, tone};

    #[test]
    fn a_lost_frame_of_a_steady_sound_is_hardly_heard() {
        let sent = tone::sine(200.0, 8_000.0, 3_200);
        let mut conceal = Conceal::new(Rate::Narrow);
        let mut heard = Vec::new();
        for (index, frame) in sent.chunks(160).enumerate() {
            if index == 10 {
                conceal.bad(160, &mut heard);
            } else {
                let mut frame = frame.to_vec();
                conceal.good(&mut frame);
                heard.extend(frame);
            }
        }
        assert!(measure::snr_db(&sent, &heard) > 20.0, "{}", measure::snr_db(&sent, &heard));
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut conceal = Conceal::new(Rate::Wide);
        conceal.good(&mut tone::sine(200.0, 8_000.0, 3_200));
        let mut made_up = Vec::new();
        conceal.bad(16_000, &mut made_up);
        assert!(made_up[..160].iter().any(|sample| sample.unsigned_abs() > 4_000));
        assert!(made_up[960..].iter().all(|&sample| sample == 0));
        assert!(conceal.is_silent());
    }

    #[test]
    fn without_history_there_is_silence() {
        let mut made_up = Vec::new();
        Conceal::new(Rate::Narrow).bad(160, &mut made_up);
        assert_eq!(made_up, [0; 160]);
    }
}
