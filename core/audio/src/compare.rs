//! Is this the sound that was to be heard? Told so strictly that one wrong word fails, and so that packets of the
//! telephone, which compress it, do not.

use crate::{FRAME, measure};

/// Signal to noise that G.711 leaves, dB: it was measured at 37 and more.
pub const SNR: f64 = 30.0;
pub const CORRELATION: f64 = 0.995;
/// Signal to noise of the worst 20 ms, dB.
pub const WORST: f64 = 15.0;

/// Effective value below which 20 ms are a pause, which has no ratio of its own: -45 dB.
const QUIET: f64 = 184.0;
/// Effective value of what may be heard in a pause: -55 dB.
const HUSH: f64 = 58.0;

/// How what was heard fits what was expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Samples by which it began later.
    pub lag: usize,
    /// Over the whole, 1.0 for the same shape.
    pub correlation: f64,
    /// Over the whole, dB.
    pub snr_db: f64,
    /// Of the 20 ms that fit worst, dB.
    pub worst_db: f64,
    /// Where those are, samples into what was expected.
    pub worst_at: usize,
    /// Samples at the end that were expected and not heard.
    pub missing: usize,
}

impl Comparison {
    /// Returns whether it is the same sound.
    pub fn is_same(&self) -> bool {
        self.missing == 0 && self.correlation >= CORRELATION && self.snr_db >= SNR && self.worst_db >= WORST
    }
}

/// Looks for `expected` in `heard`, at a lag of up to `max_lag` samples, and compares all of it, 20 ms by 20 ms.
pub fn compare(expected: &[i16], heard: &[i16], max_lag: usize) -> Comparison {
    let fit = measure::fit(expected, heard, max_lag);
    let heard = heard.get(fit.lag..).unwrap_or_default();
    let product: f64 = expected.iter().zip(heard).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let power: f64 = heard.iter().take(expected.len()).map(|sample| f64::from(*sample).powi(2)).sum();
    let gain = if power == 0.0 { 0.0 } else { product / power };
    let (mut worst_db, mut worst_at) = (f64::INFINITY, 0);
    let frames = expected.chunks(FRAME).zip(heard.chunks(FRAME));
    for (index, (expected, heard)) in frames.filter(|(expected, heard)| expected.len() == heard.len()).enumerate() {
        let effective = |power: f64| (power / expected.len() as f64).sqrt();
        let signal = effective(expected.iter().map(|sample| f64::from(*sample).powi(2)).sum());
        let pairs = expected.iter().zip(heard);
        let noise = effective(pairs.map(|(a, b)| (f64::from(*a) - gain * f64::from(*b)).powi(2)).sum());
        if signal < QUIET && noise < HUSH {
            continue;
        }
        // What is heard in a pause counts as if it stood beside the quietest speech.
        let ratio = 20.0 * (signal.max(HUSH) / noise.max(1e-3)).log10();
        if ratio < worst_db {
            (worst_db, worst_at) = (ratio, index * FRAME);
        }
    }
    Comparison {
        lag: fit.lag,
        correlation: fit.correlation,
        snr_db: fit.snr_db,
        worst_db,
        worst_at,
        missing: expected.len().saturating_sub(heard.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Law, tone};

    fn speech() -> Vec<i16> {
        let mut speech = tone::speech_like(3, 16_000);
        speech[6_000..8_000].fill(0);
        speech
    }

    fn through(law: Law, sound: &[i16]) -> Vec<i16> {
        sound.iter().map(|&sample| law.decode(law.encode(sample))).collect()
    }

    #[test]
    fn the_telephone_leaves_a_sound_the_same() {
        let sent = speech();
        for law in [Law::A, Law::Mu] {
            let heard = [vec![0; 700], through(law, &sent)].concat();
            let fit = compare(&sent, &heard, 1_600);
            assert!(fit.is_same() && fit.lag == 700, "{fit:?}");
        }
    }

    #[test]
    fn a_wrong_word_a_lost_packet_and_a_sound_in_a_pause_are_noticed() {
        let sent = speech();
        let heard = through(Law::A, &sent);
        let other = tone::speech_like(99, 16_000);
        let mut word = heard.clone();
        word[10_000..12_400].copy_from_slice(&other[..2_400]);
        let mut lost = heard.clone();
        lost[12_000..12_160].fill(0);
        let mut noise = heard.clone();
        noise[6_400..6_560].copy_from_slice(&other[..160]);
        let mut splice = heard.clone();
        splice.drain(9_000..9_480);
        for (name, heard) in [("word", word), ("lost", lost), ("noise", noise), ("splice", splice)] {
            let fit = compare(&sent, &heard, 1_600);
            assert!(!fit.is_same(), "{name}: {fit:?}");
        }
    }

    #[test]
    fn a_sound_that_ends_early_is_not_the_same() {
        let sent = speech();
        let fit = compare(&sent, &sent[..15_900], 100);
        assert!(fit.missing == 100 && !fit.is_same(), "{fit:?}");
        assert!(!compare(&sent, &[], 100).is_same());
    }
}
