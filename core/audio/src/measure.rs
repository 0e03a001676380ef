//! Measures for tests and acceptance: is this the sound that was sent?

use std::f64::consts::TAU;

/// Returns the amplitude of one frequency in `samples` (Goertzel).
pub fn amplitude_at(hertz: f64, samples: &[i16]) -> f64 {
    let turn = TAU * hertz / 8_000.0;
    let factor = 2.0 * turn.cos();
    let (mut before, mut last) = (0.0, 0.0);
    for &sample in samples {
        let now = f64::from(sample) + factor * last - before;
        before = last;
        last = now;
    }
    let power = last * last + before * before - factor * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len().max(1) as f64
}

/// How well a heard signal fits a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Samples by which the reference lies later in what was heard.
    pub lag: usize,
    /// Normalised cross-correlation at that lag, 1.0 for the same shape.
    pub correlation: f64,
    /// Signal to noise in dB after a gain fit.
    pub snr_db: f64,
}

/// Samples of the reference that the search for the lag looks at.
const PROBE: usize = 4_000;

/// Finds where `reference` lies in `heard`, at a lag of up to `max_lag` samples, and how well it fits over the part
/// that both have.
pub fn fit(reference: &[i16], heard: &[i16], max_lag: usize) -> Fit {
    let probe = &reference[..reference.len().min(PROBE)];
    let mut best = (f64::MIN, 0);
    for lag in 0..=max_lag.min(heard.len().saturating_sub(1)) {
        let similar = correlation(probe, &heard[lag..]);
        if similar > best.0 {
            best = (similar, lag);
        }
    }
    let lag = best.1;
    let heard = heard.get(lag..).unwrap_or_default();
    Fit { lag, correlation: correlation(reference, heard), snr_db: snr_db(reference, heard) }
}

/// Returns the normalised correlation of two signals over their common length.
pub fn correlation(a: &[i16], b: &[i16]) -> f64 {
    let (mut product, mut power_a, mut power_b) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        product += a * b;
        power_a += a * a;
        power_b += b * b;
    }
    if power_a == 0.0 || power_b == 0.0 { 0.0 } else { product / (power_a * power_b).sqrt() }
}

/// Returns the signal-to-noise ratio in dB over the common length, after the gain that fits best.
pub fn snr_db(reference: &[i16], heard: &[i16]) -> f64 {
    let pairs = || reference.iter().zip(heard).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let signal: f64 = pairs().map(|(a, _)| a * a).sum();
    let heard_power: f64 = pairs().map(|(_, b)| b * b).sum();
    if signal == 0.0 || heard_power == 0.0 {
        return 0.0;
    }
    let gain = pairs().map(|(a, b)| a * b).sum::<f64>() / heard_power;
    let noise: f64 = pairs().map(|(a, b)| (a - gain * b).powi(2)).sum();
    10.0 * (signal / noise.max(1e-9)).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Law, tone};

    #[test]
    fn goertzel_hears_its_frequency_alone() {
        let samples = tone::sine(1_000.0, 8_000.0, 8_000);
        assert!((amplitude_at(1_000.0, &samples) - 8_000.0).abs() < 50.0);
        assert!(amplitude_at(1_100.0, &samples) < 50.0);
        assert!(amplitude_at(1_000.0, &[]) < 1.0);
    }

    #[test]
    fn a_delayed_and_companded_signal_fits_at_its_delay() {
        let sent = tone::speech_like(3, 16_000);
        for law in [Law::Mu, Law::A] {
            let mut heard = vec![0; 777];
            heard.extend(sent.iter().map(|&sample| law.decode(law.encode(sample))));
            let fit = fit(&sent, &heard, 2_000);
            assert_eq!(fit.lag, 777);
            assert!(fit.snr_db > 35.0 && fit.correlation > 0.999, "{fit:?}");
        }
    }

    #[test]
    fn another_signal_does_not_fit() {
        let fit = fit(&tone::speech_like(3, 8_000), &tone::speech_like(99, 8_000), 800);
        assert!(fit.snr_db < 6.0 && fit.correlation < 0.9, "{fit:?}");
    }
}
