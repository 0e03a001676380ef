//! How loud a recording is over its length, for the picture beside the player.
//!
//! However long a recording is, about the same amount of it is looked at: a few pieces of each stretch of its picture.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
};

use audio::wav::{HEADER, Wav};
use domain::{CallId, Principal};
use tokio::sync::Semaphore;

use super::{
    cdr,
    recordings::{Recordings, open_file},
};
use crate::error::{Error, Result};

/// Stretches of the picture.
const STRETCHES: u64 = 400;
/// Bytes of a piece; a multiple of every frame's length.
const PIECE: u64 = 8 * 1024;
/// Most pieces of one stretch that are looked at.
const PIECES: u64 = 4;
/// Recordings that are looked at at the same time.
static READERS: Semaphore = Semaphore::const_new(2);

/// The picture of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    /// For each channel the loudest sample of every stretch, 0-255. A recording of no sound has no stretches.
    pub channels: Vec<Vec<u8>>,
}

/// Looks at a call's recording. Whoever may see the record may see it.
pub async fn of(recordings: &Recordings, who: &Principal, uuid: CallId) -> Result<Waveform> {
    let record = cdr::find(&recordings.db, who, uuid).await?;
    let path = record.recording.path.as_deref().filter(|_| record.recording.is_available());
    let sound = open_file(&recordings.folder, path.ok_or(Error::NotFound("recording"))?).await?;
    let file = sound.file.into_std().await;
    let _reader = READERS.acquire().await.expect("nobody closes it");
    let looked = tokio::task::spawn_blocking(move || look(file, sound.bytes)).await;
    looked.map_err(std::io::Error::other).and_then(|looked| looked).map_err(Error::Recording)
}

fn look(mut file: File, bytes: u64) -> std::io::Result<Waveform> {
    let mut head = vec![0; usize::try_from(bytes.min(PIECE)).unwrap_or(0)];
    file.read_exact(&mut head)?;
    let wav = Wav::parse(&head).map_err(std::io::Error::other)?;
    let (count, frame) = (usize::from(wav.channels), u64::from(wav.channels) * 2);
    let frames = bytes.saturating_sub(HEADER as u64) / frame;
    let stretches = frames.min(STRETCHES);
    let mut channels = vec![Vec::with_capacity(usize::try_from(stretches).unwrap_or(0)); count];
    let mut piece = vec![0; usize::try_from(PIECE).unwrap_or(0)];
    for stretch in 0..stretches {
        let (first, end) = (stretch * frames / stretches * frame, (stretch + 1) * frames / stretches * frame);
        let mut loudest = vec![0_u16; count];
        for place in places(first, end, frame) {
            let length = usize::try_from((end - place).min(PIECE)).unwrap_or(0);
            file.seek(SeekFrom::Start(HEADER as u64 + place))?;
            file.read_exact(&mut piece[..length])?;
            for (index, sample) in piece[..length].chunks_exact(2).enumerate() {
                let sample = i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs();
                let channel = &mut loudest[index % count];
                *channel = sample.max(*channel);
            }
        }
        for (channel, loudest) in channels.iter_mut().zip(loudest) {
            channel.push(u8::try_from(loudest.min(i16::MAX.unsigned_abs()) / 128).unwrap_or(u8::MAX));
        }
    }
    Ok(Waveform { channels })
}

/// Returns where the pieces of a stretch begin: the whole of it, or some that are as far apart as can be.
fn places(first: u64, end: u64, frame: u64) -> impl Iterator<Item = u64> {
    let count = (end - first).div_ceil(PIECE).min(PIECES);
    let step = ((end - first) / count.max(1)).max(PIECE.min(end - first)) / frame * frame;
    (0..count).map(move |piece| first + piece * step).filter(move |place| *place < end)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use audio::wav::Header;

    use super::*;

    fn picture(channels: u16, samples: &[i16]) -> Waveform {
        let header = Header { channels, rate: 8_000, data: samples.len() as u64 * 2 };
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&header.bytes()).unwrap();
        file.write_all(&samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        file.rewind().unwrap();
        let bytes = file.metadata().unwrap().len();
        look(file, bytes).unwrap()
    }

    #[test]
    fn each_side_of_a_call_has_a_line_of_its_own() {
        // One side speaks in the first half, the other in the second.
        let samples: Vec<i16> =
            (0..8_000).flat_map(|frame| if frame < 4_000 { [i16::MAX, 0] } else { [0, i16::MIN] }).collect();
        let Waveform { channels } = picture(2, &samples);
        assert_eq!(channels.len(), 2);
        let halves = |line: &[u8]| (line[..200].to_vec(), line[200..].to_vec());
        assert_eq!(halves(&channels[0]), (vec![255; 200], vec![0; 200]));
        assert_eq!(halves(&channels[1]), (vec![0; 200], vec![255; 200]));
    }

    #[test]
    fn a_long_recording_is_looked_at_here_and_there_and_a_short_one_whole() {
        let quiet = vec![1_280; 20_000_000];
        assert_eq!(picture(1, &quiet), Waveform { channels: vec![vec![10; 400]] });
        assert_eq!(picture(1, &[0, 12_800, 0]), Waveform { channels: vec![vec![0, 100, 0]] });
        assert_eq!(picture(2, &[]), Waveform { channels: vec![Vec::new(); 2] });
        let read: u64 =
            (0..400).map(|stretch| places(stretch * 100_000, (stretch + 1) * 100_000, 4).count() as u64).sum();
        assert!(read * PIECE <= STRETCHES * PIECES * PIECE, "{read}");
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"not a recording at all").unwrap();
        file.rewind().unwrap();
        assert!(look(file, 22).is_err());
    }
}
