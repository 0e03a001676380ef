//! Between 8 and 16 kHz by a half-band filter: 31 taps, of which every second is zero.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// Coefficients on either side of the middle.
const HALF: usize = 8;

/// What a sample between two others takes of its neighbours at distances of 1, 3, 5, … half samples.
static COEFFICIENTS: LazyLock<[f32; HALF]> = LazyLock::new(|| {
    let mut coefficients = [0.0; HALF];
    for (index, coefficient) in coefficients.iter_mut().enumerate() {
        let distance = index as f64 + 0.5;
        let sinc = (PI * distance).sin() / (PI * distance);
        // Blackman's window keeps what is folded back 60 dB down.
        let turn = PI * distance / HALF as f64;
        *coefficient = sinc * (0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos());
    }
    let sum: f64 = coefficients.iter().sum();
    coefficients.map(|coefficient| (coefficient / (2.0 * sum)) as f32)
});

/// From 8 to 16 kHz. Delays by 1 ms.
#[derive(Clone, Debug, Default)]
pub struct Doubler {
    tail: Vec<i16>,
}

/// From 16 to 8 kHz. Delays by 1 ms.
#[derive(Clone, Debug, Default)]
pub struct Halver {
    tail: Vec<i16>,
}

impl Doubler {
    /// Appends two samples for each of `samples`.
    pub fn process(&mut self, samples: &[i16], to: &mut Vec<i16>) {
        const TAIL: usize = 2 * HALF - 1;
        self.tail.resize(TAIL, 0);
        self.tail.extend_from_slice(samples);
        let coefficients = &*COEFFICIENTS;
        for window in self.tail.windows(TAIL + 1) {
            let (before, after) = window.split_at(HALF);
            let pairs = before.iter().rev().zip(after).zip(coefficients);
            let between: f32 = pairs.map(|((&a, &b), c)| c * (f32::from(a) + f32::from(b))).sum();
            to.push(before[HALF - 1]);
            to.push(between as i16);
        }
        let over = self.tail.len() - TAIL;
        self.tail.drain(..over);
    }
}

impl Halver {
    /// Appends one sample for each two of `samples`, whose count is even.
    pub fn process(&mut self, samples: &[i16], to: &mut Vec<i16>) {
        // One more than the filter needs: with the doubler the delay is a whole number of samples.
        const TAIL: usize = 4 * HALF - 1;
        const MIDDLE: usize = 2 * HALF - 1;
        self.tail.resize(TAIL, 0);
        self.tail.extend_from_slice(samples);
        let coefficients = &*COEFFICIENTS;
        for window in self.tail.windows(TAIL).step_by(2).take(samples.len() / 2) {
            let around: f32 = coefficients
                .iter()
                .enumerate()
                .map(|(index, c)| {
                    let distance = 2 * index + 1;
                    c * (f32::from(window[MIDDLE - distance]) + f32::from(window[MIDDLE + distance]))
                })
                .sum();
            to.push(((f32::from(window[MIDDLE]) + around) / 2.0) as i16);
        }
        let over = self.tail.len() - TAIL;
        self.tail.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure, tone};

    #[test]
    fn speech_survives_doubling_and_halving() {
        let sent = tone::speech_like(5, 16_000);
        let (mut doubler, mut halver) = (Doubler::default(), Halver::default());
        let mut back = Vec::new();
        for frame in sent.chunks(160) {
            let mut wide = Vec::new();
            doubler.process(frame, &mut wide);
            assert_eq!(wide.len(), 320);
            halver.process(&wide, &mut back);
        }
        assert_eq!(back.len(), sent.len());
        let fit = measure::fit(&sent, &back, 100);
        assert!(fit.snr_db > 35.0 && fit.lag <= 16, "{fit:?}");
    }

    #[test]
    fn what_8_khz_cannot_hold_is_taken_out() {
        let wide: Vec<i16> = (0..16_000)
            .map(|index| (8_000.0 * (2.0 * PI * 6_000.0 * f64::from(index) / 16_000.0).sin()) as i16)
            .collect();
        let mut narrow = Vec::new();
        Halver::default().process(&wide, &mut narrow);
        let loudest = narrow[100..].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(loudest < 40, "{loudest}");
    }

    #[test]
    fn doubling_adds_no_image_above_4_khz() {
        let mut wide = Vec::new();
        Doubler::default().process(&tone::sine(1_000.0, 8_000.0, 8_000), &mut wide);
        // `amplitude_at` counts at 8 kHz: 500 Hz is 1 kHz here, 3,500 Hz its image at 7 kHz.
        assert!((measure::amplitude_at(500.0, &wide) - 8_000.0).abs() < 100.0);
        assert!(measure::amplitude_at(3_500.0, &wide) < 40.0);
    }
}
