//! Recording, off the path of the call.
//!
//! A media thread copies payloads with their arrival into a batch; a batch goes to the one writer thread when it is
//! full or 100 ms old. The writer decodes, aligns and writes. Nothing here makes a media thread wait: when the writer
//! is behind by [`WAITING_JOBS`], batches are dropped and counted, and their time stays silent.

mod file;
mod message;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use audio::Codec;
use tokio::sync::oneshot;

use crate::{EventSink, Finished, LegNo, Record};

/// Bytes after which a batch is handed over.
const BATCH: usize = 64 * 1_024;
/// Samples after which a batch is handed over (100 ms).
const BATCH_AGE: u64 = 800;
/// Batches and commands that wait for the writer: at most 8 MiB.
const WAITING_JOBS: usize = 128;
/// Empty batches kept for reuse.
const SPARE: usize = 16;

/// Codecs as entries name them.
const PCMA: u8 = Codec::Pcma.payload_type();
const G722: u8 = Codec::G722.payload_type();
const OPUS: u8 = Codec::Opus.payload_type();

/// Marks an entry of a batch that counts lost packets.
const LOST: u8 = u8::MAX;

/// The way to the writer thread. A cheap clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    jobs: SyncSender<Job>,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    /// The origin of all sample counts of media and recording.
    pub(crate) epoch: Instant,
}

pub(crate) enum Job {
    Start { recording: u64, record: Record, limits: Option<Limits>, events: EventSink, at: u64 },
    Batch { entries: Vec<u8>, at: u64 },
    Finish { recording: u64, at: u64, report: Option<(Finished, oneshot::Sender<Finished>)> },
}

/// What ends the recording of one leg by itself.
pub(crate) struct Limits {
    pub(crate) leg: LegNo,
    pub(crate) longest: Duration,
    /// Zero for no limit.
    pub(crate) silence: Duration,
    /// Raised when it has ended.
    pub(crate) over: Arc<AtomicBool>,
}

/// The recording of one leg, as the media thread knows it.
pub(crate) struct MessageTap {
    pub(crate) tap: Tap,
    pub(crate) over: Arc<AtomicBool>,
}

/// Where the sound of a leg goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    pub(crate) recording: u64,
    /// Which stream within the recording.
    pub(crate) origin: u8,
    /// 0 is left.
    pub(crate) channel: u8,
}

/// One packet in a batch.
pub(crate) struct Entry<'a> {
    pub(crate) tap: Tap,
    pub(crate) codec: Codec,
    pub(crate) timestamp: u32,
    pub(crate) arrival: u64,
    pub(crate) payload: &'a [u8],
}

impl Recorder {
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(WAITING_JOBS);
        let recorder = Self { jobs, spare: Arc::default(), epoch: crate::now() };
        writer::start(waiting, Arc::clone(&recorder.spare), recorder.epoch)?;
        Ok(recorder)
    }
}

/// A media thread's end of the recorder.
pub(crate) struct Feed {
    recorder: Recorder,
    batch: Vec<u8>,
    began: u64,
    /// Packets per recording that are to be reported as lost.
    lost: HashMap<u64, u32>,
    /// Commands that found the queue full; they go first.
    waiting: VecDeque<Job>,
}

impl Feed {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self { recorder, batch: Vec::new(), began: 0, lost: HashMap::new(), waiting: VecDeque::new() }
    }

    /// Copies one packet.
    pub(crate) fn push(&mut self, entry: &Entry<'_>) {
        if self.batch.is_empty() {
            self.began = entry.arrival;
            if self.batch.capacity() == 0 {
                let spare = self.recorder.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
                self.batch = spare.unwrap_or_else(|| Vec::with_capacity(BATCH));
            }
        }
        entry.write(&mut self.batch);
        if self.batch.len() >= BATCH - 2 * audio::rtp::MAX_PACKET {
            self.flush(entry.arrival);
        }
    }

    /// Returns when the batch has to go.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let waits = !self.batch.is_empty() || !self.waiting.is_empty();
        waits.then_some(self.began + BATCH_AGE)
    }

    /// Sends a command after everything pushed so far.
    pub(crate) fn command(&mut self, job: Job, now: u64) {
        self.flush(now);
        self.waiting.push_back(job);
        self.flush(now);
    }

    /// Hands the batch over.
    pub(crate) fn flush(&mut self, now: u64) {
        self.began = now;
        while let Some(job) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(job)) = self.recorder.jobs.try_send(job) {
                self.waiting.push_front(job);
                break;
            }
        }
        if self.batch.is_empty() && self.lost.is_empty() {
            return;
        }
        let mut entries = std::mem::take(&mut self.batch);
        let reported = !self.lost.is_empty();
        for (&recording, &count) in &self.lost {
            Entry::lost(recording, count).write(&mut entries);
        }
        let job = Job::Batch { entries, at: now };
        let refused =
            if self.waiting.is_empty() { self.recorder.jobs.try_send(job) } else { Err(TrySendError::Full(job)) };
        match refused {
            Ok(()) | Err(TrySendError::Disconnected(_)) => self.lost.clear(),
            Err(TrySendError::Full(Job::Batch { mut entries, .. })) => {
                if !reported {
                    tracing::warn!("recording is behind: packets are left out");
                }
                for entry in Entries(&entries).filter(|entry| entry.tap.origin != LOST) {
                    *self.lost.entry(entry.tap.recording).or_default() += 1;
                }
                entries.clear();
                self.batch = entries;
            }
            Err(TrySendError::Full(_)) => {}
        }
    }
}

