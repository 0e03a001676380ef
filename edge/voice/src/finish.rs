//! From an engine's sound to a clip: telephone band and rate, silence cut off, one level for all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use audio::{SAMPLE_RATE, convert::Converter, level, wav::Wav};

use crate::{Error, LEVEL, PEAK};

/// What is kept before and behind the sound.
const MARGIN: usize = SAMPLE_RATE as usize / 100;
/// What is quieter than this is silence, dB, once the loudest is at -3.
const FLOOR: f64 = -48.0;
/// Below the voice, Hz.
pub(crate) const LOW: f64 = 120.0;

/// Sound of one channel as an engine made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    /// In the measure of 16-bit samples.
    pub samples: Vec<f32>,
}

impl Sound {
    /// Reads a WAV file of 16 bits; two channels are mixed.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for anything else.
    pub fn from_wav(file: &[u8]) -> Result<Self, Error> {
        let wav = Wav::parse(file).map_err(|error| Error::Unreadable(error.to_string()))?;
        let channels: Vec<_> = (0..wav.channels).map(|channel| wav.channel(channel)).collect();
        let share = 1.0 / channels.len().max(1) as f32;
        let mix = |at: usize| channels.iter().map(|c| c.get(at).map_or(0.0, |s| f32::from(*s) * share)).sum();
        Ok(Self { rate: wav.rate, samples: (0..wav.frames()).map(mix).collect() })
    }

    /// Returns the same at telephone rate, within the telephone's band.
    pub(crate) fn narrow(&self) -> Result<Vec<f32>, Error> {
        let converter = converter(self.rate)?;
        let mut narrow = converter.convert(&self.samples);
        level::high_pass(&mut narrow, SAMPLE_RATE, LOW);
        Ok(narrow)
    }
}

/// Lowers the rate of a long sound second by second, so that only the result stays in memory.
pub(crate) struct Narrower {
    converter: Arc<Converter>,
    rate: usize,
    /// Samples before and behind a second that the filter needs, as many as make whole samples of the result.
    around: usize,
    /// Begins `around` before the next second.
    waiting: Vec<f32>,
    taken: u64,
    narrow: Vec<f32>,
}

impl Narrower {
    pub(crate) fn new(rate: u32) -> Result<Self, Error> {
        let converter = converter(rate)?;
        let whole = rate / common(rate, SAMPLE_RATE);
        let around = (converter.reach().next_multiple_of(whole as usize)).max(whole as usize);
        let waiting = vec![0.0; around];
        Ok(Self { converter, rate: rate as usize, around, waiting, taken: 0, narrow: Vec::new() })
    }

    pub(crate) const fn rate(&self) -> u32 {
        self.rate as u32
    }

    pub(crate) fn push(&mut self, samples: impl Iterator<Item = f32>) {
        let before = self.waiting.len();
        self.waiting.extend(samples);
        self.taken += (self.waiting.len() - before) as u64;
        while self.waiting.len() >= self.rate + 2 * self.around {
            self.second();
        }
    }

    pub(crate) fn end(mut self) -> Vec<f32> {
        let count = (self.taken * u64::from(SAMPLE_RATE)).div_ceil(self.rate as u64);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        while self.narrow.len() < count {
            self.waiting.resize(self.rate + 2 * self.around, 0.0);
            self.second();
        }
        self.narrow.truncate(count);
        self.narrow
    }

    fn second(&mut self) {
        let window = &self.waiting[..self.rate + 2 * self.around];
        let skip = self.around * SAMPLE_RATE as usize / self.rate;
        let converted = self.converter.convert(window);
        self.narrow.extend_from_slice(&converted[skip..skip + SAMPLE_RATE as usize]);
        self.waiting.drain(..self.rate);
    }
}

/// Returns the greatest common divisor.
fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

/// Makes a clip of speech.
pub(crate) fn speech(sound: &Sound) -> Result<Vec<i16>, Error> {
    let mut narrow = sound.narrow()?;
    let loudest = level::peak(&narrow);
    let floor = loudest + f64::from(PEAK) + FLOOR;
    let sounding = level::sounding(&narrow, SAMPLE_RATE, floor, MARGIN).ok_or(Error::Silent)?;
    narrow.truncate(sounding.end);
    narrow.drain(..sounding.start);
    if !level::bring_to(&mut narrow, SAMPLE_RATE, -f64::from(LEVEL), -f64::from(PEAK)) {
        return Err(Error::Silent);
    }
    soften(&mut narrow);
    Ok(level::samples(&narrow))
}

