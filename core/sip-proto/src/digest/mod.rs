//! Digest authentication (RFC 7616, RFC 8760).
//!
//! Whatever is hashed is taken from the header byte for byte: a digest `uri` is never parsed and printed again.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

mod challenge;
mod credentials;
mod nonce;

use std::{borrow::Cow, fmt};

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

pub use self::{
    challenge::Challenge,
    credentials::Credentials,
    nonce::{NONCE_LIFE, Nonce, check, mint},
};
use crate::{
    limits,
    message::readable,
    text::{List, is_token, split_once, split_quoted, unescape},
};

/// A hash that both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `SHA-256`
    Sha256,
    /// `SHA-512-256`
    Sha512Trunc256,
}

impl Algorithm {
    /// Reads an algorithm in any case; `-sess` forms are not supported.
    pub fn parse(text: &[u8]) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512Trunc256]
            .into_iter()
            .find(|known| text.eq_ignore_ascii_case(known.as_str().as_bytes()))
    }

    /// Returns the token of RFC 7616 §6.1.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512Trunc256 => "SHA-512-256",
        }
    }

    fn hash(self, parts: &[&[u8]]) -> Hash {
        fn hex_of<D: Digest>(parts: &[&[u8]]) -> Hash {
            let mut digest = D::new();
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    digest.update(b":");
                }
                digest.update(part);
            }
            let mut text = [0; 64];
            let raw = digest.finalize();
            let length = raw.len().saturating_mul(2);
            let room = text.get_mut(..length).unwrap_or_default();
            hex::encode_to_slice(&raw, room).expect("64 characters hold the longest of the three hashes");
            Hash { text, length }
        }
        match self {
            Self::Md5 => hex_of::<Md5>(parts),
            Self::Sha256 => hex_of::<Sha256>(parts),
            Self::Sha512Trunc256 => hex_of::<Sha512_256>(parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a challenge or credentials cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Another scheme than Digest.
    #[error("the scheme is not Digest")]
    Scheme,
    /// An algorithm that is not supported; try the next challenge.
    #[error("the algorithm is not supported")]
    Algorithm,
    /// Quotes that do not end, a parameter twice, a required one missing, too many.
    #[error("the header is malformed")]
    Malformed,
}

impl DigestError {
    /// Returns the status for a request with such credentials.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Scheme | Self::Algorithm => 401,
        }
    }
}

/// A user name and its password.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Name, without escapes.
    pub username: &'a str,
    /// Secret.
    pub password: &'a str,
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Hash of user, realm and password: as good as the password, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    algorithm: Algorithm,
    hash: Hash,
}

impl Ha1 {
    /// Reads a stored hash; `None` if it is not the hex text of this algorithm.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Self> {
        let length = if algorithm == Algorithm::Md5 { 32 } else { 64 };
        let mut hash = Hash { text: [0; 64], length };
        if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let room = hash.text.get_mut(..length)?;
        room.copy_from_slice(text.as_bytes());
        room.make_ascii_lowercase();
        Some(Self { algorithm, hash })
    }

    /// Returns the hex text, for sealing.
    pub fn to_hex(&self) -> String {
        readable(self.hash.get()).into_owned()
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({})", self.algorithm)
    }
}

/// Returns the hash that stands for a user's password in a realm.
pub fn ha1(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Ha1 {
    let hash = algorithm.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()]);
    Ha1 { algorithm, hash }
}

/// Hex text of a hash.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hash {
    text: [u8; 64],
    length: usize,
}

impl Hash {
    fn get(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// `name=value` parameters of one challenge or of credentials.
struct Parameters<'a> {
    list: List<'a>,
    seen: Vec<Vec<u8>>,
    left: usize,
}

struct Parameter<'a> {
    name: Vec<u8>,
    /// Value between the quotes, escapes kept.
    raw: &'a [u8],
}

impl Parameter<'_> {
    fn text(&self) -> String {
        let text: Cow<'_, [u8]> =
            if self.raw.contains(&b'\\') { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) };
        readable(&text).into_owned()
    }
}

impl<'a> Parameters<'a> {
    fn new(value: &'a [u8]) -> Result<Self, DigestError> {
        let value = value.trim_ascii();
        let blank = value.iter().position(u8::is_ascii_whitespace).ok_or(DigestError::Scheme)?;
        let (scheme, rest) = value.split_at_checked(blank).ok_or(DigestError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return Err(DigestError::Scheme);
        }
        Ok(Self { list: List::new(rest), seen: Vec::new(), left: limits::DIGEST_PARAMETERS })
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, DigestError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.list.next()?;
        let Some(left) = self.left.checked_sub(1) else { return Some(Err(DigestError::Malformed)) };
        self.left = left;
        Some(parameter(item).ok_or(DigestError::Malformed).and_then(|parameter| {
            if self.seen.contains(&parameter.name) {
                return Err(DigestError::Malformed);
            }
            self.seen.push(parameter.name.clone());
            Ok(parameter)
        }))
    }
}

fn parameter(item: &[u8]) -> Option<Parameter<'_>> {
    let (name, value) = split_once(item, b'=')?;
    let (name, value) = (name.trim_ascii(), value.trim_ascii());
    let raw = match split_quoted(value) {
        Some((inside, rest)) => rest.is_empty().then_some(inside)?,
        // Printed between quotes again, a backslash would quote the closing one.
        None => (!value.iter().any(|byte| matches!(byte, b'"' | b'\\'))).then_some(value)?,
    };
    is_token(name).then(|| Parameter { name: name.to_ascii_lowercase(), raw })
}
