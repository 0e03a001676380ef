//! Speech-like sound that is the same on every run, and that tells who is speaking.

use std::f64::consts::TAU;

/// Samples per second of every signal here: the rate of G.711.
pub const RATE: u32 = audio::SAMPLE_RATE;

/// Length of a voice's clip in seconds. Pitches are whole hertz, so the clip repeats without a click.
pub const CLIP_SECONDS: u32 = 6;

/// Pitch of the lowest voice, in Hz.
const LOWEST_PITCH: u32 = 97;

/// Distance in Hz between the pitches of two neighbouring voices: far enough that their overtones
/// in the first formant (500-1,500 Hz) are told apart within a second.
const PITCH_STEP: u32 = 7;

/// Length of a syllable in samples.
const SYLLABLE: usize = 1600;

/// A speaker: overtones of one pitch, shaped by two moving formants into syllables, with a hiss between some of them.
///
/// The sound is no language, but it has what matters to a test: the spectrum and the pauses of speech,
/// a waveform that never looks like itself shifted, and a pitch that belongs to this speaker alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Voice(u8);

impl Voice {
    /// The recorded greeting of the answering machine.
    pub const MACHINE: Self = Self(0);

    /// How many voices there are.
    pub const COUNT: u8 = 20;

    /// Returns one of the [`Voice::COUNT`] voices; numbers beyond start over.
    pub const fn number(number: u8) -> Self {
        Self(number % Self::COUNT)
    }

    /// Returns the voice of an agent's extension: the last digit picks one of ten.
    pub fn of_agent(extension: &str) -> Self {
        Self(1 + last_digit(extension))
    }

    /// Returns the voice of the person who answers at `number`: the last digit picks one of nine.
    pub fn of_customer(number: &str) -> Self {
        Self(11 + last_digit(number) % 9)
    }

    /// Returns the number that [`Voice::number`] gives this voice for.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the pitch in Hz.
    pub fn pitch(self) -> u32 {
        LOWEST_PITCH + PITCH_STEP * u32::from(self.0)
    }

    /// Returns the clip of [`CLIP_SECONDS`] at [`RATE`], to be played over and over.
    pub fn clip(self) -> Vec<i16> {
        let length = (CLIP_SECONDS * RATE) as usize;
        let pitch = f64::from(self.pitch());
        let overtones = (3300 / self.pitch()) as usize;
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ (u64::from(self.0) << 32));
        let phases: Vec<f64> = (0..overtones).map(|_| chance.unit() * TAU).collect();
        let mut samples = Vec::with_capacity(length);
        while samples.len() < length {
            let spoken = chance.unit() > 0.15;
            let hiss = chance.unit() > 0.7;
            let (first, second) = (300.0 + 600.0 * chance.unit(), 1000.0 + 1300.0 * chance.unit());
            let weights: Vec<f64> = (1..=overtones)
                .map(|k| resonance(k as f64 * pitch, first, 90.0) + 0.5 * resonance(k as f64 * pitch, second, 140.0))
                .collect();
            for n in 0..SYLLABLE.min(length - samples.len()) {
                let at = n as f64 / SYLLABLE as f64;
                let envelope = if spoken { (at * TAU / 2.0).sin().powf(0.6) } else { 0.0 };
                let seconds = samples.len() as f64 / f64::from(RATE);
                let voiced: f64 = weights
                    .iter()
                    .zip(&phases)
                    .enumerate()
                    .map(|(k, (weight, phase))| weight * ((k + 1) as f64 * pitch * seconds * TAU + phase).sin())
                    .sum();
                let breath = if hiss && at > 0.85 { 0.25 * (chance.unit() - 0.5) } else { 0.0 };
                samples.push((7000.0 * (envelope * voiced + breath)).clamp(-32000.0, 32000.0) as i16);
            }
        }
        samples
    }

    /// Returns the part (0-1) of the signal's energy that lies on this voice's overtones.
    /// Needs about a second; silence gives 0.
    pub fn share_of(self, pcm: &[i16]) -> f64 {
        let energy: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
        if energy <= pcm.len() as f64 {
            return 0.0;
        }
        // Syllables come at 5 Hz and spread every overtone by as much, hence blocks of a fifth of a second.
        let on_pitch: f64 = pcm
            .chunks_exact(SYLLABLE)
            .map(|block| {
                let overtones = 1800 / self.pitch();
                (2..=overtones).map(|k| power_at(block, f64::from(k * self.pitch()))).sum::<f64>()
            })
            .sum();
        (on_pitch / energy).min(1.0)
    }

    /// Returns who speaks in the signal, `None` if it is no voice of the sandbox.
    pub fn heard_in(pcm: &[i16]) -> Option<Self> {
        (0..Self::COUNT)
            .map(|number| (Self(number), Self(number).share_of(pcm)))
            .filter(|(_, share)| *share > 0.35)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(voice, _)| voice)
    }
}

