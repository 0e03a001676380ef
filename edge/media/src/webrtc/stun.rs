//! STUN (RFC 8489) as far as an ICE-lite agent needs it (RFC 8445 §7.3): binding requests, and the answers to them.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

const HEADER: usize = 20;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
/// Bytes of an HMAC-SHA1.
const MAC: usize = 20;
/// What the CRC of a fingerprint is crossed with.
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// A binding request of which nothing is proved yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check<'a> {
    message: &'a [u8],
    /// The part of USERNAME before the colon: whom it is for.
    pub(super) for_whom: &'a [u8],
    /// USE-CANDIDATE: this way is to be taken.
    pub(super) nominates: bool,
    /// The far end thinks that we decide which way is taken.
    conflicts: bool,
    /// Where MESSAGE-INTEGRITY stands.
    integrity: usize,
}

impl<'a> Check<'a> {
    /// Reads a binding request that has a user name and is signed; everything else is `None`.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let header = message.get(..HEADER)?;
        let length = usize::from(half(header, 2)?);
        if half(header, 0)? != BINDING_REQUEST || header[4..8] != MAGIC || message.len() != HEADER + length {
            return None;
        }
        let (mut for_whom, mut integrity) = (None, None);
        let (mut nominates, mut conflicts) = (false, false);
        let mut at = HEADER;
        while at < message.len() {
            let (kind, length) = (half(message, at)?, usize::from(half(message, at + 2)?));
            let value = message.get(at + 4..at + 4 + length)?;
            match kind {
                // What follows the signature is not signed (RFC 8489 §14.5), but for the fingerprint.
                FINGERPRINT if length == 4 => {
                    let sum = crc32(&message[..at]) ^ FINGERPRINT_XOR;
                    if value != sum.to_be_bytes() || at + 8 != message.len() {
                        return None;
                    }
                }
                _ if integrity.is_some() => {}
                USERNAME => for_whom = Some(value.split(|&byte| byte == b':').next()?),
                MESSAGE_INTEGRITY if length == MAC => integrity = Some(at),
                USE_CANDIDATE => nominates = true,
                ICE_CONTROLLED => conflicts = true,
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        Some(Self { message, for_whom: for_whom?, nominates, conflicts, integrity: integrity? })
    }

    /// Tells whether the request was signed with this password.
    pub(super) fn proves(&self, password: &str) -> bool {
        let signed = &self.message[..self.integrity];
        let Some(mac) = self.message.get(self.integrity + 4..self.integrity + 4 + MAC) else { return false };
        sign(signed, password).ct_eq(mac).into()
    }

    /// Tells whether the way may be used: the far end knows that it decides.
    pub(super) fn is_agreed(&self) -> bool {
        !self.conflicts
    }

    /// Returns the answer: where the request came from, or that the far end has to decide (487, RFC 8445 §7.3.1.1).
    pub(super) fn answer(&self, source: SocketAddr, password: &str) -> Vec<u8> {
        let kind = if self.conflicts { BINDING_ERROR } else { BINDING_SUCCESS };
        let mut answer = Vec::with_capacity(80);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 0]);
        answer.extend(&self.message[4..HEADER]);
        if self.conflicts {
            put(&mut answer, ERROR_CODE, &[b"\0\0\x04\x57" as &[u8], b"Role Conflict"].concat());
        } else {
            put(&mut answer, XOR_MAPPED_ADDRESS, &crossed(source, &self.message[4..HEADER]));
        }
        let mac = sign(&answer, password);
        put(&mut answer, MESSAGE_INTEGRITY, &mac);
        let length = answer.len() + 8 - HEADER;
        answer[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        let sum = crc32(&answer) ^ FINGERPRINT_XOR;
        put(&mut answer, FINGERPRINT, &sum.to_be_bytes());
        answer
    }
}

/// Adds an attribute, filled up to four bytes.
fn put(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// Returns the HMAC of a message that ends before its MESSAGE-INTEGRITY, with the length that it has with it.
fn sign(message: &[u8], password: &str) -> [u8; MAC] {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(password.as_bytes()).expect("HMAC takes keys of any length");
    let length = (message.len() + 4 + MAC - HEADER) as u16;
    mac.update(&message[..2]);
    mac.update(&length.to_be_bytes());
    mac.update(&message[4..]);
    mac.finalize().into_bytes().into()
}

/// Returns the value of XOR-MAPPED-ADDRESS; `key` is the magic cookie and the transaction id (RFC 8489 §14.2).
fn crossed(address: SocketAddr, key: &[u8]) -> Vec<u8> {
    let (family, ip): (u8, Vec<u8>) = match address.ip() {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let plain = address.port().to_be_bytes();
    let mut value = vec![0, family, plain[0] ^ key[0], plain[1] ^ key[1]];
    value.extend(ip.iter().zip(key).map(|(byte, key)| byte ^ key));
    value
}

fn half(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

/// The CRC-32 of ITU-T V.42, four bits at a time: requests are short and few.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..2 {
            sum = (sum >> 4) ^ CRC[(sum & 0x0f) as usize];
        }
    }
    !sum
}

static CRC: [u32; 16] = crc_table();

const fn crc_table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 4 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sample request of RFC 5769 §2.1, signed with this password.
    const SAMPLE: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
                          002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
                          000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_sample_request_is_read_and_proved() {
        let sample = hex::decode(SAMPLE).unwrap();
        let check = Check::parse(&sample).unwrap();
        assert_eq!(check.for_whom, b"evtj");
        assert!(check.proves(PASSWORD) && !check.proves("another password of that length"));
        assert!(!check.nominates && !check.is_agreed(), "it claims to be the controlled one");
        for at in 0..sample.len() - 8 {
            let mut wrong = sample.clone();
            wrong[at] ^= 0x10;
            assert!(!Check::parse(&wrong).is_some_and(|check| check.proves(PASSWORD)), "{at}");
        }
    }

    #[test]
    fn the_sample_answer_is_written() {
        // RFC 5769 §2.2 has a SOFTWARE attribute beside; the address and its crossing are the sample's.
        let sample = hex::decode("2112a442b7e7a701bc34d686fa87dfae").unwrap();
        assert_eq!(hex::encode(crossed("192.0.2.1:32853".parse().unwrap(), &sample)), "0001a147e112a643");
        let v6 = crossed("[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap(), &sample);
        assert_eq!(hex::encode(v6), "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9");
    }

    #[test]
    fn an_answer_is_signed_and_carries_its_fingerprint() {
        let sample = hex::decode(SAMPLE).unwrap();
        let check = Check::parse(&sample).unwrap();
        let answer = check.answer("192.0.2.1:32853".parse().unwrap(), PASSWORD);
        assert_eq!(half(&answer, 0), Some(BINDING_ERROR));
        assert_eq!(usize::from(half(&answer, 2).unwrap()) + HEADER, answer.len());
        let end = answer.len() - 8;
        assert_eq!(answer[end + 4..], (crc32(&answer[..end]) ^ FINGERPRINT_XOR).to_be_bytes());
        assert_eq!(answer[end - MAC..end], sign(&answer[..end - MAC - 4], PASSWORD));
    }

    #[test]
    fn the_sum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), whole in any::<bool>()) {
            let mut bytes = bytes;
            if whole && bytes.len() >= HEADER {
                let length = (bytes.len() - HEADER) as u16;
                bytes[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes[4..8].copy_from_slice(&MAGIC);
            }
            if let Some(check) = Check::parse(&bytes) {
                prop_assert!(!check.proves(PASSWORD));
            }
        }
    }
}
