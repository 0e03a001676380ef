//! SRTP and SRTCP (RFC 3711, RFC 7714) of one leg.
//!
//! A packet is first judged by its number, then by its tag; only what passed both changes anything here. Keys depend
//! on nothing but the master key, so a packet of an unknown stream is tried without a trace of it being kept.

mod cipher;
mod streams;
#[cfg(test)]
mod tests;

use audio::rtp::{HEADER, MAX_PACKET};
use subtle::ConstantTimeEq;

use self::cipher::{Cipher, GCM_TAG, Gcm, Use};
use self::streams::{Sent, Streams};
use crate::{SrtpKeys, SrtpSuite};

/// Bytes that protection adds at most: a tag, and the index of SRTCP.
const ADDED: usize = GCM_TAG + 4;
/// Room for a protected packet.
pub(crate) const SEALED: usize = MAX_PACKET + ADDED;

/// The header of RTCP that stays readable.
const RTCP_HEADER: usize = 8;
/// Marks an encrypted SRTCP packet in its index.
const ENCRYPTED: u32 = 1 << 31;
/// The tag of SRTCP is this long in every suite with HMAC-SHA1 (RFC 4568 §6.2).
const RTCP_TAG: usize = 10;

/// Protects what one leg sends and opens what it receives.
pub(crate) struct Srtp {
    keys: SrtpKeys,
    tag: usize,
    send: Way,
    receive: Way,
    sent: Sent,
    sent_rtcp: u32,
    received: Streams,
    received_rtcp: Streams,
}

/// The session keys of one direction.
enum Way {
    Cm { rtp: Box<Cipher>, rtcp: Box<Cipher> },
    Gcm { rtp: Gcm, rtcp: Gcm },
}

impl Way {
    fn new(suite: SrtpSuite, (key, salt): (&[u8], &[u8])) -> Self {
        if suite.is_gcm() {
            let gcm = |what| Gcm::new(suite, key, salt, what);
            Self::Gcm { rtp: gcm(Use::Rtp), rtcp: gcm(Use::Rtcp) }
        } else {
            let cipher = |what| Box::new(Cipher::new(key, salt, what));
            Self::Cm { rtp: cipher(Use::Rtp), rtcp: cipher(Use::Rtcp) }
        }
    }
}

impl Srtp {
    pub(crate) fn new(keys: SrtpKeys) -> Self {
        Self {
            tag: keys.suite().tag_length(),
            send: Way::new(keys.suite(), keys.send()),
            receive: Way::new(keys.suite(), keys.receive()),
            keys,
            sent: Sent::default(),
            sent_rtcp: 0,
            received: Streams::default(),
            received_rtcp: Streams::default(),
        }
    }

    /// Takes the keys of a later description. A direction whose master key stays goes on with its counters: no number
    /// is ever used twice with one key (RFC 3711 §9.1), and what the far end sent cannot be played again.
    pub(crate) fn renew(&mut self, keys: SrtpKeys) {
        let fresh = Self::new(keys.clone());
        if !same(keys.send(), self.keys.send()) {
            self.send = fresh.send;
            (self.sent, self.sent_rtcp) = (Sent::default(), 0);
        }
        if !same(keys.receive(), self.keys.receive()) {
            self.receive = fresh.receive;
            (self.received, self.received_rtcp) = (Streams::default(), Streams::default());
        }
        (self.tag, self.keys) = (fresh.tag, keys);
    }

