//! Encodings that can be agreed on.

use super::{Fmtp, Media, Rtpmap};
use crate::text::decimal;

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s: 16 kHz sound on a clock of 8 kHz (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 7587), always mono from us.
    Opus,
}

impl Codec {
    /// Returns the payload type of our offers: the static one (RFC 3551 §6), or for Opus the usual dynamic one.
    pub const fn payload(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => 111,
        }
    }

    /// Returns the encoding name.
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// Returns the clock rate of its timestamps in hertz.
    pub const fn clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => NARROW_CLOCK,
            Self::Opus => OPUS_CLOCK,
        }
    }

    /// Returns the codec of an encoding name, in any case.
    pub fn named(encoding: &str) -> Option<Self> {
        [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus]
            .into_iter()
            .find(|codec| codec.encoding().eq_ignore_ascii_case(encoding))
    }

    /// Tells whether the payload type of a stream is this codec; static types are known without an rtpmap.
    pub(super) fn is(self, media: &Media, payload: u8) -> bool {
        match rtpmap(media, payload) {
            Some(map) => {
                let channels = match self {
                    // RFC 7587 §7 wants two; some write none.
                    Self::Opus => matches!(map.channels, 1 | 2),
                    _ => map.channels == 1,
                };
                map.encoding.eq_ignore_ascii_case(self.encoding()) && map.clock == self.clock() && channels
            }
            None => self != Self::Opus && self.payload() == payload,
        }
    }
}

pub(super) const NARROW_CLOCK: u32 = 8_000;
const OPUS_CLOCK: u32 = 48_000;
const DTMF_ENCODING: &str = "telephone-event";
/// Payload types of telephone-events in our offers, by their clock.
const DTMF_PAYLOADS: [(u32, u8); 2] = [(NARROW_CLOCK, 101), (OPUS_CLOCK, 110)];

fn rtpmap(media: &Media, payload: u8) -> Option<&Rtpmap> {
    media.rtpmaps.iter().find(|map| map.payload == payload)
}

/// The payload types of a stream, in order.
pub(super) fn payloads(media: &Media) -> impl Iterator<Item = u8> {
    media.formats.iter().filter_map(|format| decimal::<u8>(format.as_bytes()))
}

/// Returns the payload type of telephone-events of a stream and their clock: that of the codec, or else 8 kHz.
pub(super) fn events(media: &Media, codec: Codec) -> Option<(u8, u32)> {
    let with_clock = |clock: u32| {
        let is_event = |payload: &u8| {
            rtpmap(media, *payload).is_some_and(|map| {
                map.encoding.eq_ignore_ascii_case(DTMF_ENCODING) && map.clock == clock && map.channels == 1
            })
        };
        payloads(media).find(is_event).map(|payload| (payload, clock))
    };
    with_clock(codec.clock()).or_else(|| with_clock(NARROW_CLOCK))
}

/// Returns the payload type that we gave telephone-events of this clock.
pub(super) fn our_events(clock: u32) -> Option<u8> {
    DTMF_PAYLOADS.iter().find(|(known, _)| *known == clock).map(|(_, payload)| *payload)
}

/// One format of a stream that we describe.
#[derive(Clone, Copy)]
pub(super) struct Format {
    pub(super) payload: u8,
    encoding: &'static str,
    clock: u32,
    channels: u8,
    parameters: Option<&'static str>,
}

impl Format {
    pub(super) fn of(codec: Codec, payload: u8) -> Self {
        let (channels, parameters) = match codec {
            Codec::Opus => (2, Some("useinbandfec=1")),
            _ => (1, None),
        };
        Self { payload, encoding: codec.encoding(), clock: codec.clock(), channels, parameters }
    }

    pub(super) fn events(payload: u8, clock: u32) -> Self {
        Self { payload, encoding: DTMF_ENCODING, clock, channels: 1, parameters: Some("0-15") }
    }

    /// The formats of an offer: the codecs, then telephone-events in each of their clocks.
    pub(super) fn offered(codecs: &[Codec], dtmf: bool) -> Vec<Self> {
        let events = DTMF_PAYLOADS
            .iter()
            .filter(|(clock, _)| dtmf && codecs.iter().any(|codec| codec.clock() == *clock))
            .map(|(clock, payload)| Self::events(*payload, *clock));
        codecs.iter().map(|codec| Self::of(*codec, codec.payload())).chain(events).collect()
    }

    pub(super) fn rtpmap(&self) -> Rtpmap {
        Rtpmap { payload: self.payload, encoding: self.encoding.to_owned(), clock: self.clock, channels: self.channels }
    }

    pub(super) fn fmtp(&self) -> Option<Fmtp> {
        self.parameters.map(|parameters| Fmtp { payload: self.payload, parameters: parameters.to_owned() })
    }
}
