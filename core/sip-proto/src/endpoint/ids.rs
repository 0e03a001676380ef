//! Tags, branches and Call-IDs: opaque to others, an array index to us.
//!
//! A token is 128 random bits and a slot number hidden by a keyed hash of them.
//! What we find behind the slot must carry the same random bits, so a forged token leads nowhere.

use std::hash::{DefaultHasher, Hasher};

use sha2::{Digest, Sha256};

/// The magic start of a branch (RFC 3261 §8.1.1.7).
const COOKIE: &str = "z9hG4bK";

/// 128 random bits and the number of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) random: u128,
    pub(crate) slot: u32,
}

/// The generator of everything that must not be guessed.
pub(crate) struct Ids {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
    secret: u64,
}

impl Ids {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut ids = Self { seed, counter: 0, block: [0; 32], used: 32, secret: 0 };
        ids.secret = ids.random64();
        ids
    }

    /// Returns 64 random bits: SHA-256 of seed and counter.
    pub(crate) fn random64(&mut self) -> u64 {
        if self.used + 8 > self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.counter.to_be_bytes());
            self.block = hash.finalize().into();
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_be_bytes(bytes)
    }

    pub(crate) fn random128(&mut self) -> u128 {
        (u128::from(self.random64()) << 64) | u128::from(self.random64())
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random64() % bound.max(1)
    }

    /// Returns a keyed hash of the parts; equal parts give equal hashes for the life of this generator.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret);
        hasher.write(&self.seed);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// Prints a token as 40 hexadecimal digits.
    pub(crate) fn print(&self, token: Token) -> String {
        let mut text = String::with_capacity(40);
        self.print_into(token, &mut text);
        text
    }

    fn print_into(&self, token: Token, text: &mut String) {
        push_hex(text, &(token.slot ^ self.mask(token.random)).to_be_bytes());
        push_hex(text, &token.random.to_be_bytes());
    }

    /// Reads a token; any 40 hexadecimal digits give one.
    pub(crate) fn parse(&self, text: &str) -> Option<Token> {
        if text.len() != 40 {
            return None;
        }
        let masked = u32::from_str_radix(text.get(..8)?, 16).ok()?;
        let random = u128::from_str_radix(text.get(8..)?, 16).ok()?;
        Some(Token { random, slot: masked ^ self.mask(random) })
    }

    /// Prints a token as a branch.
    pub(crate) fn branch(&self, token: Token) -> String {
        let mut text = String::with_capacity(COOKIE.len() + 40);
        text.push_str(COOKIE);
        self.print_into(token, &mut text);
        text
    }

    /// Reads a branch that [`Ids::branch`] printed.
    pub(crate) fn parse_branch(&self, branch: &str) -> Option<Token> {
        self.parse(branch.strip_prefix(COOKIE)?)
    }

    fn mask(&self, random: u128) -> u32 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret);
        hasher.write_u128(random);
        (hasher.finish() >> 32) as u32
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text() {
        let mut ids = Ids::new([7; 32]);
        for slot in [0, 1, 77, u32::MAX] {
            let token = Token { random: ids.random128(), slot };
            assert_eq!(ids.parse(&ids.print(token)), Some(token));
            assert_eq!(ids.parse_branch(&ids.branch(token)), Some(token));
        }
        assert_eq!(ids.parse("xyz"), None);
        assert_eq!(ids.parse(&"é".repeat(20)), None);
    }

    #[test]
    fn two_tokens_of_one_slot_share_nothing() {
        let mut ids = Ids::new([7; 32]);
        let one = ids.random128();
        let other = ids.random128();
        assert_ne!(ids.print(Token { random: one, slot: 5 })[..8], ids.print(Token { random: other, slot: 5 })[..8]);
    }
}