    /// Protects an RTP packet of ours (a bare header and a payload) and returns it whole.
    pub(crate) fn seal<'a>(&mut self, packet: &[u8], room: &'a mut [u8; SEALED]) -> Option<&'a [u8]> {
        let (ssrc, sequence) = (word(packet, 8)?, half(packet, 2)?);
        let index = self.sent.index(sequence);
        let end = packet.len();
        let whole = room.get_mut(..end + self.tag)?;
        whole[..end].copy_from_slice(packet);
        match &self.send {
            Way::Cm { rtp, .. } => {
                rtp.crypt(ssrc, index, whole.get_mut(HEADER..end)?);
                let tag = rtp.sign(&whole[..end], &((index >> 16) as u32).to_be_bytes());
                whole[end..].copy_from_slice(&tag[..self.tag]);
            }
            Way::Gcm { rtp, .. } => {
                let (header, rest) = whole.split_at_mut_checked(HEADER)?;
                let tag = rtp.seal(ssrc, index, header, &mut rest[..end - HEADER])?;
                rest[end - HEADER..].copy_from_slice(&tag);
            }
        }
        Some(whole)
    }

    /// Opens a received packet in place and returns its length without the tag; `None` for a packet that is not
    /// authentic or was seen before.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Option<usize> {
        let payload = payload_start(packet)?;
        let end = packet.len().checked_sub(self.tag).filter(|end| *end >= payload)?;
        let (ssrc, sequence) = (word(packet, 8)?, half(packet, 2)?);
        let index = self.received.guess(ssrc, sequence)?;
        match &self.receive {
            Way::Cm { rtp, .. } => {
                let (body, tag) = packet.split_at_mut(end);
                if !rtp.verify(body, &((index >> 16) as u32).to_be_bytes(), tag) {
                    return None;
                }
                rtp.crypt(ssrc, index, &mut body[payload..]);
            }
            Way::Gcm { rtp, .. } => {
                let (header, rest) = packet.split_at_mut(payload);
                if !rtp.open(ssrc, index, header, rest) {
                    return None;
                }
            }
        }
        self.received.accept(ssrc, index);
        Some(end)
    }

    /// Protects a compound RTCP packet of ours.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) {
        let Some(ssrc) = word(packet, 4) else { return packet.clear() };
        // 31 bits of reports every five seconds outlast every call.
        self.sent_rtcp = (self.sent_rtcp + 1) & !ENCRYPTED;
        let marked = self.sent_rtcp | ENCRYPTED;
        match &self.send {
            Way::Cm { rtcp, .. } => {
                rtcp.crypt(ssrc, u64::from(self.sent_rtcp), &mut packet[RTCP_HEADER..]);
                packet.extend(marked.to_be_bytes());
                let tag = rtcp.sign(packet, &[]);
                packet.extend(&tag[..RTCP_TAG]);
            }
            Way::Gcm { rtcp, .. } => {
                let signed = signed_of_rtcp(packet, marked);
                match rtcp.seal(ssrc, u64::from(self.sent_rtcp), &signed, &mut packet[RTCP_HEADER..]) {
                    Some(tag) => packet.extend(tag),
                    None => return packet.clear(),
                }
                packet.extend(marked.to_be_bytes());
            }
        }
    }

    /// Opens a received RTCP packet in place and returns its length.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let (end, number) = match &self.receive {
            Way::Cm { .. } => {
                let end = packet.len().checked_sub(RTCP_TAG + 4)?;
                (end, word(packet, end)?)
            }
            Way::Gcm { .. } => {
                let index = packet.len().checked_sub(4)?;
                (index.checked_sub(GCM_TAG)?, word(packet, index)?)
            }
        };
        if end < RTCP_HEADER {
            return None;
        }
        let ssrc = word(packet, 4)?;
        let index = u64::from(number & !ENCRYPTED);
        if !self.received_rtcp.is_new(ssrc, index) {
            return None;
        }
        match &self.receive {
            Way::Cm { rtcp, .. } => {
                let (body, tag) = packet.split_at_mut(end + 4);
                if !rtcp.verify(body, &[], tag) {
                    return None;
                }
                if number & ENCRYPTED != 0 {
                    rtcp.crypt(ssrc, index, &mut body[RTCP_HEADER..end]);
                }
            }
            // Nobody who speaks GCM leaves reports readable (RFC 7714 §9.3 allows it).
            Way::Gcm { .. } if number & ENCRYPTED == 0 => return None,
            Way::Gcm { rtcp, .. } => {
                let signed = signed_of_rtcp(packet, number);
                if !rtcp.open(ssrc, index, &signed, &mut packet[RTCP_HEADER..end + GCM_TAG]) {
                    return None;
                }
            }
        }
        self.received_rtcp.accept(ssrc, index);
        Some(end)
    }
}

/// Returns what is signed of an RTCP packet and stays readable: its header and its index (RFC 7714 §9.2).
fn signed_of_rtcp(packet: &[u8], number: u32) -> [u8; RTCP_HEADER + 4] {
    let mut signed = [0; RTCP_HEADER + 4];
    signed[..RTCP_HEADER].copy_from_slice(&packet[..RTCP_HEADER]);
    signed[RTCP_HEADER..].copy_from_slice(&number.to_be_bytes());
    signed
}

/// Compares master keys and salts in a time that does not depend on them.
fn same(one: (&[u8], &[u8]), other: (&[u8], &[u8])) -> bool {
    (one.0.ct_eq(other.0) & one.1.ct_eq(other.1)).into()
}

/// Returns where the encrypted part of an RTP packet begins: behind the CSRC list and the header extension.
fn payload_start(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    if first >> 6 != 2 || packet.len() > MAX_PACKET {
        return None;
    }
    let start = HEADER + usize::from(first & 0x0f) * 4;
    if first & 0x10 == 0 {
        return Some(start);
    }
    Some(start + 4 + usize::from(half(packet, start + 2)?) * 4)
}

fn half(packet: &[u8], at: usize) -> Option<u16> {
    packet.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}
