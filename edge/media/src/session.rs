use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::command::{Action, Mailbox, Side};
use crate::leg::Leg;
use crate::media::Shared;
use crate::socket::Ways;
use crate::webrtc::{Credentials, Line};
use crate::{EventSink, Finished, Record, RecordLeg, Remote, Source, WebRtc, socket};

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
    /// The RTP port to show in SDP; RTCP is on the next one, or with WebRTC on the same.
    pub port: u16,
}

/// A leg between two sessions.
pub struct Detached {
    pub(crate) leg: Box<Leg>,
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").field("port", &self.leg.ways.port()).finish_non_exhaustive()
    }
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
    pub(crate) fn start(key: u64, events: EventSink, shared: Arc<Shared>) -> Self {
        let load = |mailbox: &Mailbox| mailbox.sessions.load(Ordering::Relaxed);
        let thread = (0..shared.threads.len())
            .min_by_key(|&thread| load(&shared.threads[thread]))
            .expect("media opens with at least one thread");
        shared.threads[thread].sessions.fetch_add(1, Ordering::Relaxed);
        let session = Self { key, thread, next_leg: AtomicU8::new(0), shared };
        session.send(Action::Open(events));
        session
    }

    #[cfg(test)]
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    /// Binds an even/odd pair of ports drawn at random.
    ///
    /// # Errors
    /// [`NoPorts`] when none is free.
    pub fn open_leg(&self) -> Result<LegMedia, NoPorts> {
        self.open(self.shared.bind)
    }

    /// The same for a far end with IPv6, or with IPv4, if [`crate::Media::address_of`] has an address for it.
    ///
    /// # Errors
    /// [`NoPorts`] when none is free.
    pub fn open_leg_in(&self, is_v6: bool) -> Result<LegMedia, NoPorts> {
        match self.shared.other {
            Some((bind, shown)) if shown.is_ipv6() == is_v6 => self.open(bind),
            _ => self.open_leg(),
        }
    }

    fn open(&self, bind: IpAddr) -> Result<LegMedia, NoPorts> {
        let pair = socket::Pair::bind(bind, &self.shared.ports, crate::now()).ok_or(NoPorts)?;
        let id = self.number()?;
        let port = pair.port();
        self.send(Action::OpenLeg(id, Ways::Ports(pair)));
        Ok(LegMedia { id, port })
    }

    /// Opens a leg that is reached by WebRTC, through the port that all such legs of the thread share.
    ///
    /// # Errors
    /// [`NoPorts`] where there is no WebRTC (see [`crate::Media::has_webrtc`]).
    pub fn open_webrtc_leg(&self) -> Result<(LegMedia, WebRtc), NoPorts> {
        let port = self.shared.webrtc.get(self.thread).ok_or(NoPorts)?;
        let first = port.candidates.first().ok_or(NoPorts)?;
        let id = self.number()?;
        let credentials = Credentials::draw();
        let (place, ssrc) = (rand::random(), rand::random());
        let local = WebRtc {
            thread: self.thread,
            place,
            ufrag: credentials.ufrag(),
            password: credentials.password.clone(),
            fingerprint: port.identity.fingerprint,
            ssrc,
            candidates: port.candidates.clone(),
        };
        let media = LegMedia { id, port: first.address.port() };
        self.send(Action::OpenLeg(id, Ways::WebRtc(Box::new(Line::new(place, port, credentials, ssrc)))));
        Ok((media, local))
    }

    /// Draws a new name and password for a WebRTC leg, for the answer to an offer that restarts ICE (RFC 8839 §4.4.1);
    /// the former ones are good until the next restart.
    pub fn restart_ice(&self, local: &WebRtc) -> WebRtc {
        let credentials = Credentials::draw();
        let (ufrag, password) = (credentials.ufrag(), credentials.password.clone());
        if let Some(home) = self.shared.threads.get(local.thread) {
            home.send_now(self.key, Action::Rename(local.place, credentials));
        }
        WebRtc { ufrag, password, ..local.clone() }
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

    /// Says whom a leg hears, instead of whom it heard before. One is relayed, or transcoded if the codecs differ;
    /// several are mixed; of none there is silence. A leg may hear itself: an echo.
    pub fn hears(&self, leg: LegNo, others: &[LegNo]) {
        self.send(Action::Hears(leg, others.to_vec()));
    }

    /// Has two legs hear each other and nobody else, and nobody else hear them.
    pub fn connect(&self, a: LegNo, b: LegNo) {
        self.send(Action::Connect(a, b));
    }

    /// Separates all legs; their streams stay open.
    pub fn disconnect(&self) {
        self.send(Action::Disconnect);
    }

    /// Puts a leg on hold: it hears nobody and nobody hears it until it is taken off. What is played to it is heard.
    pub fn hold(&self, leg: LegNo, on: bool) {
        self.send(Action::Hold(leg, on));
    }

    /// Takes a leg out of the session, with its ports, its far end and its figures, to be adopted by another session
    /// of the same `Media`. The receiver fails if there is no such leg. Dropped, the leg is closed.
    pub fn detach(&self, leg: LegNo) -> oneshot::Receiver<Detached> {
        let (reply, detached) = oneshot::channel();
        self.mailbox().send_now(self.key, Action::Detach(leg, reply));
        detached
    }

    /// Takes in a leg of another session. Its far end notices nothing: numbers and timestamps go on.
    ///
    /// A session that has had 255 legs closes it; the number returned is that of no leg then.
    pub fn adopt(&self, detached: Detached) -> LegNo {
        let Ok(id) = self.number() else { return LegNo(u8::MAX) };
        self.mailbox().send_now(self.key, Action::Adopt(id, detached));
        id
    }

    /// Plays to a leg in place of whatever it hears now. Starts as soon as its far end is known.
    pub fn play(&self, leg: LegNo, source: Source) {
        self.send(Action::Play(leg, source));
    }

    /// Stops playing; what the other leg says is heard again. Not reported as finished.
    pub fn stop(&self, leg: LegNo) {
        self.send(Action::Stop(leg));
    }

    /// Presses keys towards a leg: 160 ms each with 80 ms between, as telephone-events, or as tones if the far end
    /// takes none. Characters that are no key are left out, as is everything beyond the first 64 waiting keys.
    pub fn send_dtmf(&self, leg: LegNo, digits: &str) {
        self.send(Action::SendDtmf(leg, digits.bytes().filter_map(audio::dtmf::event_of).collect()));
    }

    /// Listens for keys in the sound of a leg too, for far ends that send no telephone-events. G.711 only: other
    /// codecs bend the tones.
    pub fn detect_dtmf(&self, leg: LegNo, on: bool) {
        self.send(Action::DetectDtmf(leg, on));
    }

    /// Keeps the telephone-events of a leg from the others: they are reported alone, to be passed on or not.
    pub fn keep_keys(&self, leg: LegNo, on: bool) {
        self.send(Action::KeepKeys(leg, on));
    }

    /// Says where what a leg says is found in the recording of the session, from now on.
    pub fn record_at(&self, leg: LegNo, side: Side) {
        self.send(Action::RecordAt(leg, side));
    }

    /// Records what one leg says into a file of its own, beside the recording of the session. The end is reported as
    /// [`crate::EventKind::LegRecorded`].
    pub fn record_leg(&self, leg: LegNo, record: RecordLeg) {
        self.send(Action::RecordLeg(leg, record));
    }

    /// Ends the recording of a leg.
    pub fn stop_recording_leg(&self, leg: LegNo) {
        self.send(Action::StopRecordLeg(leg));
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

    fn number(&self) -> Result<LegNo, NoPorts> {
        let number = self.next_leg.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_add(1));
        number.map(LegNo).map_err(|_| NoPorts)
    }

    fn mailbox(&self) -> &Mailbox {
        &self.shared.threads[self.thread]
    }

    fn send(&self, action: Action) {
        self.mailbox().send(self.key, action);
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
