//! Streams of browsers: ICE (RFC 8839), DTLS-SRTP (RFC 5763, RFC 8842), one port for all (RFC 5761, RFC 9143).
//!
//! We are ICE-lite, and in DTLS the one that is called: nothing of the peer's addresses is needed, it finds us.

use std::{fmt, net::SocketAddr};

use super::{Media, Session, crypto::Hidden};

/// What browsers speak, and the form that leaves feedback out.
const PROTOCOLS: [&str; 2] = ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"];
/// The identification of the stream in our own offers.
const MID: &str = "0";
/// Lengths of the peer's name and password (RFC 8839 §5.4).
const NAMES: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORDS: std::ops::RangeInclusive<usize> = 22..=256;
/// Type preferences of candidates: UDP before TCP (RFC 8445 §5.1.2.1, RFC 6544 §4.2).
const UDP: u32 = 126;
const TCP: u32 = 90;

/// What we say of ourselves for a stream that a browser can use.
#[derive(Clone, PartialEq, Eq)]
pub struct WebRtc {
    /// `ice-ufrag`.
    pub ufrag: String,
    /// `ice-pwd`.
    pub password: Hidden,
    /// SHA-256 of our certificate.
    pub fingerprint: [u8; 32],
    /// The source of what we send.
    pub ssrc: u32,
    /// Where we can be reached, the usual address first.
    pub candidates: Vec<Candidate>,
}

/// An address at which we can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Address and port.
    pub address: SocketAddr,
    /// We are connected to by TCP (RFC 6544).
    pub tcp: bool,
}

/// Who the peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `ice-ufrag`; another one in a later description restarts ICE.
    pub ufrag: String,
    /// SHA-256 of the certificate that it is going to show.
    pub fingerprint: [u8; 32],
}

impl fmt::Debug for WebRtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRtc")
            .field("ufrag", &self.ufrag)
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

/// The part that the writer of a description wants in DTLS (RFC 4145 §4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// An offer that leaves it open.
    Either,
    /// The writer begins.
    Active,
    /// The writer waits.
    Passive,
}

impl WebRtc {
    /// Returns the attributes of our stream. In offers too we leave the handshake to the peer alone: one that begins at
    /// both ends has been seen to fail, and there are answers that would choose our part for us.
    pub(super) fn attributes(&self, mid: Option<&str>) -> Vec<String> {
        let mut lines: Vec<String> = mid.map(|mid| format!("mid:{mid}")).into_iter().collect();
        lines.extend([
            "rtcp-mux".to_owned(),
            format!("ice-ufrag:{}", self.ufrag),
            format!("ice-pwd:{}", self.password.reveal()),
            format!("fingerprint:sha-256 {}", spelled(&self.fingerprint)),
            "setup:passive".to_owned(),
            // Pages find the sound by its stream; who has several calls on one connection tells them apart by source.
            format!("msid:zorio{0:08x} audio", self.ssrc),
            format!("ssrc:{0} cname:zorio{0:08x}", self.ssrc),
        ]);
        lines.extend((0u32..).zip(&self.candidates).map(|(at, candidate)| candidate.line(at)));
        lines.push("end-of-candidates".to_owned());
        lines
    }
}

impl Candidate {
    fn line(&self, at: u32) -> String {
        let (transport, kind, preference) = if self.tcp { ("tcp", " tcptype passive", TCP) } else { ("udp", "", UDP) };
        let local = 0xffff_u32.saturating_sub(at);
        let priority = (preference << 24) | (local << 8) | 0xff;
        let (ip, port) = (self.address.ip(), self.address.port());
        format!("candidate:{} 1 {transport} {priority} {ip} {port} typ host{kind}", at.saturating_add(1))
    }
}

/// Returns the attributes of the whole description.
pub(super) fn session_attributes(mid: Option<&str>) -> Vec<String> {
    mid.map(|mid| format!("group:BUNDLE {mid}")).into_iter().chain(["ice-lite".to_owned()]).collect()
}

/// Returns the identification of the stream in our offers.
pub(super) const fn our_mid() -> &'static str {
    MID
}

/// Returns the identification of a stream, if it has one that can be repeated.
pub(super) fn mid(media: &Media) -> Option<&str> {
    value(&media.attributes, "mid").filter(|mid| crate::text::is_token(mid.as_bytes()) && mid.len() <= 64)
}

/// Tells whether the stream of a description stands in a group of streams that share one port.
pub(super) fn is_bundled(session: &Session, mid: &str) -> bool {
    session
        .attributes
        .iter()
        .any(|line| line.strip_prefix("group:BUNDLE").is_some_and(|group| group.split(' ').any(|member| member == mid)))
}

/// Tells whether this is the protocol of a browser's stream.
pub(super) fn is_protocol(protocol: &str) -> bool {
    PROTOCOLS.iter().any(|known| protocol.eq_ignore_ascii_case(known))
}

/// Returns who sends the first audio stream of an offer, if it is one of a browser that can be answered.
pub fn webrtc_peer(offer: &[u8]) -> Option<Peer> {
    let offer = Session::parse(offer).ok()?;
    let is_stream = |media: &&Media| media.kind == "audio" && media.port > 0 && is_protocol(&media.protocol);
    offer.media.iter().find(is_stream).and_then(|media| peer(&offer, media, &[Setup::Either, Setup::Active]))
}

/// Reads who the peer is. The stream must have one port, a certificate that we can compare, and let us do our part in
/// DTLS.
pub(super) fn peer(session: &Session, media: &Media, setups: &[Setup]) -> Option<Peer> {
    let either = |name| value(&media.attributes, name).or_else(|| value(&session.attributes, name));
    let of_ice = |text: &&str, lengths: &std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    if !media.attributes.iter().any(|line| line == "rtcp-mux") {
        return None;
    }
    let ufrag = either("ice-ufrag").filter(|name| of_ice(name, &NAMES))?;
    either("ice-pwd").filter(|password| of_ice(password, &PASSWORDS))?;
    let setup = match either("setup")? {
        "actpass" => Setup::Either,
        "active" => Setup::Active,
        "passive" => Setup::Passive,
        _ => return None,
    };
    if !setups.contains(&setup) {
        return None;
    }
    // Where the stream has fingerprints of its own, those of the session do not count (RFC 8122 §5).
    let prints = |lines: &[String]| -> Vec<String> {
        lines.iter().filter_map(|line| line.strip_prefix("fingerprint:")).map(str::to_owned).collect()
    };
    let mut found = prints(&media.attributes);
    if found.is_empty() {
        found = prints(&session.attributes);
    }
    let fingerprint = found.iter().find_map(|print| read_fingerprint(print))?;
    Some(Peer { ufrag: ufrag.to_owned(), fingerprint })
}

fn value<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Reads `sha-256 AB:CD:…`; other functions are passed over.
fn read_fingerprint(text: &str) -> Option<[u8; 32]> {
    let (function, hex) = text.trim().split_once(' ')?;
    if !function.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let bytes: Option<Vec<u8>> = hex
        .trim()
        .split(':')
        .map(|pair| u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2 && !pair.starts_with('+')))
        .collect();
    bytes?.try_into().ok()
}

fn spelled(fingerprint: &[u8; 32]) -> String {
    let pairs: Vec<String> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