impl Entry<'_> {
    const HEAD: usize = 25;

    fn lost(recording: u64, count: u32) -> Self {
        let tap = Tap { recording, origin: LOST, channel: 0 };
        Self { tap, codec: Codec::Pcmu, timestamp: count, arrival: 0, payload: &[] }
    }

    fn write(&self, to: &mut Vec<u8>) {
        let length = self.payload.len().min(audio::rtp::MAX_PACKET);
        to.extend_from_slice(&self.tap.recording.to_le_bytes());
        to.extend_from_slice(&self.arrival.to_le_bytes());
        to.extend_from_slice(&self.timestamp.to_le_bytes());
        to.extend_from_slice(&(length as u16).to_le_bytes());
        to.extend_from_slice(&[self.tap.origin, self.tap.channel, self.codec.payload_type()]);
        to.extend_from_slice(&self.payload[..length]);
    }
}

/// The entries of a batch, in order.
pub(crate) struct Entries<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (head, rest) = self.0.split_first_chunk::<{ Entry::HEAD }>()?;
        let (recording, head) = head.split_first_chunk::<8>()?;
        let (arrival, head) = head.split_first_chunk::<8>()?;
        let (timestamp, head) = head.split_first_chunk::<4>()?;
        let &[l0, l1, origin, channel, codec] = head else { return None };
        let (payload, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))?;
        self.0 = rest;
        Some(Entry {
            tap: Tap { recording: u64::from_le_bytes(*recording), origin, channel },
            codec: match codec {
                PCMA => Codec::Pcma,
                G722 => Codec::G722,
                OPUS => Codec::Opus,
                _ => Codec::Pcmu,
            },
            timestamp: u32::from_le_bytes(*timestamp),
            arrival: u64::from_le_bytes(*arrival),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(recording: u64, payload: &[u8]) -> Entry<'_> {
        let tap = Tap { recording, origin: 3, channel: 1 };
        Entry { tap, codec: Codec::Pcma, timestamp: 77, arrival: 1 << 40, payload }
    }

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let mut batch = Vec::new();
        entry(5, &[1, 2, 3]).write(&mut batch);
        entry(6, &[]).write(&mut batch);
        let read: Vec<_> = Entries(&batch).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].tap, read[0].payload), (Tap { recording: 5, origin: 3, channel: 1 }, &[1u8, 2, 3][..]));
        assert_eq!((read[1].timestamp, read[1].arrival, read[1].codec), (77, 1 << 40, Codec::Pcma));
    }

    #[test]
    fn packets_for_a_writer_that_is_behind_are_dropped_and_counted() {
        let (jobs, waiting) = sync_channel(1);
        let mut feed = Feed::new(Recorder { jobs, spare: Arc::default(), epoch: crate::now() });
        feed.push(&entry(5, &[0; 160]));
        feed.flush(1); // takes the only place
        for _ in 0..3 {
            feed.push(&entry(5, &[0; 160]));
            feed.flush(2);
        }
        feed.command(Job::Finish { recording: 5, at: 3, report: None }, 3);
        assert!(matches!(waiting.try_recv(), Ok(Job::Batch { .. })));
        feed.flush(4); // the command goes first
        assert!(matches!(waiting.try_recv(), Ok(Job::Finish { .. })));
        feed.flush(5);
        let Ok(Job::Batch { entries, .. }) = waiting.try_recv() else { panic!("no marker") };
        let marker = Entries(&entries).next().unwrap();
        assert_eq!((marker.tap.origin, marker.tap.recording, marker.timestamp), (LOST, 5, 3));
    }
}
