//! Tags, branches and Call-IDs: opaque to others, an array index to us.
//!
//! A token is 128 random bits and a slot number hidden by a keyed hash of them.
//! What we find behind the slot must carry the same random bits, so a forged token leads nowhere.

use std::{
    fmt,
    hash::{DefaultHasher, Hasher},
    ops::Deref,
    sync::Arc,
};

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
    pub(crate) fn print(&self, token: Token) -> Arc<str> {
        let Branch { masked, random } = self.branch(token);
        format!("{masked:08x}{random:032x}").into()
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

    /// Returns a token as a branch, to be printed.
    pub(crate) fn branch(&self, token: Token) -> Branch {
        Branch { masked: token.slot ^ self.mask(token.random), random: token.random }
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

/// A branch of ours. It prints itself without a text of its own.
pub(crate) struct Branch {
    masked: u32,
    random: u128,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COOKIE}{:08x}{:032x}", self.masked, self.random)
    }
}

/// A tag of eight hexadecimal digits, for what begins no dialog.
pub(crate) struct ShortTag([u8; 8]);

impl ShortTag {
    /// Returns the tag of the upper half of a hash.
    pub(crate) fn of(hash: u64) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        Self(std::array::from_fn(|at| DIGITS[(hash >> (60 - 4 * at)) as usize & 15]))
    }
}

impl Deref for ShortTag {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
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
            assert_eq!(ids.parse_branch(&ids.branch(token).to_string()), Some(token));
        }
        assert_eq!(ids.parse("xyz"), None);
        assert_eq!(ids.parse(&"é".repeat(20)), None);
    }

    #[test]
    fn a_short_tag_is_the_upper_half_of_the_hash() {
        assert_eq!(&*ShortTag::of(0x0123_abcd_ffff_ffff), "0123abcd");
    }

    #[test]
    fn two_tokens_of_one_slot_share_nothing() {
        let mut ids = Ids::new([7; 32]);
        let one = ids.random128();
        let other = ids.random128();
        assert_ne!(ids.print(Token { random: one, slot: 5 })[..8], ids.print(Token { random: other, slot: 5 })[..8]);
    }
}
