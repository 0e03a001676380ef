use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::file::Recording;
use super::message::Message;
use super::{Entries, Job, LOST, SPARE};
use crate::{EventKind, EventSink, Finished};

/// Headers are patched this often.
const PATCH_EVERY: Duration = Duration::from_secs(1);
/// Finished files that wait to be synchronised; beyond it the writer does it itself.
const WAITING_SYNCS: usize = 64;

type Report = Option<(Finished, oneshot::Sender<Finished>)>;

/// Starts the writer and the thread that synchronises finished files. Both end when no sender of jobs is left.
pub(crate) fn start(jobs: Receiver<Job>, spare: Arc<Mutex<Vec<Vec<u8>>>>, epoch: Instant) -> io::Result<()> {
    let (syncs, waiting) = sync_channel::<Sync>(WAITING_SYNCS);
    thread::Builder::new().name("record-sync".into()).spawn(move || waiting.into_iter().for_each(Sync::run))?;
    let writer = Writer { recordings: HashMap::new(), messages: 0, syncs, spare, epoch, samples: Vec::new() };
    thread::Builder::new().name("record".into()).spawn(move || writer.run(&jobs))?;
    Ok(())
}

struct Writer {
    recordings: HashMap<u64, Open>,
    /// Recordings of single legs among them.
    messages: usize,
    syncs: SyncSender<Sync>,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    epoch: Instant,
    /// Room to decode a packet in.
    samples: Vec<i16>,
}

struct Open {
    recording: Recording,
    events: EventSink,
    /// Of a recording of one leg.
    message: Option<Message>,
}

/// A file to bring to the disk, and whom to tell.
struct Sync {
    file: File,
    report: Report,
    events: EventSink,
    /// What is reported of a recording of one leg, once it is on disk.
    recorded: Option<EventKind>,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut patch_at = crate::now() + PATCH_EVERY;
        loop {
            // What is behind in the queue must not be overtaken: time moves with the jobs, or with the clock when
            // there are none.
            let clock = match jobs.recv_timeout(patch_at.saturating_duration_since(crate::now())) {
                Ok(job) => self.handle(job),
                Err(RecvTimeoutError::Timeout) => self.samples(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let now = crate::now();
            if now >= patch_at {
                patch_at = now + PATCH_EVERY;
                self.each(|recording| recording.advance(clock));
                self.end_messages(clock);
            }
        }
        let now = self.samples();
        for open in std::mem::take(&mut self.recordings).into_values() {
            self.finish(open, now, None);
        }
    }

    fn samples(&self) -> u64 {
        crate::samples_since(self.epoch)
    }

    /// Does one job and returns the time that it speaks of.
    fn handle(&mut self, job: Job) -> u64 {
        match job {
            Job::Start { recording, record, limits, events, at } => {
                let path = record.path.clone();
                let message = limits.map(Message::new);
                match Recording::create(record, at) {
                    Ok(created) => {
                        self.messages += usize::from(message.is_some());
                        self.recordings.insert(recording, Open { recording: created, events, message });
                    }
                    Err(error) => {
                        fail(&events, &format!("{}: {error}", path.display()));
                        if let Some(message) = message {
                            events.send(message.recorded());
                        }
                    }
                }
                at
            }
            Job::Batch { mut entries, at } => {
                for entry in Entries(&entries) {
                    let Some(open) = self.recordings.get_mut(&entry.tap.recording) else { continue };
                    let Open { recording, events, message } = open;
                    if entry.tap.origin == LOST {
                        recording.dropped += u64::from(entry.timestamp);
                    } else if !recording.failed
                        && let Err(error) = recording.put(&entry, &mut self.samples)
                    {
                        recording.failed = true;
                        fail(events, &error.to_string());
                    } else if let Some(message) = message {
                        message.hear(&self.samples, recording.age(entry.arrival));
                    }
                }
                self.end_messages(at);
                entries.clear();
                let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
                if spare.len() < SPARE {
                    spare.push(entries);
                }
                at
            }
            Job::Finish { recording, at, report } => {
                match self.recordings.remove(&recording) {
                    Some(open) => self.finish(open, at, report),
                    None => deliver(report),
                }
                at
            }
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut Recording) -> io::Result<()>) {
        for Open { recording, events, .. } in self.recordings.values_mut() {
            if !recording.failed
                && let Err(error) = act(recording)
            {
                recording.failed = true;
                fail(events, &error.to_string());
            }
        }
    }

    /// Ends recordings of legs that have reached a limit.
    fn end_messages(&mut self, now: u64) {
        if self.messages == 0 {
            return;
        }
        let due =
            |open: &mut Open| open.message.as_ref().is_some_and(|message| message.is_over(open.recording.age(now)));
        let over: Vec<Open> = self.recordings.extract_if(|_, open| due(open)).map(|(_, open)| open).collect();
        for open in over {
            self.finish(open, now, None);
        }
    }

    fn finish(&mut self, open: Open, at: u64, mut report: Report) {
        let Open { mut recording, events, message } = open;
        let recorded = message.map(|mut message| {
            self.messages -= 1;
            message.end(recording.age(at));
            let cut = recording.complete(at).and_then(|()| recording.cut(message.length()));
            if let Err(error) = cut {
                recording.failed = true;
                fail(&events, &error.to_string());
            }
            message.recorded()
        });
        let at = if recorded.is_some() { 0 } else { at };
        let (finished, file, result) = recording.finish(at);
        if let Err(error) = result {
            fail(&events, &error.to_string());
        }
        if let Some((all, _)) = &mut report {
            all.recording = Some(finished);
        }
        match self.syncs.try_send(Sync { file, report, events, recorded }) {
            Ok(()) => {}
            Err(TrySendError::Full(sync) | TrySendError::Disconnected(sync)) => sync.run(),
        }
    }
}

impl Sync {
    /// Synchronises once: a failed fsync is not retried, the recording counts as incomplete.
    fn run(self) {
        let Self { file, mut report, events, recorded } = self;
        if let Err(error) = file.sync_all() {
            fail(&events, &error.to_string());
            if let Some(recorded) = report.as_mut().and_then(|(finished, _)| finished.recording.as_mut()) {
                recorded.complete = false;
            }
        }
        if let Some(recorded) = recorded {
            events.send(recorded);
        }
        deliver(report);
    }
}

fn deliver(report: Report) {
    if let Some((finished, reply)) = report {
        // Whoever asked may have stopped waiting.
        let _ = reply.send(finished);
    }
}

fn fail(events: &EventSink, reason: &str) {
    tracing::error!(reason, "recording failed");
    events.send(EventKind::RecordingFailed { reason: reason.to_owned() });
}

#[cfg(test)]
mod tests {
    use audio::Codec;
    use tokio::sync::mpsc;

