//! WAV files of 16-bit samples: RIFF with a `fmt ` and a `data` chunk.
//!
//! The writer keeps a file readable while it grows: the sizes in the header are patched again and again, always after
//! the samples that they count. The reader takes what a crash left: a size of 0, or one beyond the end of the file,
//! means "as far as there are bytes".

use std::ops::Range;

/// Length of the header that [`Header::bytes`] makes.
pub const HEADER: usize = 44;

const PCM: u16 = 1;
const SAMPLE: u16 = 2;

/// The header of a file of 16-bit samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub channels: u16,
    /// Samples per second and channel.
    pub rate: u32,
    /// Bytes of samples; more than 4 GiB are shown as the most that fits.
    pub data: u64,
}

impl Header {
    pub fn bytes(&self) -> [u8; HEADER] {
        let data = u32::try_from(self.data).unwrap_or(u32::MAX - 36);
        let block = self.channels.saturating_mul(SAMPLE);
        let mut bytes = [0; HEADER];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(b"RIFF");
        put(&data.saturating_add(36).to_le_bytes());
        put(b"WAVEfmt ");
        put(&16u32.to_le_bytes());
        put(&PCM.to_le_bytes());
        put(&self.channels.to_le_bytes());
        put(&self.rate.to_le_bytes());
        put(&self.rate.saturating_mul(u32::from(block)).to_le_bytes());
        put(&block.to_le_bytes());
        put(&(SAMPLE * 8).to_le_bytes());
        put(b"data");
        put(&data.to_le_bytes());
        bytes
    }
}

/// A file that was read: its format and where its samples lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav<'a> {
    pub channels: u16,
    pub rate: u32,
    data: &'a [u8],
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("not a WAV file")]
    NotWav,
    #[error("not 16-bit PCM with 1 or 2 channels")]
    Format,
}

impl<'a> Wav<'a> {
    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error`] for anything but RIFF with 16-bit PCM of one or two channels.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
            return Err(Error::NotWav);
        }
        let mut at = 12;
        let mut format = None;
        while let Some(chunk) = file.get(at..) {
            let Some((&[i0, i1, i2, i3, l0, l1, l2, l3], body)) = chunk.split_first_chunk::<8>() else {
                break;
            };
            let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).map_err(|_| Error::NotWav)?;
            match &[i0, i1, i2, i3] {
                b"fmt " => format = Some(read_format(body).ok_or(Error::Format)?),
                b"data" => {
                    let (channels, rate) = format.ok_or(Error::NotWav)?;
                    let length = if length == 0 { body.len() } else { length.min(body.len()) };
                    let frame = usize::from(channels) * usize::from(SAMPLE);
                    return Ok(Self { channels, rate, data: &body[..length - length % frame] });
                }
                _ => {}
            }
            // Chunks are padded to an even length.
            let next = at.checked_add(8).and_then(|start| start.checked_add(length)?.checked_add(length % 2));
            at = next.ok_or(Error::NotWav)?;
        }
        Err(Error::NotWav)
    }

    /// Returns the samples of one channel, the first being 0.
    pub fn channel(&self, channel: u16) -> Vec<i16> {
        let frame = usize::from(self.channels) * usize::from(SAMPLE);
        let range: Range<usize> = usize::from(channel) * 2..usize::from(channel) * 2 + 2;
        let sample = |frame: &[u8]| frame.get(range.clone())?.try_into().ok().map(i16::from_le_bytes);
        self.data.chunks_exact(frame).filter_map(sample).collect()
    }

    /// Returns the samples per channel.
    pub fn frames(&self) -> usize {
        self.data.len() / (usize::from(self.channels) * usize::from(SAMPLE))
    }
}

fn read_format(body: &[u8]) -> Option<(u16, u32)> {
    let half = |at: usize| body.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let rate = body.get(4..8)?.try_into().ok().map(u32::from_le_bytes)?;
    let channels = half(2)?;
    (half(0)? == PCM && half(14)? == SAMPLE * 8 && (1..=2).contains(&channels)).then_some((channels, rate))
}

/// Returns whether a file names more bytes of samples than it has. Sizes of 2 GiB and more are no sizes: that is what
/// programs write that do not know it yet.
pub fn is_cut(file: &[u8]) -> bool {
    let Ok(wav) = Wav::parse(file) else { return false };
    let start = wav.data.as_ptr().addr() - file.as_ptr().addr();
    let length = start.checked_sub(4).and_then(|at| file.get(at..start)?.try_into().ok()).map(u32::from_le_bytes);
    length.is_some_and(|length| length < 0x7fff_0000 && length as usize > file.len() - start)
}

/// Returns a whole file of one channel.
pub fn mono(rate: u32, samples: &[i16]) -> Vec<u8> {
    let header = Header { channels: 1, rate, data: samples.len() as u64 * 2 };
    let mut file = header.bytes().to_vec();
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let samples: Vec<i16> = (-50..50).collect();
        let file = mono(8_000, &samples);
        let wav = Wav::parse(&file).unwrap();
        assert_eq!((wav.channels, wav.rate, wav.frames()), (1, 8_000, 100));
        assert_eq!(wav.channel(0), samples);
        assert_eq!(wav.channel(1), Vec::<i16>::new());
    }

    #[test]
    fn a_file_cut_by_a_crash_is_read_as_far_as_it_goes() {
        let mut file = mono(8_000, &[1, 2, 3, 4]);
        assert_eq!(Wav::parse(&file[..file.len() - 3]).unwrap().channel(0), [1, 2]);
        file[40..44].fill(0);
        assert_eq!(Wav::parse(&file).unwrap().channel(0), [1, 2, 3, 4]);
    }

    #[test]
    fn a_file_that_was_cut_is_told_from_one_that_did_not_know_its_length() {
        let mut file = mono(8_000, &[1, 2, 3, 4]);
        assert!(!is_cut(&file) && is_cut(&file[..50]));
        file[40..44].copy_from_slice(&0x7fff_f000u32.to_le_bytes());
        assert!(!is_cut(&file) && !is_cut(b"RIFF") && !is_cut(&[]));
    }

    #[test]
    fn two_channels_are_taken_apart() {
        let header = Header { channels: 2, rate: 8_000, data: 8 };
        let file = [&header.bytes()[..], &[1, 0, 2, 0, 3, 0, 4, 0]].concat();
        let wav = Wav::parse(&file).unwrap();
        assert_eq!((wav.channel(0), wav.channel(1)), (vec![1, 3], vec![2, 4]));
    }

    #[test]
    fn other_chunks_are_passed_over_and_other_formats_refused() {
        let mut file = mono(8_000, &[7]);
        file.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        assert_eq!(Wav::parse(&file).unwrap().channel(0), [7]);
        let mut eight_bit = mono(8_000, &[7]);
        eight_bit[34] = 8;
        assert_eq!(Wav::parse(&eight_bit), Err(Error::Format));
        assert_eq!(Wav::parse(b"RIFF"), Err(Error::NotWav));
    }

    proptest! {
        #[test]
        fn any_damage_is_read_or_refused(
            damage in prop::collection::vec((0usize..60, any::<u8>()), 0..12), cut in 0usize..80,
        ) {
            let mut file = mono(8_000, &[5; 16]);
            for (at, byte) in damage {
                file[at] = byte;
            }
            file.truncate(cut);
            if let Ok(wav) = Wav::parse(&file) {
                let _ = (wav.channel(0), wav.channel(1), wav.frames());
            }
        }
    }
}
