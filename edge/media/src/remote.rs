//! What the far end of a leg said, and what we agreed to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use audio::Codec;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What the far end of a leg said, and what we agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where its SDP asks for RTP.
    pub address: SocketAddr,
    /// Where its SDP asks for RTCP (the RTP port + 1, or `a=rtcp`).
    pub rtcp: SocketAddr,
    pub codec: Codec,
    /// Payload type of what we send.
    pub send_payload: u8,
    /// Payload type of what we receive.
    pub receive_payload: u8,
    /// Payload type of telephone-events that we send, if the far end takes them.
    pub dtmf_send: Option<u8>,
    pub dtmf_receive: Option<u8>,
    /// Lets a source be learnt whose address is neither that of the SDP nor that of the signalling.
    pub may_latch: bool,
    /// The address its signalling came from.
    pub signalled_from: IpAddr,
    /// Seen from us.
    pub direction: Direction,
    /// Keys of SRTP; plain RTP without.
    pub srtp: Option<SrtpKeys>,
    /// The far end of a WebRTC leg, whose keys and addresses come from elsewhere: `address`, `rtcp`, `may_latch`,
    /// `signalled_from` and `srtp` mean nothing there.
    pub webrtc: Option<Peer>,
}

/// Who the far end of a WebRTC leg is, as its SDP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the certificate that it has to show (RFC 8122).
    pub fingerprint: [u8; 32],
}

/// The direction of a stream (RFC 8866 §6.7), seen from us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl Direction {
    /// Tells whether we may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Tells whether the far end may send.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// How SRTP encrypts and signs (RFC 3711, RFC 6188, RFC 7714).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpSuite {
    /// AES-128 in counter mode, tags of 80 bits.
    Aes128Sha80,
    /// AES-128 in counter mode, tags of 32 bits (SRTCP: 80).
    Aes128Sha32,
    /// AES-256 in counter mode, tags of 80 bits.
    Aes256Sha80,
    /// AES-128 in Galois/counter mode.
    Aes128Gcm,
    /// AES-256 in Galois/counter mode.
    Aes256Gcm,
}

impl SrtpSuite {
    /// Returns the length of a master key, which the master salt follows.
    pub(crate) const fn key_length(self) -> usize {
        match self {
            Self::Aes128Sha80 | Self::Aes128Sha32 | Self::Aes128Gcm => 16,
            Self::Aes256Sha80 | Self::Aes256Gcm => 32,
        }
    }

    pub(crate) const fn salt_length(self) -> usize {
        if self.is_gcm() { 12 } else { LONGEST_SALT }
    }

    pub(crate) const fn is_gcm(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes256Gcm)
    }

    pub(crate) const fn tag_length(self) -> usize {
        match self {
            Self::Aes128Sha80 | Self::Aes256Sha80 => 10,
            Self::Aes128Sha32 => 4,
            Self::Aes128Gcm | Self::Aes256Gcm => 16,
        }
    }
}

/// Bytes of a master salt at most.
pub(crate) const LONGEST_SALT: usize = 14;

/// The master keys of a leg; wiped when dropped and never shown.
#[derive(Clone)]
pub struct SrtpKeys {
    suite: SrtpSuite,
    send: Zeroizing<Vec<u8>>,
    receive: Zeroizing<Vec<u8>>,
}

impl SrtpKeys {
    /// Takes master key and master salt in one, of what we send and of what we receive; `None` unless both have the
    /// length that the suite wants.
    pub fn new(suite: SrtpSuite, send: &[u8], receive: &[u8]) -> Option<Self> {
        let length = suite.key_length() + suite.salt_length();
        let own = |key: &[u8]| Zeroizing::new(key.to_vec());
        (send.len() == length && receive.len() == length).then(|| Self {
            suite,
            send: own(send),
            receive: own(receive),
        })
    }

    pub(crate) fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// Returns key and salt of what we send.
    pub(crate) fn send(&self) -> (&[u8], &[u8]) {
        self.send.split_at(self.suite.key_length())
    }

    /// Returns key and salt of what we receive.
    pub(crate) fn receive(&self) -> (&[u8], &[u8]) {
        self.receive.split_at(self.suite.key_length())
    }
}

impl PartialEq for SrtpKeys {
    fn eq(&self, other: &Self) -> bool {
        self.suite == other.suite && (self.send.ct_eq(&other.send) & self.receive.ct_eq(&other.receive)).into()
    }
}

impl Eq for SrtpKeys {}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpKeys").field("suite", &self.suite).finish_non_exhaustive()
    }
}
