//! From any sampling rate to another, for whole sounds: what voices render and files hold becomes telephone sound.
//!
//! One low-pass filter, a sinc under Blackman's window, is kept as a table of phases; a sample between two phases takes
//! the line between them. So every ratio costs the same memory, also that of 44,101 to 8,000.

use std::f64::consts::PI;

/// Phases of the table between two samples of the source.
const PHASES: usize = 256;
/// What is let through, as a part of half the lower rate: 3,600 Hz of 4,000.
const PASS: f64 = 0.9;
/// Rates that are taken, samples a second.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// A filter between two rates, made once and used for many sounds.
#[derive(Clone, Debug)]
pub struct Converter {
    from: u32,
    to: u32,
    /// Samples of the source on either side of the middle.
    half: usize,
    /// `PHASES + 1` rows of `2 * half` coefficients.
    table: Vec<f32>,
}

impl Converter {
    /// Makes the filter; `None` for a rate outside of [`RATES`].
    pub fn new(from: u32, to: u32) -> Option<Self> {
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return None;
        }
        let lower = f64::from(from.min(to));
        // The window's main lobe lies between what passes and the first frequency that would be folded back.
        let transition = (1.0 - PASS) * lower / 2.0;
        let half = (2.75 * f64::from(from) / transition).ceil() as usize;
        // The middle of the transition, in cycles per sample of the source.
        let cutoff = (1.0 + PASS) / 4.0 * lower / f64::from(from);
        let mut table = Vec::with_capacity((PHASES + 1) * 2 * half);
        for phase in 0..=PHASES {
            let shift = phase as f64 / PHASES as f64;
            let row = table.len();
            for tap in 0..2 * half {
                let distance = tap as f64 - (half as f64 - 1.0) - shift;
                table.push(coefficient(distance, cutoff, half as f64) as f32);
            }
            // A constant stays what it is in every phase.
            let sum: f32 = table[row..].iter().sum();
            table[row..].iter_mut().for_each(|coefficient| *coefficient /= sum);
        }
        Some(Self { from, to, half, table })
    }

    /// Returns how many samples of the source on either side of a place are heard in it.
    pub const fn reach(&self) -> usize {
        if self.from == self.to { 0 } else { self.half }
    }

    /// Converts a whole sound. The result has no delay, and as many samples as its duration asks for, rounded up.
    pub fn convert(&self, samples: &[f32]) -> Vec<f32> {
        if self.from == self.to {
            return samples.to_vec();
        }
        let count = (samples.len() as u64 * u64::from(self.to)).div_ceil(u64::from(self.from));
        (0..count).map(|index| self.at(samples, index)).collect()
    }

    /// Returns one sample of the result.
    fn at(&self, samples: &[f32], index: u64) -> f32 {
        let scaled = index * u64::from(self.from);
        let (whole, rest) = (scaled / u64::from(self.to), scaled % u64::from(self.to));
        let between = rest as f32 * PHASES as f32 / self.to as f32;
        let phase = (between as usize).min(PHASES - 1);
        let towards = between - phase as f32;
        let width = 2 * self.half;
        let (near, far) = self.table[phase * width..(phase + 2) * width].split_at(width);
        // Silence stands before the first sample and behind the last.
        let whole = usize::try_from(whole).unwrap_or(usize::MAX);
        let skip = (self.half - 1).saturating_sub(whole);
        let start = (whole + 1).saturating_sub(self.half);
        let window = samples.get(start..).unwrap_or_default();
        let taps = near.iter().zip(far).skip(skip);
        taps.zip(window).map(|((near, far), sample)| (near + (far - near) * towards) * sample).sum()
    }
}

fn coefficient(distance: f64, cutoff: f64, half: f64) -> f64 {
    if distance.abs() >= half {
        return 0.0;
    }
    let angle = 2.0 * PI * cutoff * distance;
    let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
    let turn = PI * distance / half;
    sinc * (0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let count = (f64::from(rate) * seconds) as u32;
        (0..count)
            .map(|index| (8_000.0 * (2.0 * PI * hertz * f64::from(index) / f64::from(rate)).sin()) as f32)
            .collect()
    }

    /// The amplitude without the edges, where the sine begins and ends.
    fn amplitude(hertz: f64, samples: &[f32]) -> f64 {
        let samples: Vec<i16> = samples[800..samples.len() - 800].iter().map(|sample| *sample as i16).collect();
        crate::measure::amplitude_at(hertz, &samples)
    }

    #[test]
    fn what_passes_keeps_its_level_and_what_would_fold_back_is_gone() {
        for from in [11_025, 16_000, 22_050, 24_000, 44_100, 44_101, 48_000] {
            let converter = Converter::new(from, 8_000).unwrap();
            for hertz in [200.0, 1_000.0, 3_400.0, 3_600.0] {
                let heard = amplitude(hertz, &converter.convert(&sine(hertz, from, 1.0)));
                assert!((heard - 8_000.0).abs() < 100.0, "{from} {hertz}: {heard}");
            }
            for hertz in [4_100.0, 4_600.0, 5_400.0] {
                let folded = converter.convert(&sine(hertz, from, 1.0));
                let heard = amplitude(8_000.0 - hertz, &folded);
                assert!(heard < 20.0, "{from} {hertz}: {heard}");
            }
        }
    }

    #[test]
    fn a_sound_keeps_its_duration_and_its_place() {
        for from in [8_000, 16_000, 22_050, 44_100] {
            let converter = Converter::new(from, 8_000).unwrap();
            let mut click = vec![0.0; from as usize];
            click[from as usize / 2] = 10_000.0;
            let heard = converter.convert(&click);
            assert_eq!(heard.len(), 8_000, "{from}");
            let loudest = heard.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).unwrap().0;
            assert!(loudest.abs_diff(4_000) <= 1, "{from}: {loudest}");
        }
    }

    #[test]
    fn a_lower_rate_is_filled_up_without_images() {
        let heard = Converter::new(6_000, 8_000).unwrap().convert(&sine(1_000.0, 6_000, 1.0));
        assert!((amplitude(1_000.0, &heard) - 8_000.0).abs() < 100.0);
        assert!(amplitude(3_000.0, &heard) < 20.0);
    }

    #[test]
    fn odd_rates_are_refused_and_nothing_stays_nothing() {
        assert!(Converter::new(0, 8_000).is_none());
        assert!(Converter::new(1_000_000, 8_000).is_none());
        assert!(Converter::new(22_050, 8_000).unwrap().convert(&[]).is_empty());
        assert_eq!(Converter::new(22_050, 8_000).unwrap().convert(&[1.0]).len(), 1);
    }
}