/// Lets the margins begin and end at nothing, so that no joint clicks.
fn soften(samples: &mut [f32]) {
    let ramp = (MARGIN / 2).min(samples.len() / 2);
    for index in 0..ramp {
        let gain = index as f32 / ramp as f32;
        samples[index] *= gain;
        let last = samples.len() - 1 - index;
        samples[last] *= gain;
    }
}

/// Returns the filter for a rate; each is made once.
fn converter(from: u32) -> Result<Arc<Converter>, Error> {
    /// Rates that are remembered: engines have a few, files might have any.
    const KEPT: usize = 16;
    static CONVERTERS: Mutex<Option<HashMap<u32, Arc<Converter>>>> = Mutex::new(None);
    let mut converters = CONVERTERS.lock().unwrap_or_else(PoisonError::into_inner);
    let converters = converters.get_or_insert_default();
    if let Some(converter) = converters.get(&from) {
        return Ok(Arc::clone(converter));
    }
    let made = Converter::new(from, SAMPLE_RATE);
    let made = Arc::new(made.ok_or_else(|| Error::Unreadable(format!("{from} samples a second")))?);
    if converters.len() < KEPT {
        converters.insert(from, Arc::clone(&made));
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use audio::{tone, wav};

    use super::*;

    fn sound(rate: u32, before: usize, behind: usize) -> Sound {
        let mut samples = vec![0.0; before];
        samples.extend(tone::speech_like(7, 12_000).into_iter().map(f32::from));
        samples.extend(vec![0.0; behind]);
        Sound { rate, samples }
    }

    #[test]
    fn a_clip_has_its_level_and_ten_milliseconds_of_silence() {
        for gain in [0.02, 1.0, 3.0] {
            let mut sound = sound(8_000, 4_000, 6_000);
            sound.samples.iter_mut().for_each(|sample| *sample *= gain);
            let clip = speech(&sound).unwrap();
            // The last 400 samples of the signal are silent themselves, its edges soft.
            assert!(clip.len().abs_diff(11_600 + 2 * MARGIN) < 400, "{}", clip.len());
            let clip: Vec<f32> = clip.into_iter().map(f32::from).collect();
            let level = level::active(&clip, SAMPLE_RATE).unwrap();
            assert!((level + 20.0).abs() <= 1.0 && level::peak(&clip) <= -2.99, "{level}");
        }
    }

    #[test]
    fn silence_and_odd_rates_are_errors() {
        let silence = Sound { rate: 22_050, samples: vec![0.0; 22_050] };
        assert!(matches!(speech(&silence), Err(Error::Silent)));
        assert!(matches!(speech(&Sound { rate: 22_050, samples: Vec::new() }), Err(Error::Silent)));
        assert!(matches!(speech(&sound(1, 0, 0)), Err(Error::Unreadable(_))));
    }

    #[test]
    fn a_long_sound_is_lowered_second_by_second_as_if_at_once() {
        for rate in [8_000, 11_025, 44_100, 44_101] {
            let samples: Vec<f32> = tone::speech_like(5, 100_000).into_iter().map(f32::from).collect();
            let whole = Converter::new(rate, SAMPLE_RATE).unwrap().convert(&samples);
            let mut narrower = Narrower::new(rate).unwrap();
            for part in samples.chunks(1_152) {
                narrower.push(part.iter().copied());
            }
            let parts = narrower.end();
            assert_eq!(parts.len(), whole.len(), "{rate}");
            let most = parts.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(most < 0.5, "{rate}: {most}");
        }
    }

    #[test]
    fn two_channels_are_mixed() {
        let header = wav::Header { channels: 2, rate: 8_000, data: 8 };
        let file = [&header.bytes()[..], &[100, 0, 200, 0, 0, 0, 100, 0]].concat();
        assert_eq!(Sound::from_wav(&file).unwrap().samples, [150.0, 50.0]);
        assert!(matches!(Sound::from_wav(b"ID3"), Err(Error::Unreadable(_))));
    }
}
