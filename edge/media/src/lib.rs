#![doc = include_str!("../README.md")]

mod command;
mod event;
mod latch;
mod leg;
mod media;
mod play;
mod ports;
mod record;
mod remote;
mod session;
mod socket;
mod srtp;
mod stats;
mod webrtc;
mod worker;

pub use audio::Codec;

pub use command::{Layout, Record, RecordLeg, Repeat, Side, Source, Tone};
pub use event::{Event, EventKind, EventSink};
pub use media::{Config, Media};
pub use remote::{Direction, Peer, Remote, SrtpKeys, SrtpSuite};
pub use session::{Capture, Detached, LegMedia, LegNo, NoPorts, Session};
pub use stats::{Dropped, Finished, LegStats, Recorded};
pub use webrtc::{Candidate, CandidateTransport, WebRtc};

use std::time::Instant;

/// Reads the monotonic clock: the one place of this crate that does.
#[expect(clippy::disallowed_methods, reason = "media threads turn on real packets; the machines they drive take `now`")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the samples of 8 kHz that have passed since `epoch`: the time of all media machines.
pub(crate) fn samples_since(epoch: Instant) -> u64 {
    let passed = now().saturating_duration_since(epoch);
    passed.as_secs() * u64::from(audio::SAMPLE_RATE) + u64::from(passed.subsec_nanos() / 125_000)
}
