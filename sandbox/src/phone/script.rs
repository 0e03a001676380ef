//! What a party does with a call.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use media::{Repeat, Source};
use sip_proto::sdp::Codec;
use tokio::task::JoinSet;

use crate::speech::{self, RATE, Voice};

/// How a party reacts to a call that comes in.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// Refuses with a SIP status and a Q.850 cause in `Reason`.
    Refuses { status: u16, q850: u8 },
    /// Rings until the caller gives up.
    Rings,
    /// Rings, answers after a while, and talks.
    Answers { after: Duration, talk: Talk },
}

/// What a party does once the call stands.
#[derive(Clone, Debug)]
pub struct Talk {
    pub says: Says,
    /// A key to press a second into the call.
    pub presses: Option<char>,
    pub hangs_up_after: Option<Duration>,
}

impl Talk {
    /// Returns a talk in that voice which ends when the other side hangs up.
    pub fn in_voice(voice: Voice) -> Self {
        Self { says: Says::Voice(voice), presses: None, hangs_up_after: None }
    }
}

/// What a party's line can do.
#[derive(Clone, Copy, Debug)]
pub struct Speaks {
    /// In the order of preference.
    pub codecs: &'static [Codec],
    pub keys: Keys,
    /// Whether the voice is encrypted (SRTP, SDES), and nothing else is taken.
    pub encrypted: bool,
    /// Whether the voice is encrypted where the other side can (RFC 8643).
    pub may_encrypt: bool,
}

impl Default for Speaks {
    /// G.711 in plain, with telephone-events.
    fn default() -> Self {
        Self { codecs: &[Codec::Pcma, Codec::Pcmu], keys: Keys::Events, encrypted: false, may_encrypt: false }
    }
}

/// How key presses travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// As telephone-events (RFC 4733).
    Events,
    /// By SIP INFO.
    Info,
    /// As tones in the sound.
    Tones,
}

/// What is heard from a party.
#[derive(Clone, Debug)]
pub enum Says {
    /// Speech in a voice, on and on.
    Voice(Voice),
    /// A greeting, a beep, then silence.
    Greeting,
    /// These samples of 8 kHz, once; then silence.
    Once(Arc<[i16]>),
    /// Packets of silence.
    Silence,
    /// No packets at all: a dead microphone, or a broken network.
    Nothing,
}

/// Length of the answering machine's greeting.
const GREETING: Duration = Duration::from_millis(2_400);

impl Says {
    /// Returns what to play; `None` for no packets.
    pub(crate) fn source(&self) -> Option<Source> {
        match self {
            Self::Voice(voice) => Some(Source::Pcm { samples: clip(*voice), repeat: Repeat::Forever }),
            Self::Greeting => Some(Source::Pcm { samples: greeting(), repeat: Repeat::Once }),
            Self::Once(samples) => Some(Source::Pcm { samples: Arc::clone(samples), repeat: Repeat::Once }),
            Self::Silence => Some(silence()),
            Self::Nothing => None,
        }
    }
}

/// Returns a second of silence over and over.
pub(crate) fn silence() -> Source {
    Source::Pcm { samples: vec![0; RATE as usize].into(), repeat: Repeat::Forever }
}

/// Returns the voice's clip; made once, since that takes a while.
pub(crate) fn clip(voice: Voice) -> Arc<[i16]> {
    static CLIPS: [OnceLock<Arc<[i16]>>; Voice::COUNT as usize] = [const { OnceLock::new() }; Voice::COUNT as usize];
    Arc::clone(CLIPS[voice.index()].get_or_init(|| voice.clip().into()))
}

/// Makes the clips of these voices beside the runtime, so that nobody waits for them in a call.
pub(crate) async fn rehearse(voices: impl IntoIterator<Item = Voice>) {
    let mut clips = JoinSet::new();
    for voice in voices {
        clips.spawn_blocking(move || clip(voice));
    }
    while clips.join_next().await.is_some() {}
}

fn greeting() -> Arc<[i16]> {
    let spoken = usize::try_from(GREETING.as_millis()).unwrap_or(0) * (RATE as usize / 1000);
    let mut samples = clip(Voice::MACHINE)[..spoken].to_vec();
    samples.extend(speech::beep());
    samples.into()
}
