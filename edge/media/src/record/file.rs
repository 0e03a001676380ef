use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use audio::align::Align;
use audio::mix::Window;
use audio::{Codec, Decoder, Rate, SAMPLE_RATE, wav};

use super::Entry;
use crate::{Layout, Record, Recorded};

/// How long the time line waits for late packets (400 ms); batches are up to 100 ms old already.
const HORIZON: u64 = 3_200;
/// Frames that are written together (250 ms).
const CHUNK: u64 = 2_000;
/// Frames that the time line can hold.
const WINDOW: usize = 12_000;
/// Frames written at once when a silence is filled.
const MOST: usize = 8_000;

/// One recording being written.
///
/// The file is a readable WAV at any time: the sizes in its header never count more than was written before.
pub(crate) struct Recording {
    file: File,
    path: PathBuf,
    channels: u16,
    window: Window,
    /// The streams; there are few.
    lines: Vec<Line>,
    /// When it began, in samples since the epoch.
    began: u64,
    data: u64,
    patched: u64,
    pub(crate) dropped: u64,
    pub(crate) failed: bool,
}

/// One stream on its time line.
struct Line {
    origin: u8,
    align: Align,
    /// Of codecs that remember what they said before.
    decoder: Option<(Codec, Box<Decoder>)>,
}

impl Line {
    fn decode(&mut self, entry: &Entry<'_>, samples: &mut Vec<i16>) {
        if let Some(law) = entry.codec.law() {
            return law.decode_into(entry.payload, samples);
        }
        let decoder = match &mut self.decoder {
            Some((codec, decoder)) if *codec == entry.codec => decoder,
            other => &mut other.insert((entry.codec, Box::new(Decoder::new(entry.codec, Rate::Narrow)))).1,
        };
        decoder.decode(entry.payload, samples);
    }
}