    use super::*;
    use crate::record::{Entry, Tap};
    use crate::{Layout, Record};

    fn batch(from: u64, until: u64) -> Job {
        let mut entries = Vec::new();
        for index in from..until {
            let tap = Tap { recording: 1, origin: 0, channel: 0 };
            let entry = Entry {
                tap,
                codec: Codec::Pcmu,
                timestamp: index as u32 * 160,
                arrival: index * 160,
                payload: &[0x10; 160],
            };
            entry.write(&mut entries);
        }
        Job::Batch { entries, at: until * 160 }
    }

    #[test]
    fn a_disk_that_fails_ends_the_recording_and_says_so_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (sender, mut events) = mpsc::channel(8);
        let (syncs, waiting) = sync_channel(1);
        let mut writer = Writer {
            recordings: HashMap::new(),
            messages: 0,
            syncs,
            spare: Arc::default(),
            epoch: crate::now(),
            samples: Vec::new(),
        };
        let record = Record { path: path.clone(), layout: Layout::Mix };
        writer.handle(Job::Start { recording: 1, record, limits: None, events: EventSink::new(sender), at: 0 });
        writer.handle(batch(0, 100));
        writer.each(|recording| recording.advance(16_000));
        writer.recordings.get_mut(&1).unwrap().recording.break_file();
        writer.handle(batch(100, 200));
        writer.handle(batch(200, 300));
        writer.each(|recording| recording.advance(48_000));
        let (reply, report) = oneshot::channel();
        writer.handle(Job::Finish { recording: 1, at: 48_000, report: Some((Finished::default(), reply)) });
        waiting.recv().unwrap().run();
        let recorded = report.blocking_recv().unwrap().recording.unwrap();
        assert!(!recorded.complete);
        assert_eq!(recorded.bytes, std::fs::metadata(&path).unwrap().len(), "what was counted can be read");
        assert!(recorded.duration_ms >= 1_500, "{recorded:?}");
        assert!(matches!(events.try_recv().unwrap().kind, EventKind::RecordingFailed { .. }));
        assert!(events.try_recv().is_err());
    }
}
