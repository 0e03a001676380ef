use std::path::PathBuf;

use audio::Codec;

use crate::LegNo;

/// What became of the media of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    /// In the order in which the legs were opened.
    pub legs: Vec<LegStats>,
    /// `None` if there was no recording or it failed before its first sample.
    pub recording: Option<Recorded>,
}

/// The packets of one leg.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegStats {
    pub leg: LegNo,
    /// The last that was agreed on.
    pub codec: Option<Codec>,
    /// Authentic packets received.
    pub received: u64,
    pub sent: u64,
    /// Packets missing from the received sequence (RFC 3550 §A.3).
    pub lost: u64,
    /// Packets that came too late to be heard where we decode.
    pub late: u64,
    /// Inter-arrival jitter in milliseconds (RFC 3550 §A.8).
    pub jitter_ms: f32,
    /// Way to the far end and back, where it tells (RTCP).
    pub round_trip_ms: Option<f32>,
    /// Estimated mean opinion score of what was received, 1.0-4.5; 0 if nothing was.
    pub mos: f32,
    /// Loss of what we sent as the far end reports it (RTCP), in packets.
    pub remote_lost: u64,
    /// Jitter of what we sent as the far end reports it, in milliseconds.
    pub remote_jitter_ms: f32,
    pub dropped: Dropped,
}

/// Packets that were not let in, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Arrived before the far end was known.
    pub early: u64,
    /// From a source that was not signalled, or after another was locked.
    pub stranger: u64,
    /// Not RTP version 2, or too long.
    pub malformed: u64,
    /// A payload type that was not agreed.
    pub payload: u64,
    /// Repeated, far out of sequence, or a stream that changed too soon.
    pub sequence: u64,
    /// More than 200 in a second.
    pub excess: u64,
    /// Protected with a wrong key, changed, or played again.
    pub unauthentic: u64,
    /// While the far end was to be silent.
    pub held: u64,
}

impl Dropped {
    /// Returns the sum over all reasons.
    pub fn total(&self) -> u64 {
        self.reasons().iter().map(|(_, count)| count).sum()
    }

    /// Returns every reason by name with its count.
    pub fn reasons(&self) -> [(&'static str, u64); 8] {
        [
            ("early", self.early),
            ("stranger", self.stranger),
            ("malformed", self.malformed),
            ("payload", self.payload),
            ("sequence", self.sequence),
            ("excess", self.excess),
            ("unauthentic", self.unauthentic),
            ("held", self.held),
        ]
    }
}

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    pub duration_ms: u64,
    /// Packets that the writer was too slow for; their time is silent.
    pub dropped: u64,
    /// False if the recording stopped at an error before the end of the session.
    pub complete: bool,
}
