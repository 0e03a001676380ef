//! SRTP and SRTCP (RFC 3711) of one leg.
//!
//! A packet is first judged by its number, then by its tag; only what passed both changes anything here. Keys depend
//! on nothing but the master key, so a packet of an unknown stream is tried without a trace of it being kept.

mod cipher;
mod streams;
#[cfg(test)]
mod tests;

use audio::rtp::{HEADER, MAX_PACKET};
use subtle::ConstantTimeEq;

use self::cipher::{Cipher, TAG, Use};
use self::streams::{Sent, Streams};
use crate::SrtpKeys;

/// Bytes that protection adds at most: a tag, and the index of SRTCP.
const ADDED: usize = TAG + 4;
/// Room for a protected packet.
pub(crate) const SEALED: usize = MAX_PACKET + ADDED;

/// The header of RTCP that stays readable.
const RTCP_HEADER: usize = 8;
/// Marks an encrypted SRTCP packet in its index.
const ENCRYPTED: u32 = 1 << 31;
/// The tag of SRTCP is this long in every suite (RFC 4568 §6.2).
const RTCP_TAG: usize = 10;

/// Protects what one leg sends and opens what it receives.
pub(crate) struct Srtp {
    keys: SrtpKeys,
    tag: usize,
    send: Cipher,
    send_rtcp: Cipher,
    receive: Cipher,
    receive_rtcp: Cipher,
    sent: Sent,
    sent_rtcp: u32,
    received: Streams,
    received_rtcp: Streams,
}

impl Srtp {
    pub(crate) fn new(keys: SrtpKeys) -> Self {
        let cipher = |(key, salt): (&[u8], &[u8]), what| Cipher::new(key, salt, what);
        Self {
            tag: keys.suite().tag_length(),
            send: cipher(keys.send(), Use::Rtp),
            send_rtcp: cipher(keys.send(), Use::Rtcp),
            receive: cipher(keys.receive(), Use::Rtp),
            receive_rtcp: cipher(keys.receive(), Use::Rtcp),
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
            (self.send, self.send_rtcp) = (fresh.send, fresh.send_rtcp);
            (self.sent, self.sent_rtcp) = (Sent::default(), 0);
        }
        if !same(keys.receive(), self.keys.receive()) {
            (self.receive, self.receive_rtcp) = (fresh.receive, fresh.receive_rtcp);
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
        self.send.crypt(ssrc, index, whole.get_mut(HEADER..end)?);
        let tag = self.send.sign(&whole[..end], &((index >> 16) as u32).to_be_bytes());
        whole[end..].copy_from_slice(&tag[..self.tag]);
        Some(whole)
    }

    /// Opens a received packet in place and returns its length without the tag; `None` for a packet that is not
    /// authentic or was seen before.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Option<usize> {
        let payload = payload_start(packet)?;
        let end = packet.len().checked_sub(self.tag).filter(|end| *end >= payload)?;
        let (ssrc, sequence) = (word(packet, 8)?, half(packet, 2)?);
        let index = self.received.guess(ssrc, sequence)?;
        let (body, tag) = packet.split_at_mut(end);
        if !self.receive.verify(body, &((index >> 16) as u32).to_be_bytes(), tag) {
            return None;
        }
        self.received.accept(ssrc, index);
        self.receive.crypt(ssrc, index, &mut body[payload..]);
        Some(end)
    }

    /// Protects a compound RTCP packet of ours.
    pub(crate) fn seal_rtcp(&mut self, packet: &mut Vec<u8>) {
        let Some(ssrc) = word(packet, 4) else { return packet.clear() };
        // 31 bits of reports every five seconds outlast every call.
        self.sent_rtcp = (self.sent_rtcp + 1) & !ENCRYPTED;
        self.send_rtcp.crypt(ssrc, u64::from(self.sent_rtcp), &mut packet[RTCP_HEADER..]);
        packet.extend((self.sent_rtcp | ENCRYPTED).to_be_bytes());
        let tag = self.send_rtcp.sign(packet, &[]);
        packet.extend(&tag[..RTCP_TAG]);
    }

    /// Opens a received RTCP packet in place and returns its length.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let signed = packet.len().checked_sub(RTCP_TAG)?;
        let end = signed.checked_sub(4).filter(|end| *end >= RTCP_HEADER)?;
        let (ssrc, number) = (word(packet, 4)?, word(packet, end)?);
        let index = u64::from(number & !ENCRYPTED);
        if !self.received_rtcp.is_new(ssrc, index) {
            return None;
        }
        let (body, tag) = packet.split_at_mut(signed);
        if !self.receive_rtcp.verify(body, &[], tag) {
            return None;
        }
        self.received_rtcp.accept(ssrc, index);
        if number & ENCRYPTED != 0 {
            self.receive_rtcp.crypt(ssrc, index, &mut body[RTCP_HEADER..end]);
        }
        Some(end)
    }
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
