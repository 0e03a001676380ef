use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::command::{Action, Mailbox};
use crate::media::Shared;
use crate::{EventSink, Finished, Record, Remote, Source, socket};

/// A leg within its session, numbered in the order of opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegNo(pub u8);

impl fmt::Display for LegNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A leg just opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegMedia {
    pub id: LegNo,
    /// The RTP port to show in SDP; RTCP is on the next one.
    pub port: u16,
}

/// No pair of ports is free, or the session has had 255 legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no free pair of media ports")]
pub struct NoPorts;

/// The media of one call.
///
/// Every method sends a command and returns; commands for legs that do not exist are ignored.
/// Dropping the session frees its ports and ends its recording with a readable file.
pub struct Session {
    key: u64,
    thread: usize,
    next_leg: AtomicU8,
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) fn open(key: u64, events: EventSink, shared: Arc<Shared>) -> Self {
        let load = |mailbox: &Mailbox| mailbox.sessions.load(Ordering::Relaxed);
        let thread = (0..shared.threads.len())
            .min_by_key(|&thread| load(&shared.threads[thread]))
            .expect("media opens with at least one thread");
        shared.threads[thread].sessions.fetch_add(1, Ordering::Relaxed);
        let session = Self { key, thread, next_leg: AtomicU8::new(0), shared };
        session.send(Action::Open(events));
        session
    }

    /// Binds an even/odd pair of ports drawn at random.
    ///
    /// # Errors
    /// [`NoPorts`] when none is free.
    pub fn open_leg(&self) -> Result<LegMedia, NoPorts> {
        let pair = socket::Pair::bind(self.shared.bind, &self.shared.ports, crate::now()).ok_or(NoPorts)?;
        let number = self.next_leg.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_add(1));
        let id = LegNo(number.map_err(|_| NoPorts)?);
        let port = pair.port();
        self.send(Action::OpenLeg(id, pair));
        Ok(LegMedia { id, port })
    }

    /// Closes one leg; its ports rest before they are drawn again. Its statistics are kept for [`Session::finish`].
    pub fn close_leg(&self, leg: LegNo) {
        self.send(Action::CloseLeg(leg));
    }

    /// Says where the far end of a leg is and what it speaks. A later one (a re-INVITE) allows its source to be
    /// learnt anew.
    pub fn set_remote(&self, leg: LegNo, remote: Remote) {
        self.send(Action::SetRemote(leg, Box::new(remote)));
    }

    /// Relays between two legs, which leave the legs that they were connected to before.
    pub fn connect(&self, a: LegNo, b: LegNo) {
        self.send(Action::Connect(a, b));
    }

    /// Separates all legs; their streams stay open.
    pub fn disconnect(&self) {
        self.send(Action::Disconnect);
    }

    /// Plays to a leg in place of whatever it hears now. Starts as soon as its far end is known.
    pub fn play(&self, leg: LegNo, source: Source) {
        self.send(Action::Play(leg, source));
    }

    /// Stops playing; what the other leg says is heard again. Not reported as finished.
    pub fn stop(&self, leg: LegNo) {
        self.send(Action::Stop(leg));
    }

    /// Presses keys towards a leg as telephone-events: 160 ms each with 80 ms between. Characters that are no key
    /// are left out, as is everything beyond the first 64 waiting keys, and all of it if the leg takes no
    /// telephone-events.
    pub fn send_dtmf(&self, leg: LegNo, digits: &str) {
        self.send(Action::SendDtmf(leg, digits.bytes().filter_map(audio::dtmf::event_of).collect()));
    }

    /// Begins to record. A failure is reported as [`crate::EventKind::RecordingFailed`].
    pub fn record(&self, record: Record) {
        self.send(Action::Record(record));
    }

    /// Keeps the time that follows silent in the recording.
    pub fn pause_recording(&self) {
        self.send(Action::PauseRecording(true));
    }

    pub fn resume_recording(&self) {
        self.send(Action::PauseRecording(false));
    }

    /// Ends the session: closes every leg, completes the recording on disk and reports. The receiver fails if the
    /// session was finished before.
    pub fn finish(&self) -> oneshot::Receiver<Finished> {
        let (reply, finished) = oneshot::channel();
        self.send(Action::Finish(reply));
        finished
    }

    /// Keeps what a leg says from now on, up to `limit` samples of 8 kHz. Meant for simulated phones and tests.
    pub fn capture(&self, leg: LegNo, limit: usize) -> Capture {
        let heard = Arc::new(Heard { samples: Mutex::default(), more: Notify::new(), limit });
        self.send(Action::Capture(leg, Arc::clone(&heard)));
        Capture { heard }
    }

    fn send(&self, action: Action) {
        self.shared.threads[self.thread].send(self.key, action);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.send(Action::Close);
        self.shared.threads[self.thread].sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a leg has said since the capture began, gaps as silence. A cheap clone.
#[derive(Clone)]
pub struct Capture {
    heard: Arc<Heard>,
}

impl Capture {
    /// Returns the samples so far.
    pub fn samples(&self) -> Vec<i16> {
        self.heard.lock().clone()
    }

    /// Waits until at least `count` samples were heard (or the limit is reached) and returns them all.
    pub async fn at_least(&self, count: usize) -> Vec<i16> {
        let count = count.min(self.heard.limit);
        loop {
            let more = self.heard.more.notified();
            {
                let samples = self.heard.lock();
                if samples.len() >= count {
                    return samples.clone();
                }
            }
            more.await;
        }
    }
}

/// The buffer between a media thread and a [`Capture`].
pub(crate) struct Heard {
    samples: Mutex<Vec<i16>>,
    more: Notify,
    limit: usize,
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<i16>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts decoded samples at their place on the time line of the capture.
    pub(crate) fn put(&self, position: u64, decoded: impl Iterator<Item = i16>) {
        let mut samples = self.lock();
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.limit);
        if samples.len() < start {
            samples.resize(start, 0);
        }
        for (index, sample) in (start..self.limit).zip(decoded) {
            match samples.get_mut(index) {
                Some(place) => *place = sample,
                None => samples.push(sample),
            }
        }
        drop(samples);
        self.more.notify_waiters();
    }
}
