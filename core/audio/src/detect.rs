//! Key presses heard in the sound itself (ITU-T Q.23, Q.24): pairs of tones found by Goertzel's filter.

use std::f32::consts::TAU;
use std::sync::LazyLock;

/// In Hz.
pub const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// In Hz.
pub const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Samples that are judged at once (12.75 ms): the usual size, a whole number of periods of most tones.
const BLOCK: usize = 102;
/// Blocks in a row that make a key (25 ms of the 40 that Q.24 asks to be heard).
const BEGIN: u8 = 2;
/// Blocks in a row without the key that end it.
const END: u8 = 3;
/// Loudness below which nothing is a key: -35 dBm0 per tone, as the power of a block.
const THRESHOLD: f32 = 3.0e7;
/// The higher tone may be this much louder (4 dB), the lower this much (8 dB).
const TWIST: (f32, f32) = (2.5, 6.3);
/// How much louder than the others of its group a tone is (8 dB).
const ALONE: f32 = 6.3;
/// Share of all sound that both tones make up together. Voices have more beside them.
const SHARE: f32 = 0.8;

static FACTORS: LazyLock<[f32; 8]> = LazyLock::new(|| {
    let mut factors = [0.0; 8];
    for (factor, hertz) in factors.iter_mut().zip(ROWS.into_iter().chain(COLUMNS)) {
        *factor = 2.0 * (TAU * hertz as f32 / crate::SAMPLE_RATE as f32).cos();
    }
    factors
});

/// Listens to one stream of 8 kHz.
#[derive(Clone, Debug, Default)]
pub struct Detector {
    state: [[f32; 2]; 8],
    energy: f32,
    filled: usize,
    candidate: Option<char>,
    seen: u8,
    pressed: Option<char>,
    missed: u8,
}

impl Detector {
    /// Hears `samples` and calls `press` for each key when its press begins.
    pub fn hear(&mut self, samples: &[i16], mut press: impl FnMut(char)) {
        let factors = &*FACTORS;
        for &sample in samples {
            let sample = f32::from(sample);
            self.energy += sample * sample;
            for ([last, before], factor) in self.state.iter_mut().zip(factors) {
                let now = sample + factor * *last - *before;
                (*before, *last) = (*last, now);
            }
            self.filled += 1;
            if self.filled == BLOCK {
                let heard = self.judge();
                if let Some(key) = self.follow(heard) {
                    press(key);
                }
                (self.state, self.energy, self.filled) = ([[0.0; 2]; 8], 0.0, 0);
            }
        }
    }

    /// Returns the key that one block sounds like.
    fn judge(&self) -> Option<char> {
        let mut powers = [0.0f32; 8];
        for ((power, [last, before]), factor) in powers.iter_mut().zip(self.state).zip(&*FACTORS) {
            *power = last * last + before * before - factor * last * before;
        }
        let (rows, columns) = powers.split_at(4);
        let (row, column) = (loudest(rows)?, loudest(columns)?);
        let (low, high) = (rows[row], columns[column]);
        let balanced = high <= low * TWIST.0 && low <= high * TWIST.1;
        // Two clean tones have half of all energy times the length of the block.
        let clean = low + high >= SHARE * self.energy * BLOCK as f32 / 2.0;
        (low >= THRESHOLD && high >= THRESHOLD && balanced && clean).then(|| KEYS[row][column])
    }

    /// Returns a key whose press begins with this block.
    fn follow(&mut self, heard: Option<char>) -> Option<char> {
        if self.pressed.is_some() {
            if heard == self.pressed {
                self.missed = 0;
                return None;
            }
            self.missed += 1;
            if self.missed < END && heard.is_none() {
                return None;
            }
        }
        if heard.is_none() || heard != self.candidate {
            if self.missed >= END {
                self.pressed = None;
            }
            (self.candidate, self.seen) = (heard, u8::from(heard.is_some()));
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        if self.seen != BEGIN || heard == self.pressed {
            return None;
        }
        (self.pressed, self.missed) = (heard, 0);
        heard
    }
}

/// Returns the loudest of a group if it stands out.
fn loudest(powers: &[f32]) -> Option<usize> {
    let (index, &most) = powers.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let alone = powers.iter().enumerate().all(|(other, &power)| other == index || power * ALONE <= most);
    alone.then_some(index)
}

/// Appends the two tones of a key, -9 dBm0 each, from sample `position` of the press; silence for what is no key.
pub fn tones(key: char, position: usize, samples: &mut [i16]) {
    let found = (0..4).find_map(|row| Some((row, KEYS[row].iter().position(|&known| known == key)?)));
    let Some((row, column)) = found else { return samples.fill(0) };
    for (index, sample) in samples.iter_mut().enumerate() {
        let time = (position + index) as f64 / f64::from(crate::SAMPLE_RATE);
        let wave = |hertz: f64| (std::f64::consts::TAU * hertz * time).sin();
        *sample = (7_000.0 * (wave(ROWS[row]) + wave(COLUMNS[column]))) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mix, tone};

    const ALL: &str = "123A456B789C*0#D";

    /// Keys of `on` samples with `off` between them.
    fn keys(keys: &str, on: usize, off: usize) -> Vec<i16> {
        let mut samples = vec![0; 333];
        for key in keys.chars() {
            let mut sound = vec![0; on];
            tones(key, 0, &mut sound);
            samples.extend(sound);
            samples.extend(vec![0; off]);
        }
        samples
    }

    fn heard(samples: &[i16]) -> String {
        let mut detector = Detector::default();
        let mut keys = String::new();
        for frame in samples.chunks(160) {
            detector.hear(frame, |key| keys.push(key));
        }
        keys
    }

    fn noise(seed: u32, peak: i32, samples: usize) -> Vec<i16> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        (0..samples).map(|_| (next() as i32 % (peak + 1)) as i16).collect()
    }

    #[test]
    fn all_keys_are_heard_once_in_any_usual_length() {
        for (on, off) in [(320, 320), (400, 400), (800, 400), (8_000, 800)] {
            assert_eq!(heard(&keys(ALL, on, off)), ALL, "{on} {off}");
        }
        assert_eq!(heard(&keys("5555", 640, 480)), "5555");
    }

    #[test]
    fn noise_does_not_hide_keys() {
        for seed in 1..20 {
            let mut samples = keys(ALL, 640, 480);
            // 20 dB below the tones.
            mix::add(&mut samples, &noise(seed, 1_500, 100_000));
            assert_eq!(heard(&samples), ALL, "{seed}");
        }
    }

    #[test]
    fn quiet_and_companded_keys_are_heard() {
        let quiet: Vec<i16> = keys(ALL, 480, 480).into_iter().map(|sample| sample / 12).collect();
        let law = crate::g711::Law::A;
        let companded: Vec<i16> = quiet.iter().map(|&sample| law.decode(law.encode(sample))).collect();
        assert_eq!(heard(&companded), ALL);
    }

    #[test]
    fn speech_noise_and_call_progress_tones_press_nothing() {
        for seed in 1..30 {
            assert_eq!(heard(&tone::speech_like(seed * 77, 80_000)), "", "{seed}");
        }
        assert_eq!(heard(&noise(9, 20_000, 400_000)), "");
        for hertz in [425.0, 440.0, 697.0, 941.0, 1_209.0, 1_633.0] {
            assert_eq!(heard(&tone::sine(hertz, 12_000.0, 16_000)), "");
        }
    }
}
