//! How loud speech is, and bringing it to a level: the active speech level of ITU-T P.56 (method B), which counts the
//! time in which somebody speaks, so that a pause makes nobody louder.
//!
//! Levels are in dB below the loudest square wave of 16 bits (dBov): a full sine has -3.

use std::ops::Range;

/// Full scale.
const FULL: f64 = 32_768.0;
/// Time constant of the envelope, seconds.
const SMOOTH: f64 = 0.03;
/// How long speech goes on after the envelope fell below a threshold, seconds.
const HANGOVER: f64 = 0.2;
/// Speech is active where the envelope is this far below the level that results, dB.
const MARGIN: f64 = 15.9;
/// Thresholds, each half of the one before, from full scale down.
const THRESHOLDS: usize = 15;

/// Returns the active speech level; `None` for silence.
pub fn active(samples: &[f32], rate: u32) -> Option<f64> {
    let decay = (-1.0 / (SMOOTH * f64::from(rate))).exp();
    let hangover = (HANGOVER * f64::from(rate)) as usize;
    let (mut first, mut envelope, mut energy) = (0.0, 0.0, 0.0);
    // For each threshold: samples that were active, and how long ago the envelope was above it.
    let mut counts = [(0usize, usize::MAX); THRESHOLDS];
    for &sample in samples {
        let sample = f64::from(sample);
        energy += sample * sample;
        first = decay * first + (1.0 - decay) * sample.abs();
        envelope = decay * envelope + (1.0 - decay) * first;
        let mut threshold = FULL / 2.0;
        for (active, since) in &mut counts {
            *since = if envelope >= threshold { 0 } else { since.saturating_add(1) };
            if *since < hangover {
                *active += 1;
            }
            threshold /= 2.0;
        }
    }
    if energy == 0.0 {
        return None;
    }
    let decibels = |power: f64| 10.0 * power.log10();
    let full = decibels(FULL * FULL);
    let mut before: Option<(f64, f64)> = None;
    // From loud to quiet: the higher the threshold, the closer it lies to the level of what is above it.
    for (index, &(active, _)) in counts.iter().enumerate() {
        if active == 0 {
            continue;
        }
        let level = decibels(energy / active as f64) - full;
        let threshold = -decibels(4.0) * (index as f64 + 1.0);
        let over = level - threshold;
        if over >= MARGIN {
            let Some((louder, less)) = before else { return Some(level) };
            let part = (MARGIN - less) / (over - less);
            return Some(louder + part * (level - louder));
        }
        before = Some((level, over));
    }
    before.map(|(level, _)| level)
}

/// Returns the highest amplitude, dB below full scale; minus infinity for silence.
pub fn peak(samples: &[f32]) -> f64 {
    20.0 * (samples.iter().fold(0.0f64, |most, sample| most.max(f64::from(sample.abs()))) / FULL).log10()
}

/// Brings speech to an active level, with peaks of at most `peak`; both in dB, such as -20 and -3.
/// False, and nothing is changed, for silence.
pub fn bring_to(samples: &mut [f32], rate: u32, level: f64, peak: f64) -> bool {
    let ceiling = (FULL * 10f64.powf(peak / 20.0)) as f32;
    let mut was = active(samples, rate);
    if was.is_none() {
        return false;
    }
    // Where peaks are held down the level falls a little, so the gain is found in some steps.
    for _ in 0..4 {
        let Some(now) = was else { return true };
        if (now - level).abs() < 0.1 {
            break;
        }
        let gain = 10f64.powf((level - now) / 20.0) as f32;
        samples.iter_mut().for_each(|sample| *sample *= gain);
        limit(samples, rate, ceiling);
        was = active(samples, rate);
    }
    limit(samples, rate, ceiling);
    true
}

/// Holds peaks down: the gain goes down within 2 ms before one and comes back within 2 ms after it.
fn limit(samples: &mut [f32], rate: u32, ceiling: f32) {
    let reach = (rate as usize / 500).max(1);
    let mut gains = vec![1.0f32; samples.len()];
    let mut any = false;
    for (at, sample) in samples.iter().enumerate().filter(|(_, sample)| sample.abs() > ceiling) {
        any = true;
        let least = ceiling / sample.abs();
        let (from, to) = (at.saturating_sub(reach), (at + reach + 1).min(gains.len()));
        for (near, gain) in gains[from..to].iter_mut().enumerate() {
            let away = (from + near).abs_diff(at) as f32 / (reach + 1) as f32;
            *gain = gain.min(least + (1.0 - least) * away);
        }
    }
    if any {
        samples.iter_mut().zip(gains).for_each(|(sample, gain)| *sample *= gain);
    }
}

