//! AES in counter mode and HMAC-SHA1 as RFC 3711 §4 wants them, and AES-GCM as RFC 7714 does. Session keys are wiped
//! when dropped.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256, Block};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::remote::{LONGEST_SALT as SALT, SrtpSuite};

/// Bytes of a tag of AES-GCM.
pub(super) const GCM_TAG: usize = 16;
/// Bytes of an untruncated tag that are ever used.
pub(super) const TAG: usize = 10;
const AUTH_KEY: usize = 20;
/// Blocks encrypted at once: a G.711 packet of 20 ms.
const BLOCKS: usize = 10;
const BLOCK: usize = 16;

/// What keys are derived for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Rtp,
    Rtcp,
}

enum Aes {
    Short(Box<Aes128>),
    Long(Box<Aes256>),
}

/// The session keys of one direction.
pub(super) struct Cipher {
    aes: Aes,
    salt: Zeroizing<[u8; SALT]>,
    mac: Hmac<Sha1>,
}

/// The session keys of one direction where AES-GCM both encrypts and signs.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: Zeroizing<[u8; NONCE_LEN]>,
}

impl Aes {
    fn new(key: &[u8]) -> Self {
        match Aes128::new_from_slice(key) {
            Ok(aes) => Self::Short(Box::new(aes)),
            Err(_) => Self::Long(Box::new(Aes256::new_from_slice(key).expect("keys have 16 or 32 bytes"))),
        }
    }

    fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            Self::Short(aes) => aes.encrypt_blocks(blocks),
            Self::Long(aes) => aes.encrypt_blocks(blocks),
        }
    }

    /// Adds the key stream that begins at `iv`, whose last two bytes count blocks.
    fn stream(&self, iv: [u8; BLOCK], data: &mut [u8]) {
        let mut counter = 0u16;
        for part in data.chunks_mut(BLOCKS * BLOCK) {
            let mut blocks = [Block::from(iv); BLOCKS];
            let blocks = &mut blocks[..part.len().div_ceil(BLOCK)];
            for block in blocks.iter_mut() {
                block[14..].copy_from_slice(&counter.to_be_bytes());
                counter = counter.wrapping_add(1);
            }
            self.encrypt(blocks);
            for (bytes, block) in part.chunks_mut(BLOCK).zip(blocks) {
                for (byte, key) in bytes.iter_mut().zip(block.iter()) {
                    *byte ^= key;
                }
            }
        }
    }
}

impl Cipher {
    pub(super) fn new(key: &[u8], salt: &[u8], what: Use) -> Self {
        let master = Master::new(key, salt, what);
        let mut session = Zeroizing::new(vec![0; key.len()]);
        let mut auth = Zeroizing::new([0; AUTH_KEY]);
        let mut session_salt = Zeroizing::new([0; SALT]);
        master.derive(KEY, &mut session);
        master.derive(AUTH, &mut *auth);
        master.derive(SALTING, &mut *session_salt);
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&*auth).expect("HMAC takes keys of any length");
        Self { aes: Aes::new(&session), salt: session_salt, mac }
    }

    /// Encrypts or decrypts in place (RFC 3711 §4.1.1).
    pub(super) fn crypt(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        let mut iv = [0; BLOCK];
        iv[..SALT].copy_from_slice(&*self.salt);
        let ssrc = ssrc.to_be_bytes();
        // 48 bits.
        let [_, _, index @ ..] = index.to_be_bytes();
        for (byte, more) in iv[4..SALT].iter_mut().zip(ssrc.iter().chain(&index)) {
            *byte ^= more;
        }
        self.aes.stream(iv, data);
    }

    /// Returns the tag of a packet, long enough for every suite.
    pub(super) fn sign(&self, packet: &[u8], more: &[u8]) -> [u8; TAG] {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(more);
        let whole = mac.finalize().into_bytes();
        let mut tag = [0; TAG];
        tag.copy_from_slice(&whole[..TAG]);
        tag
    }

    /// Compares in a time that does not depend on the tag.
    pub(super) fn verify(&self, packet: &[u8], more: &[u8], tag: &[u8]) -> bool {
        let expected = self.sign(packet, more);
        tag.len() <= TAG && expected[..tag.len()].ct_eq(tag).into()
    }
}

