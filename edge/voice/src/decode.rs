//! Files of others become telephone sound: what people upload and what vendors send.

use std::{io::Cursor, time::Duration};

use audio::{SAMPLE_RATE, level};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error as Fault,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

use crate::{
    Error, Sound,
    finish::{LOW, Narrower},
};

/// What is taken at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub bytes: usize,
    /// Of the decoded sound: a small file may hold hours of silence.
    pub duration: Duration,
}

impl Bounds {
    /// For files that people upload: 20 MB, ten minutes.
    pub const UPLOAD: Self = Self { bytes: 20_000_000, duration: Duration::from_mins(10) };
    /// For one answer of a vendor: 20 MB, five minutes.
    pub const ANSWER: Self = Self { bytes: 20_000_000, duration: Duration::from_mins(5) };
}

/// Channels of one file; what is more is no telephone announcement.
const MOST_CHANNELS: usize = 8;

/// Decodes WAV, FLAC, MP3, M4A (AAC) and Ogg (Vorbis) to 8 kHz, one channel, within the telephone's band. The level
/// stays what it was. Nothing is held in memory beyond the file and the result. Blocks for as long as it takes.
///
/// # Errors
/// [`Error::Unreadable`] for anything that is none of these, is damaged or goes beyond the bounds.
pub fn decode(file: Vec<u8>, bounds: Bounds) -> Result<Vec<i16>, Error> {
    let mut sound = Narrow::default();
    each_packet(file, bounds, |samples, channels, rate| sound.push(samples, channels, rate))?;
    let mut narrow = sound.narrower.map(Narrower::end).unwrap_or_default();
    if narrow.is_empty() {
        return Err(Error::Unreadable("there is no sound in it".to_owned()));
    }
    level::high_pass(&mut narrow, SAMPLE_RATE, LOW);
    Ok(level::samples(&narrow))
}

/// Decodes to the rate that the file has.
pub(crate) fn sound(file: Vec<u8>, bounds: Bounds) -> Result<Sound, Error> {
    let mut sound = Sound { rate: 0, samples: Vec::new() };
    each_packet(file, bounds, |samples, channels, rate| {
        if sound.rate != 0 && sound.rate != rate {
            return Err(changes());
        }
        sound.rate = rate;
        sound.samples.extend(mono(samples, channels));
        Ok(())
    })?;
    Ok(sound)
}

#[derive(Default)]
struct Narrow {
    narrower: Option<Narrower>,
}

impl Narrow {
    fn push(&mut self, samples: &[f32], channels: usize, rate: u32) -> Result<(), Error> {
        let narrower = match &mut self.narrower {
            Some(narrower) => narrower,
            None => self.narrower.insert(Narrower::new(rate)?),
        };
        if narrower.rate() != rate {
            return Err(changes());
        }
        narrower.push(mono(samples, channels));
        Ok(())
    }
}

fn changes() -> Error {
    Error::Unreadable("its rate changes".to_owned())
}

/// Hands over interleaved samples of full scale 1, channels and rate.
fn each_packet(
    file: Vec<u8>,
    bounds: Bounds,
    take: impl FnMut(&[f32], usize, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    if file.len() > bounds.bytes {
        return Err(Error::Unreadable(format!("{} bytes, {} is the limit", file.len(), bounds.bytes)));
    }
    // The decoders are made for files that somebody wants to hear; what is made to break them must end here.
    let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decoded(file, bounds, take)));
    decoded.unwrap_or_else(|_| Err(Error::Unreadable("it is damaged".to_owned())))
}

fn decoded(
    file: Vec<u8>,
    bounds: Bounds,
    mut take: impl FnMut(&[f32], usize, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    let unreadable = |fault: Fault| Error::Unreadable(fault.to_string());
    let stream = MediaSourceStream::new(Box::new(Cursor::new(file)), Default::default());
    let (how, tags) = (FormatOptions::default(), MetadataOptions::default());
    let mut format = symphonia::default::get_probe().probe(&Hint::new(), stream, how, tags).map_err(unreadable)?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| Error::Unreadable("no sound in it".to_owned()))?;
    let id = track.id;
    let codec = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let codec = codec.ok_or_else(|| Error::Unreadable("of an unknown kind".to_owned()))?;
    let how = AudioDecoderOptions::default();
    let mut decoder = symphonia::default::get_codecs().make_audio_decoder(codec, &how).map_err(unreadable)?;
    let mut samples: Vec<f32> = Vec::new();
    // Millionths of a second, by the rate of each packet.
    let (mut heard, most) = (0u128, bounds.duration.as_micros());
    let (mut good, mut bad) = (0u32, 0u32);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file that was cut is read as far as it goes.
            Err(Fault::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof && good > 0 => break,
            Err(fault) => return Err(unreadable(fault)),
        };
        if packet.track_id != id {
            continue;
        }
        let sound = match decoder.decode(&packet) {
            Ok(sound) => sound,
            Err(Fault::DecodeError(_)) => {
                bad += 1;
                continue;
            }
            Err(fault) => return Err(unreadable(fault)),
        };
        let (rate, channels) = (sound.spec().rate(), sound.num_planes());
        if channels == 0 || channels > MOST_CHANNELS || rate == 0 {
            return Err(Error::Unreadable(format!("{channels} channels with {rate} samples a second")));
        }
        heard += sound.frames() as u128 * 1_000_000 / u128::from(rate);
        if heard > most {
            return Err(Error::Unreadable(format!("longer than {} seconds", bounds.duration.as_secs())));
        }
        samples.resize(sound.samples_interleaved(), 0.0);
        sound.copy_to_slice_interleaved(&mut samples);
        take(&samples, channels, rate)?;
        good += 1;
    }
    // Single packets may be bad (the first of an MP3 that was cut out of another); a file of them is.
    if bad > good / 4 + 2 {
        return Err(Error::Unreadable("it is damaged".to_owned()));
    }
    Ok(())
}

/// Mixes channels, to the measure of 16 bits.
fn mono(samples: &[f32], channels: usize) -> impl Iterator<Item = f32> + '_ {
    let share = 32_768.0 / channels as f32;
    samples.chunks_exact(channels).map(move |frame| {
        let sum: f32 = frame.iter().sum::<f32>() * share;
        // Files of floating point may hold anything.
        if sum.is_finite() { sum.clamp(-131_072.0, 131_072.0) } else { 0.0 }
    })
}
