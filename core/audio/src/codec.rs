//! What packets hold: codecs by name, and the coders between payloads and samples.

mod decoder;
mod encoder;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::{Encoder, MAX_ENCODED};

use crate::g711::Law;

/// A codec of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus, mono.
    Opus,
}

impl Codec {
    /// Returns the usual RTP payload type: the static one (RFC 3551 §6), or 111 for Opus.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => 111,
        }
    }

    /// Returns the law of a G.711 codec.
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            Self::G722 | Self::Opus => None,
        }
    }

    /// Tells whether it carries more than telephone bandwidth.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::G722 | Self::Opus)
    }

    /// Returns the timestamp units in 1/8,000 s: RTP counts Opus at 48 kHz (RFC 7587), all others at 8 kHz.
    pub const fn scale(self) -> u32 {
        match self {
            Self::Opus => 6,
            _ => 1,
        }
    }

    /// Tells whether packets of this codec reach the other without being decoded.
    pub fn relays_to(self, other: Self) -> bool {
        self == other || (self.law().is_some() && other.law().is_some())
    }
}

/// Samples per second of decoded sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rate {
    /// 8 kHz.
    #[default]
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Rate {
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
        }
    }

    /// Returns the samples of 20 ms.
    pub const fn frame(self) -> usize {
        match self {
            Self::Narrow => crate::FRAME,
            Self::Wide => 2 * crate::FRAME,
        }
    }
}