impl Gcm {
    pub(super) fn new(suite: SrtpSuite, key: &[u8], salt: &[u8], what: Use) -> Self {
        let master = Master::new(key, salt, what);
        let mut session = Zeroizing::new(vec![0; key.len()]);
        let mut session_salt = Zeroizing::new([0; NONCE_LEN]);
        master.derive(KEY, &mut session);
        master.derive(SALTING, &mut *session_salt);
        let algorithm = if suite == SrtpSuite::Aes128Gcm { &AES_128_GCM } else { &AES_256_GCM };
        let key = UnboundKey::new(algorithm, &session).expect("the key has the length of its suite");
        Self { key: LessSafeKey::new(key), salt: session_salt }
    }

    /// Encrypts in place and returns the tag; `header` is signed and stays readable. `index` has 48 bits: the rollover
    /// counter and number of RTP (RFC 7714 §8.1), or the index of RTCP (§9.1).
    pub(super) fn seal(&self, ssrc: u32, index: u64, header: &[u8], data: &mut [u8]) -> Option<[u8; GCM_TAG]> {
        let tag = self.key.seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(header), data).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypts in place what its tag follows; false for what is not authentic.
    pub(super) fn open(&self, ssrc: u32, index: u64, header: &[u8], data_and_tag: &mut [u8]) -> bool {
        self.key.open_in_place(self.nonce(ssrc, index), Aad::from(header), data_and_tag).is_ok()
    }

    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = *self.salt;
        let [_, _, index @ ..] = index.to_be_bytes();
        for (byte, more) in nonce[2..].iter_mut().zip(ssrc.to_be_bytes().iter().chain(&index)) {
            *byte ^= more;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// What keys are derived of (RFC 3711 §4.3; a key derivation rate of 0). A shorter salt is filled up with zeros
/// (RFC 7714 §11).
struct Master {
    aes: Aes,
    salt: Zeroizing<[u8; SALT]>,
    first: u8,
}

const KEY: u8 = 0;
const AUTH: u8 = 1;
const SALTING: u8 = 2;

impl Master {
    fn new(key: &[u8], salt: &[u8], what: Use) -> Self {
        let mut whole = Zeroizing::new([0; SALT]);
        whole[..salt.len()].copy_from_slice(salt);
        let first = match what {
            Use::Rtp => 0,
            Use::Rtcp => 3,
        };
        Self { aes: Aes::new(key), salt: whole, first }
    }

    fn derive(&self, label: u8, to: &mut [u8]) {
        let mut iv = [0; BLOCK];
        iv[..SALT].copy_from_slice(&*self.salt);
        iv[7] ^= self.first + label;
        self.aes.stream(iv, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_derived_as_in_appendix_b_3() {
        let key = hex::decode("e1f97a0d3e018be0d64fa32c06de4139").unwrap();
        let salt = hex::decode("0ec675ad498afeebb6960b3aabe6").unwrap();
        let master = Aes::new(&key);
        let derived = |label: u8, length: usize| {
            let mut iv = [0; BLOCK];
            iv[..SALT].copy_from_slice(&salt);
            iv[7] ^= label;
            let mut bytes = vec![0; length];
            master.stream(iv, &mut bytes);
            hex::encode(bytes)
        };
        assert_eq!(derived(0, 16), "c61e7a93744f39ee10734afe3ff7a087");
        assert_eq!(derived(2, 14), "30cbbc08863d8c85d49db34a9ae1");
        assert_eq!(derived(1, 20), "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
    }

    #[test]
    fn the_key_stream_is_that_of_appendix_b_2() {
        let aes = Aes::new(&hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap());
        let mut iv = [0; BLOCK];
        iv[..SALT].copy_from_slice(&hex::decode("f0f1f2f3f4f5f6f7f8f9fafbfcfd").unwrap());
        let mut stream = vec![0; 0xff02 * BLOCK];
        aes.stream(iv, &mut stream);
        assert_eq!(hex::encode(&stream[..32]), "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab");
        assert_eq!(hex::encode(&stream[0xfeff * BLOCK..][..16]), "ec8cdf7398607cb0f2d21675ea9ea1e4");
    }
}