impl Recording {
    /// Creates the file, readable by its owner alone.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub(crate) fn create(record: Record, began: u64) -> io::Result<Self> {
        let channels = match record.layout {
            Layout::Mix => 1,
            Layout::TwoChannel => 2,
        };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&record.path)?;
        file.write_all(&wav::Header { channels, rate: SAMPLE_RATE, data: 0 }.bytes())?;
        Ok(Self {
            file,
            path: record.path,
            channels,
            window: Window::new(usize::from(channels), WINDOW),
            lines: Vec::new(),
            began,
            data: 0,
            patched: 0,
            dropped: 0,
            failed: false,
        })
    }

    /// Puts one packet on the time line, and writes what no packet can reach any more. `samples` is room to decode in.
    pub(crate) fn put(&mut self, entry: &Entry<'_>, samples: &mut Vec<i16>) -> io::Result<()> {
        let arrival = entry.arrival.saturating_sub(self.began);
        if arrival > self.window.start() + HORIZON + CHUNK {
            self.write_until(arrival - HORIZON)?;
        }
        let origin = entry.tap.origin;
        let line = match self.lines.iter().position(|line| line.origin == origin) {
            Some(index) => &mut self.lines[index],
            None => {
                self.lines.push(Line { origin, align: Align::default(), decoder: None });
                self.lines.last_mut().expect("it was just put there")
            }
        };
        if let Some(position) = line.align.place(entry.timestamp / entry.codec.scale(), arrival) {
            samples.clear();
            line.decode(entry, samples);
            self.window.add(usize::from(entry.tap.channel), position, samples);
        }
        Ok(())
    }

    /// Writes up to `now` but for the horizon, and counts it in the header.
    pub(crate) fn advance(&mut self, now: u64) -> io::Result<()> {
        self.write_until(now.saturating_sub(self.began).saturating_sub(HORIZON))?;
        self.patch()
    }

    /// Writes everything and completes the header; the file is returned to be synchronised.
    pub(crate) fn finish(mut self, now: u64) -> (Recorded, File, io::Result<()>) {
        let result = self.complete(now);
        let frames = self.patched / (u64::from(self.channels) * 2);
        let recorded = Recorded {
            path: self.path,
            bytes: self.patched + wav::HEADER as u64,
            duration_ms: frames * 1_000 / u64::from(SAMPLE_RATE),
            dropped: self.dropped,
            complete: !self.failed && result.is_ok(),
        };
        (recorded, self.file, result)
    }

    /// Writes everything and completes the header.
    pub(crate) fn complete(&mut self, now: u64) -> io::Result<()> {
        if self.failed {
            // A file that could not be written is left as it is; its header may still be put right.
            let _ = self.patch();
            return Ok(());
        }
        self.write_until(now.saturating_sub(self.began)).and_then(|()| self.patch())
    }

    /// Returns the time since the beginning, in samples.
    pub(crate) fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.began)
    }

    /// Leaves out what was written behind sample `end`.
    pub(crate) fn cut(&mut self, end: u64) -> io::Result<()> {
        let end = end * u64::from(self.channels) * 2;
        if end < self.data {
            self.data = end;
            // The header first: what it counts is always there.
            self.patch()?;
            self.file.set_len(wav::HEADER as u64 + end)?;
        }
        Ok(())
    }

    /// Makes every write from here on fail.
    #[cfg(test)]
    pub(crate) fn break_file(&mut self) {
        self.file = File::open(&self.path).expect("it was created");
    }

    fn write_until(&mut self, position: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        while self.window.start() < position {
            bytes.clear();
            self.window.take(position, MOST, &mut bytes);
            self.file.write_all(&bytes)?;
            self.data += bytes.len() as u64;
        }
        Ok(())
    }

    fn patch(&mut self) -> io::Result<()> {
        if self.data != self.patched {
            let header = wav::Header { channels: self.channels, rate: SAMPLE_RATE, data: self.data };
            self.file.write_all_at(&header.bytes(), 0)?;
            self.patched = self.data;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::record::Tap;

    fn record(folder: &tempfile::TempDir, layout: Layout) -> Record {
        Record { path: folder.path().join("call.wav"), layout }
    }

    fn entry(origin: u8, index: u64, payload: &[u8]) -> Entry<'_> {
        let tap = Tap { recording: 1, origin, channel: origin };
        Entry { tap, codec: Codec::Pcma, timestamp: index as u32 * 160, arrival: 5_000 + index * 160, payload }
    }

    #[test]
    fn a_recording_that_nobody_finished_is_readable() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = Recording::create(record(&folder, Layout::TwoChannel), 5_000).unwrap();
        let loud = [audio::Law::A.encode(8_000); 160];
        for index in 0..100 {
            recording.put(&entry(0, index, &loud), &mut Vec::new()).unwrap();
        }
        recording.advance(5_000 + 100 * 160).unwrap();
        for index in 100..150 {
            recording.put(&entry(0, index, &loud), &mut Vec::new()).unwrap();
        }
        drop(recording);
        let file = std::fs::read(folder.path().join("call.wav")).unwrap();
        let wav = wav::Wav::parse(&file).unwrap();
        assert_eq!((wav.channels, wav.frames()), (2, 12_800), "what the last patch counts");
        assert!(wav.channel(0).iter().all(|&sample| (7_500..8_500).contains(&sample)));
        assert!(wav.channel(1).iter().all(|&sample| sample == 0));
    }

    #[test]
    fn silence_fills_the_time_in_which_nothing_came() {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = Recording::create(record(&folder, Layout::Mix), 5_000).unwrap();
        recording.advance(5_000 + 80_000).unwrap();
        let (recorded, _, result) = recording.finish(5_000 + 80_000);
        result.unwrap();
        assert_eq!((recorded.duration_ms, recorded.bytes, recorded.complete), (10_000, 160_044, true));
    }

    #[test]
    fn a_file_that_exists_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("call.wav"), "mine").unwrap();
        assert!(Recording::create(record(&folder, Layout::Mix), 0).is_err());
        assert_eq!(std::fs::read(folder.path().join("call.wav")).unwrap(), b"mine");
    }
}
