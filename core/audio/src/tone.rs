//! Call progress tones at 425 Hz (ETSI TR 101 041-2; the cadences of Vietnam in ITU-T E.180 supplement 2).

use std::f64::consts::TAU;
use std::sync::LazyLock;

/// The tones that a caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// The far phone rings: 1 s on, 4 s off.
    Ringback,
    /// The far end is busy: 0.5 s on, 0.5 s off.
    Busy,
    /// The call cannot be set up: 0.25 s on, 0.25 s off.
    Congestion,
}

/// In Hz.
pub const FREQUENCY: f64 = 425.0;

/// -10 dBm0, where a sine of full scale is 3.14 dBm0.
const AMPLITUDE: f64 = 7_218.0;

/// 17 periods of 425 Hz are exactly 320 samples.
const TURN: usize = 320;

static SINE: LazyLock<[i16; TURN]> = LazyLock::new(|| {
    let mut turn = [0; TURN];
    for (index, sample) in turn.iter_mut().enumerate() {
        *sample = (AMPLITUDE * (TAU * 17.0 * index as f64 / TURN as f64).sin()) as i16;
    }
    turn
});

impl Tone {
    /// Returns the samples of sound, and of sound and silence together.
    pub const fn cadence(self) -> (u64, u64) {
        match self {
            Self::Ringback => (8_000, 40_000),
            Self::Busy => (4_000, 8_000),
            Self::Congestion => (2_000, 4_000),
        }
    }

    /// Fills `to` with the tone from sample `position` of its endless run.
    pub fn fill(self, position: u64, to: &mut [i16]) {
        let (on, cycle) = self.cadence();
        for (at, sample) in (position..).zip(to) {
            let within = at % cycle;
            *sample = if within < on { SINE[(within % TURN as u64) as usize] } else { 0 };
        }
    }
}

/// Returns a sine of the given frequency and peak.
pub fn sine(hertz: f64, peak: f64, samples: usize) -> Vec<i16> {
    (0..samples).map(|index| (peak * (TAU * hertz * index as f64 / 8_000.0).sin()) as i16).collect()
}

/// Returns a signal shaped like speech: syllables of moving pitch with pauses between. For tests and simulated phones.
pub fn speech_like(seed: u32, samples: usize) -> Vec<i16> {
    let mut state = seed | 1;
    let mut phase = [0.0f64; 3];
    let mut pitch = 120.0;
    let mut out = Vec::with_capacity(samples);
    for index in 0..samples {
        let within = index % 2_400;
        if within == 0 {
            // xorshift32: the same seed makes the same signal.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            pitch = 90.0 + f64::from(state % 180);
        }
        let envelope = if within < 2_000 { (TAU * within as f64 / 4_000.0).sin() } else { 0.0 };
        let mut sum = 0.0;
        for (harmonic, phase) in phase.iter_mut().enumerate() {
            *phase += TAU * pitch * (1 + 3 * harmonic) as f64 / 8_000.0;
            sum += phase.sin() / (1 + harmonic) as f64;
        }
        out.push((sum * envelope * 6_000.0) as i16);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure;

    #[test]
    fn each_tone_sounds_at_425_hz_and_then_is_silent() {
        for (tone, on_ms, off_ms) in
            [(Tone::Ringback, 1_000, 4_000), (Tone::Busy, 500, 500), (Tone::Congestion, 250, 250)]
        {
            let (on, cycle) = tone.cadence();
            assert_eq!((on / 8, (cycle - on) / 8), (on_ms, off_ms));
            let mut samples = vec![0; cycle as usize * 2];
            tone.fill(0, &mut samples);
            let (sound, silence) = samples[..cycle as usize].split_at(on as usize);
            assert!((measure::amplitude_at(FREQUENCY, sound) - AMPLITUDE).abs() < 100.0);
            assert!(silence.iter().all(|&sample| sample == 0));
            assert_eq!(samples[..cycle as usize], samples[cycle as usize..]);
        }
    }

    #[test]
    fn pieces_join_without_a_seam() {
        let mut whole = [0; 8_100];
        Tone::Busy.fill(0, &mut whole);
        let mut pieces = [0; 8_100];
        for (index, piece) in pieces.chunks_mut(81).enumerate() {
            Tone::Busy.fill(index as u64 * 81, piece);
        }
        assert_eq!(whole, pieces);
    }
}