/// Returns the tone that an answering machine ends its greeting with: half a second of 1,000 Hz.
pub fn beep() -> Vec<i16> {
    (0..RATE / 2).map(|n| (9000.0 * (TAU * 1000.0 * f64::from(n) / f64::from(RATE)).sin()) as i16).collect()
}

/// Returns the mean level in dB below full scale; −96 for silence.
pub fn level_dbfs(pcm: &[i16]) -> f64 {
    if pcm.is_empty() {
        return -96.0;
    }
    let mean = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
    (10.0 * (mean / 32768.0f64.powi(2)).log10()).max(-96.0)
}

fn last_digit(number: &str) -> u8 {
    number.bytes().rev().find(u8::is_ascii_digit).map_or(0, |digit| digit - b'0')
}

/// Returns how loud a formant at `centre` Hz makes an overtone at `frequency` Hz, 0-1.
fn resonance(frequency: f64, centre: f64, width: f64) -> f64 {
    1.0 / (1.0 + ((frequency - centre) / width).powi(2))
}

/// Returns the energy of one frequency in the block (Goertzel), in the unit of the block's own energy.
fn power_at(block: &[i16], frequency: f64) -> f64 {
    let coefficient = 2.0 * (TAU * frequency / f64::from(RATE)).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in block {
        let next = f64::from(*sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    2.0 * (last * last + before * before - coefficient * last * before) / block.len() as f64
}

/// A small deterministic generator (xorshift64*): the clips must not change with a dependency's version.
struct Chance(u64);

impl Chance {
    /// Returns the next number in 0-1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voice_is_recognised_by_its_clip_and_by_a_second_from_the_middle() {
        for number in 0..Voice::COUNT {
            let voice = Voice::number(number);
            let clip = voice.clip();
            assert_eq!(Voice::heard_in(&clip), Some(voice), "{voice:?}");
            assert_eq!(Voice::heard_in(&clip[13_001..13_001 + 12_000]), Some(voice), "{voice:?} in part");
        }
    }

    #[test]
    fn silence_a_tone_and_noise_are_nobody() {
        let mut chance = Chance(7);
        let noise: Vec<i16> = (0..8000).map(|_| (8000.0 * (chance.unit() - 0.5)) as i16).collect();
        assert_eq!(Voice::heard_in(&[0; 8000]), None);
        assert_eq!(Voice::heard_in(&noise), None);
        assert_eq!(Voice::heard_in(&[]), None);
        assert!(level_dbfs(&[0; 8000]) < -90.0);
    }

    #[test]
    fn speech_is_as_loud_as_speech() {
        for number in 0..Voice::COUNT {
            let clip = Voice::number(number).clip();
            let level = level_dbfs(&clip);
            assert!((-32.0..-14.0).contains(&level), "voice {number}: {level:.1} dBFS");
            assert!(clip.iter().all(|s| s.unsigned_abs() < 32_000), "voice {number} clips");
            assert_eq!(clip, Voice::number(number).clip());
        }
    }

    #[test]
    fn agents_and_customers_never_share_a_voice() {
        for extension in ["1001", "1005", "1010"] {
            for number in ["84900000007", "84900000019", "84900000000"] {
                assert_ne!(Voice::of_agent(extension), Voice::of_customer(number));
            }
        }
    }
}
