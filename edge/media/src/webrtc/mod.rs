//! WebRTC legs (RFC 8834): many on one port, found by ICE, protected by keys that DTLS agrees on.
//!
//! ```text
//! browser --STUN, signed--> Desk: whose password? --> the address belongs to that leg from now on
//!         --DTLS----------> Line: is the certificate the one of the SDP? --> SRTP keys
//!         --SRTP, SRTCP---> Leg, as any other
//! ```
//!
//! We are ICE-lite (RFC 8445 §2.5): the far end checks, we answer; which way is taken the far end says. In DTLS we are
//! the server: nothing is sent to anybody who did not prove our password.
//!
//! The port belongs to one media thread. A leg that is moved to another thread is brought its packets through a pair of
//! sockets; what it sends leaves by the port itself.

mod desk;
mod line;
mod sockets;
mod stun;
mod tcp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use dimpl::DtlsCertificate;

pub(crate) use self::desk::{Desk, Found, Ready};
pub(crate) use self::line::{Happened, Line};
pub(crate) use self::sockets::{Sockets, WebRtcPort};
pub(crate) use self::tcp::Brought;

/// Characters of our user names in ICE.
const NAME: usize = 8;
/// Characters of our passwords: 142 bits.
const PASSWORD: usize = 24;
/// The characters of both, `ice-char` of RFC 8839 §5.4 without those that look odd in a log.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What the SDP of a WebRTC leg says of us.
#[derive(Clone, PartialEq, Eq)]
pub struct WebRtc {
    /// The media thread whose port it is, and the leg's place there.
    pub(crate) thread: usize,
    pub(crate) place: u64,
    /// `ice-ufrag`.
    pub ufrag: String,
    /// `ice-pwd`.
    pub password: String,
    /// SHA-256 of our certificate.
    pub fingerprint: [u8; 32],
    /// The source of what we send, the same for the life of the leg.
    pub ssrc: u32,
    /// Where we can be reached, the usual address first.
    pub candidates: Vec<Candidate>,
}

impl std::fmt::Debug for WebRtc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebRtc")
            .field("ufrag", &self.ufrag)
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

/// An address at which a WebRTC leg can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub address: SocketAddr,
    pub transport: CandidateTransport,
}

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateTransport {
    Udp,
    /// We are connected to (RFC 6544, `tcptype passive`).
    Tcp,
}

/// Name and password of one leg, until the next restart of ICE.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) name: [u8; NAME],
    pub(crate) password: String,
}

impl Credentials {
    pub(crate) fn draw() -> Self {
        let letter = || LETTERS[rand::random_range(0..LETTERS.len())];
        let name = std::array::from_fn(|_| letter());
        Self { name, password: (0..PASSWORD).map(|_| char::from(letter())).collect() }
    }

    pub(crate) fn ufrag(&self) -> String {
        self.name.iter().copied().map(char::from).collect()
    }
}

/// Who we are to all far ends: one certificate for the life of the process, as nobody checks more than its fingerprint.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<dimpl::Config>,
    pub(crate) fingerprint: [u8; 32],
}

impl Identity {
    pub(crate) fn new() -> io::Result<Self> {
        let certificate = dimpl::certificate::generate_self_signed_certificate().map_err(io::Error::other)?;
        // The address was proved by ICE before: a cookie would cost a round trip more.
        let config = dimpl::Config::builder().use_server_cookie(false).build().map_err(io::Error::other)?;
        let fingerprint = fingerprint(&certificate.certificate);
        Ok(Self { certificate, config: Arc::new(config), fingerprint })
    }
}

fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
