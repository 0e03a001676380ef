//! Session descriptions (RFC 8866) and the offer/answer exchange for telephone audio (RFC 3264).
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

mod codec;
mod crypto;
mod negotiate;
mod parse;
mod print;
mod webrtc;

use std::net::IpAddr;

pub use self::{
    codec::Codec,
    crypto::{Crypto, Hidden, Keys, MasterKey, Security, Srtp, Suite},
    negotiate::{Agreed, Local, accept_answer, accept_offer, offer, wants_ip6},
    webrtc::{Candidate, Peer, WebRtc, webrtc_peer},
};

/// A session description. Lines this crate has no field for are kept only if they are attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Originator.
    pub origin: Origin,
    /// Session name; `-` where there is none.
    pub name: String,
    /// Address for media that state none.
    pub connection: Option<Connection>,
    /// Direction for media that state none.
    pub direction: Option<Direction>,
    /// Other attributes, as `name` or `name:value`.
    pub attributes: Vec<String>,
    /// Streams.
    pub media: Vec<Media>,
}

/// The `o=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name; `-` where there is none.
    pub username: String,
    /// Numeric session id, as text: it may be longer than any integer.
    pub session_id: String,
    /// Numeric version, as text.
    pub version: String,
    /// Address or name, never used as a destination.
    pub host: String,
    /// Whether the address type is IP6.
    pub ip6: bool,
}

/// The `c=` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Unicast address, or the unspecified address of an old-style hold.
    pub address: IpAddr,
}

/// Which way media flows, seen from whoever wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer sends only: it holds the other side.
    SendOnly,
    /// The writer receives only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Tells whether the writer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Tells whether the writer receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// Returns the direction with these two abilities.
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Returns the same flow seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// Returns what both allow.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// Returns the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// One stream: an `m=` line and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, ….
    pub kind: String,
    /// Port; 0 refuses or removes the stream.
    pub port: u16,
    /// Number of ports where one is written.
    pub ports: Option<u16>,
    /// `RTP/AVP` and the like.
    pub protocol: String,
    /// Payload types, or other formats, in order of preference.
    pub formats: Vec<String>,
    /// Address of this stream.
    pub connection: Option<Connection>,
    /// Direction of this stream.
    pub direction: Option<Direction>,
    /// Packet time that is wished for, in milliseconds.
    pub ptime: Option<u16>,
    /// Longest packet time, in milliseconds.
    pub maxptime: Option<u16>,
    /// Encodings of payload types.
    pub rtpmaps: Vec<Rtpmap>,
    /// Parameters of payload types.
    pub fmtp: Vec<Fmtp>,
    /// Where RTCP goes if not to the next port (RFC 3605).
    pub rtcp: Option<Rtcp>,
    /// Keys of a protected stream; lines that are malformed are left out.
    pub crypto: Vec<Crypto>,
    /// Other attributes, as `name` or `name:value`.
    pub attributes: Vec<String>,
}

/// The `a=rtpmap` attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtpmap {
    /// Payload type, 0-127.
    pub payload: u8,
    /// Encoding name in the case it was written in.
    pub encoding: String,
    /// Clock rate in hertz.
    pub clock: u32,
    /// Channels; 1 where none are written.
    pub channels: u8,
}

/// The `a=fmtp` attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fmtp {
    /// Payload type, 0-127.
    pub payload: u8,
    /// Parameters as they were written.
    pub parameters: String,
}

/// The `a=rtcp` attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp {
    /// Port.
    pub port: u16,
    /// Address if another than that of the stream.
    pub address: Option<IpAddr>,
}

/// Why a description is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a session description.
    #[error("the session description is malformed")]
    Malformed,
    /// Beyond the limits.
    #[error("the session description is too large")]
    TooLarge,
    /// Well formed, but nothing in it can be used.
    #[error("nothing in the session description can be used")]
    NotAcceptable,
}

impl Refused {
    /// Returns the status to answer an offer with.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::TooLarge => 413,
            Self::NotAcceptable => 488,
        }
    }
}