/// Takes out what lies below the voice: hum and a constant, by a high-pass of second order (Butterworth).
pub fn high_pass(samples: &mut [f32], rate: u32, hertz: f64) {
    let turn = (std::f64::consts::PI * hertz / f64::from(rate)).tan();
    let scale = 1.0 / (1.0 + std::f64::consts::SQRT_2 * turn + turn * turn);
    let (near, far) =
        (2.0 * (turn * turn - 1.0) * scale, (1.0 - std::f64::consts::SQRT_2 * turn + turn * turn) * scale);
    let (mut before, mut earlier) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) - near * before - far * earlier;
        *sample = (scale * (now - 2.0 * before + earlier)) as f32;
        (earlier, before) = (before, now);
    }
}

/// Returns where there is sound: from the first 5 ms that are louder than `floor` dB to the last, with `margin` samples
/// on either side. `None` if it is all quieter.
pub fn sounding(samples: &[f32], rate: u32, floor: f64, margin: usize) -> Option<Range<usize>> {
    let width = (rate as usize / 200).max(1);
    let least = (FULL * 10f64.powf(floor / 20.0)).powi(2);
    let is_loud = |window: &[f32]| {
        let power: f64 = window.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        power / window.len() as f64 > least
    };
    let first = samples.chunks(width).position(is_loud)? * width;
    let last = samples.chunks(width).rposition(is_loud)? * width;
    Some(first.saturating_sub(margin)..(last + width + margin).min(samples.len()))
}

/// Rounds to 16 bits.
pub fn samples(sound: &[f32]) -> Vec<i16> {
    sound.iter().map(|sample| sample.round() as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    fn voice(length: usize) -> Vec<f32> {
        tone::speech_like(3, length).into_iter().map(f32::from).collect()
    }

    #[test]
    fn a_steady_tone_has_its_own_level() {
        let sine: Vec<f32> = tone::sine(1_000.0, 3_276.8, 16_000).into_iter().map(f32::from).collect();
        // A tenth of full scale is -20, the effective value of a sine 3 below.
        let level = active(&sine, 8_000).unwrap();
        assert!((level + 23.0).abs() < 0.3, "{level}");
        assert!((peak(&sine) + 20.0).abs() < 0.1);
    }

    #[test]
    fn pauses_do_not_count() {
        let speech = voice(16_000);
        let mut with_pause = speech.clone();
        with_pause.extend(vec![0.0; 32_000]);
        with_pause.extend(&speech);
        let (all, part) = (active(&with_pause, 8_000).unwrap(), active(&speech, 8_000).unwrap());
        assert!((all - part).abs() < 1.0, "{all} {part}");
        assert_eq!(active(&vec![0.0; 8_000], 8_000), None);
        assert_eq!(active(&[], 8_000), None);
    }

    #[test]
    fn speech_is_brought_to_its_level_and_peaks_are_held_down() {
        for (gain, length) in [(0.01, 16_000), (0.3, 2_400), (1.0, 16_000), (1.0, 1_600)] {
            let mut speech: Vec<f32> = voice(length).into_iter().map(|sample| sample * gain).collect();
            // A peak that no gain would leave below the ceiling.
            speech[length / 2] = speech[length / 2].max(3_000.0 * gain) * 8.0;
            assert!(bring_to(&mut speech, 8_000, -20.0, -3.0));
            let (level, peak) = (active(&speech, 8_000).unwrap(), peak(&speech));
            assert!((level + 20.0).abs() <= 1.0 && peak <= -2.99, "{gain} {length}: {level} {peak}");
        }
        let mut silence = vec![0.0; 800];
        assert!(!bring_to(&mut silence, 8_000, -20.0, -3.0));
    }

    #[test]
    fn a_constant_and_hum_are_taken_out_and_the_voice_stays() {
        let mix = |hertz: f64| -> f64 {
            let mut sound: Vec<f32> =
                tone::sine(hertz, 8_000.0, 16_000).into_iter().map(|sample| f32::from(sample) + 500.0).collect();
            high_pass(&mut sound, 8_000, 120.0);
            let mean = sound[8_000..].iter().sum::<f32>() / 8_000.0;
            assert!(mean.abs() < 5.0, "{mean}");
            crate::measure::amplitude_at(hertz, &samples(&sound[8_000..]))
        };
        assert!(mix(50.0) < 1_600.0);
        assert!(mix(1_000.0) > 7_900.0);
    }

    #[test]
    fn silence_around_a_sound_is_found() {
        let mut sound = vec![0.0; 2_400];
        sound.extend(tone::sine(500.0, 5_000.0, 800).into_iter().map(f32::from));
        sound.extend(vec![0.0; 2_400]);
        let range = sounding(&sound, 8_000, -50.0, 80).unwrap();
        assert_eq!(range, 2_320..3_280);
        assert_eq!(sounding(&sound[..2_000], 8_000, -50.0, 80), None);
        assert_eq!(sounding(&sound[2_400..3_200], 8_000, -50.0, 80), Some(0..800));
    }
}
