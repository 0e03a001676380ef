use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::LegNo;

/// Something that happened to the media of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A key was pressed (RFC 4733, or in the sound where that is listened for): reported once, when the press begins.
    /// One of `0-9*#A-D`.
    Dtmf { leg: LegNo, digit: char },
    /// A connected leg that is not on hold sent no authentic packet for `Config::inactivity`. Reported once until it
    /// is heard again.
    Inactive { leg: LegNo },
    /// The far end of a WebRTC leg is not who its SDP says, or could not agree on keys: nothing will be heard.
    Insecure { leg: LegNo },
    /// The whole of a source played once has been sent.
    PlayFinished { leg: LegNo },
    /// The recording of one leg has ended and its file is on disk; 0 milliseconds if nothing was said.
    LegRecorded { leg: LegNo, millis: u64 },
    /// The recording stopped at an error; the call goes on.
    RecordingFailed { reason: String },
}

/// Where the events of a session go.
///
/// The channel behind it is bounded. Media never waits: an event that finds it full is dropped and logged.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(Event) -> bool + Send + Sync>);

impl EventSink {
    /// Sends events into a channel of their own.
    pub fn new(sender: mpsc::Sender<Event>) -> Self {
        Self::mapped(sender, |event| event)
    }

    /// Sends events into the channel of a bigger loop, wrapped by `wrap`.
    // Generic: the loop that owns a call has one mailbox for SIP, media and commands.
    pub fn mapped<T: Send + 'static>(
        sender: mpsc::Sender<T>,
        wrap: impl Fn(Event) -> T + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |event| sender.try_send(wrap(event)).is_ok()))
    }

    pub(crate) fn send(&self, kind: EventKind) {
        if !(self.0)(Event { kind: kind.clone() }) {
            tracing::warn!(?kind, "media event dropped: nobody takes events of this call");
        }
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}
