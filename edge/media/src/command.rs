//! What a session tells its media thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::oneshot;

use crate::session::Heard;
use crate::socket::Ways;
use crate::webrtc::Credentials;
use crate::{Detached, EventSink, Finished, LegNo, Remote};

pub use audio::tone::Tone;

/// Commands waiting for one media thread; a sender that finds them all taken waits for the thread, which never waits.
const WAITING_COMMANDS: usize = 1_024;
/// Commands that wait before an attentive thread is woken all the same.
const PATIENCE: usize = WAITING_COMMANDS / 4;

/// Something to play to a leg.
#[derive(Clone, Debug)]
pub enum Source {
    /// A call progress tone, until stopped.
    Tone(Tone),
    /// 16-bit samples at 8 kHz.
    Pcm { samples: Arc<[i16]>, repeat: Repeat },
    /// One after the other without a gap, once; samples as above.
    Sequence(Vec<Arc<[i16]>>),
    /// The music on hold that comes with the product, until stopped.
    Music,
}

/// How often a source plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once; the end is reported as [`crate::EventKind::PlayFinished`].
    Once,
    /// Until stopped.
    Forever,
}

/// A recording to begin.
#[derive(Clone, Debug)]
pub struct Record {
    /// The file to create; it must not exist, its folder must.
    pub path: PathBuf,
    pub layout: Layout,
}

/// How the two sides of a call share a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One channel with both sides.
    Mix,
    /// Left: what the first leg of the session says. Right: what the others say, and what is played to the first. Any leg
    /// may be given another [`Side`].
    TwoChannel,
}

/// Where what a leg says is found in the recording of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The left one of two channels.
    Left,
    /// The right one.
    Right,
    /// Nowhere: it speaks to one of the others in confidence, or listens.
    Off,
}

/// What one leg says, recorded into a file of its own, such as a message.
#[derive(Clone, Debug)]
pub struct RecordLeg {
    /// The file to create; it must not exist, its folder must.
    pub path: PathBuf,
    /// The recording ends by itself after this time,
    pub longest: Duration,
    /// or after this much silence, which is left out of the file; zero for never.
    pub silence: Duration,
}

/// One command with the session that it is for.
pub(crate) struct Command {
    pub(crate) session: u64,
    pub(crate) action: Action,
}

pub(crate) enum Action {
    Open(EventSink),
    OpenLeg(LegNo, Ways),
    /// Name and password of a WebRTC leg whose place is on this thread, wherever the leg is.
    Rename(u64, Credentials),
    CloseLeg(LegNo),
    SetRemote(LegNo, Box<Remote>),
    Hears(LegNo, Vec<LegNo>),
    Connect(LegNo, LegNo),
    Disconnect,
    Hold(LegNo, bool),
    Detach(LegNo, oneshot::Sender<Detached>),
    Adopt(LegNo, Detached),
    Play(LegNo, Source),
    Stop(LegNo),
    SendDtmf(LegNo, Vec<u8>),
    DetectDtmf(LegNo, bool),
    KeepKeys(LegNo, bool),
    RecordAt(LegNo, Side),
    RecordLeg(LegNo, RecordLeg),
    StopRecordLeg(LegNo),
    Record(Record),
    PauseRecording(bool),
    Capture(LegNo, Arc<Heard>),
    Finish(oneshot::Sender<Finished>),
    Close,
    /// The last handle of this thread is gone.
    Shutdown,
}

/// The way into one media thread: a bounded channel, and an eventfd that wakes a thread that does not look by itself.
pub(crate) struct Mailbox {
    sender: SyncSender<Command>,
    bell: Arc<Bell>,
    /// Sessions alive on the thread, to choose the least busy one.
    pub(crate) sessions: AtomicUsize,
}

/// The thread's end of the mailbox.
pub(crate) struct Inbox {
    pub(crate) commands: Receiver<Command>,
    pub(crate) bell: Arc<Bell>,
}

/// Wakes a thread once for any number of commands, and not at all while it looks by itself.
///
/// A wake-up costs more than what most commands do. A thread with calls looks into its mailbox every 20 ms anyway, so
/// it is left asleep unless so much waits that the mailbox might fill up.
pub(crate) struct Bell {
    eventfd: EventFd,
    rung: AtomicBool,
    /// The thread looks by itself.
    attentive: AtomicBool,
    /// Commands put in since the thread looked.
    waiting: AtomicUsize,
}

impl Mailbox {
    pub(crate) fn open() -> std::io::Result<(Self, Inbox)> {
        let (sender, commands) = sync_channel(WAITING_COMMANDS);
        let eventfd = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let bell = Arc::new(Bell {
            eventfd,
            rung: AtomicBool::new(false),
            attentive: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        });
        Ok((Self { sender, bell: Arc::clone(&bell), sessions: AtomicUsize::new(0) }, Inbox { commands, bell }))
    }

    /// Hands a command over that somebody waits for.
    pub(crate) fn send_now(&self, session: u64, action: Action) {
        self.send(session, action);
        self.bell.ring();
    }

    /// Hands a command over. A thread that ended (it was told to, or it failed) loses it.
    pub(crate) fn send(&self, session: u64, action: Action) {
        let waiting = self.bell.waiting.fetch_add(1, Ordering::Relaxed);
        if self.sender.send(Command { session, action }).is_ok() {
            // Either the thread sees the command when it stops being attentive, or we see that it did.
            fence(Ordering::SeqCst);
            if waiting >= PATIENCE || !self.bell.attentive.load(Ordering::Relaxed) {
                self.bell.ring();
            }
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.send(0, Action::Shutdown);
    }
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // The counter cannot overflow: it is read before the flag falls.
            let _ = self.eventfd.write(1);
        }
    }

    pub(crate) fn eventfd(&self) -> &EventFd {
        &self.eventfd
    }

    /// Silences the bell; commands sent from here on ring it again.
    pub(crate) fn answer(&self) {
        let _ = self.eventfd.read();
        self.rung.store(false, Ordering::Release);
    }

    /// Notes that the thread looks into the mailbox now.
    pub(crate) fn looked(&self) {
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Says whether the thread will look by itself. After saying that it will not, it looks once more.
    pub(crate) fn attend(&self, attentive: bool) {
        self.attentive.store(attentive, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}
