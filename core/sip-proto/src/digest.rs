//! Digest authentication (RFC 7616, RFC 8760).
//!
//! Whatever is hashed is taken from the header byte for byte: a digest `uri` is never parsed and printed again.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

use std::{borrow::Cow, fmt, net::IpAddr};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use subtle::ConstantTimeEq;

use crate::{
    limits,
    message::readable,
    text::{List, is_token, split_once, split_quoted, unescape},
};

/// Seconds a nonce of ours is good for.
pub const NONCE_LIFE: u64 = 60;

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

/// A WWW-Authenticate or Proxy-Authenticate value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Protection domain, as it stands between the quotes.
    pub realm: String,
    /// Server nonce, as it stands between the quotes.
    pub nonce: String,
    /// Hash to use.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is offered; without it the answer is that of RFC 2069.
    pub qop_auth: bool,
    /// Whether only the nonce was too old.
    pub stale: bool,
    /// Text to send back unchanged.
    pub opaque: Option<String>,
}

impl Challenge {
    /// Parses one challenge.
    pub fn parse(value: &[u8]) -> Result<Self, DigestError> {
        let mut challenge = Self {
            realm: String::new(),
            nonce: String::new(),
            algorithm: Algorithm::Md5,
            qop_auth: false,
            stale: false,
            opaque: None,
        };
        let mut int_only = false;
        for parameter in Parameters::new(value)? {
            let Parameter { name, raw, .. } = parameter?;
            // Kept as they are between the quotes: what is hashed and sent back must not change.
            let text = || readable(raw).into_owned();
            match &*name {
                b"realm" => challenge.realm = text(),
                b"nonce" => challenge.nonce = text(),
                b"opaque" => challenge.opaque = Some(text()),
                b"algorithm" => challenge.algorithm = Algorithm::parse(raw).ok_or(DigestError::Algorithm)?,
                b"stale" => challenge.stale = raw.eq_ignore_ascii_case(b"true"),
                b"qop" => {
                    challenge.qop_auth = List::new(raw).any(|qop| qop.eq_ignore_ascii_case(b"auth"));
                    int_only = !challenge.qop_auth;
                }
                _ => {}
            }
        }
        if challenge.nonce.is_empty() || int_only {
            return Err(if int_only { DigestError::Algorithm } else { DigestError::Malformed });
        }
        Ok(challenge)
    }

    /// Returns the value of an Authorization header that answers this challenge.
    ///
    /// `uri` is the Request-URI as it goes on the wire; `nc` counts the uses of this nonce from 1.
    pub fn answer(&self, login: &Login<'_>, method: &str, uri: &str, cnonce: &str, nc: u32) -> String {
        // The realm is hashed as its quoted text stands, and as read where that differs: escapes are for the quotes.
        let realm = String::from_utf8_lossy(&unescape(self.realm.as_bytes())).into_owned();
        let ha1 = ha1(self.algorithm, login.username, &realm, login.password);
        let ha2 = self.algorithm.hash(&[method.as_bytes(), uri.as_bytes()]);
        let nonce = self.nonce.as_bytes();
        let nc = format!("{nc:08x}");
        let response = if self.qop_auth {
            self.algorithm.hash(&[ha1.hash.get(), nonce, nc.as_bytes(), cnonce.as_bytes(), b"auth", ha2.get()])
        } else {
            self.algorithm.hash(&[ha1.hash.get(), nonce, ha2.get()])
        };
        let mut value = format!(
            "Digest username=\"{}\",realm=\"{}\",nonce=\"{}\",uri=\"{uri}\",response=\"{}\",algorithm={}",
            quoted(login.username),
            self.realm,
            self.nonce,
            readable(response.get()),
            self.algorithm,
        );
        if self.qop_auth {
            value.push_str(&format!(",qop=auth,nc={nc},cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(",opaque=\"{opaque}\""));
        }
        value
    }
}

impl fmt::Display for Challenge {
    /// Writes the header value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm=\"{}\",nonce=\"{}\",algorithm={}", self.realm, self.nonce, self.algorithm)?;
        if self.qop_auth {
            f.write_str(",qop=\"auth\"")?;
        }
        if self.stale {
            f.write_str(",stale=true")?;
        }
        match &self.opaque {
            Some(opaque) => write!(f, ",opaque=\"{opaque}\""),
            None => Ok(()),
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

/// An Authorization or Proxy-Authorization value.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    realm: String,
    nonce: Bytes,
    uri: Bytes,
    response: Bytes,
    algorithm: Algorithm,
    qop: Option<Bytes>,
    nc_text: Bytes,
    nc: u32,
    cnonce: Bytes,
    opaque: Option<String>,
}

impl Credentials {
    /// Parses one Authorization value.
    pub fn parse(value: &[u8]) -> Result<Self, DigestError> {
        let mut username = None;
        let mut realm = None;
        let mut algorithm = Algorithm::Md5;
        let mut opaque = None;
        let [mut nonce, mut uri, mut response, mut qop, mut nc, mut cnonce] = [const { None }; 6];
        for parameter in Parameters::new(value)? {
            let parameter = parameter?;
            let raw = || Some(Bytes::copy_from_slice(parameter.raw));
            match &*parameter.name {
                b"username" => username = Some(parameter.text()),
                b"realm" => realm = Some(parameter.text()),
                b"opaque" => opaque = Some(parameter.text()),
                b"algorithm" => algorithm = Algorithm::parse(parameter.raw).ok_or(DigestError::Algorithm)?,
                b"nonce" => nonce = raw(),
                b"uri" => uri = raw(),
                b"response" => response = raw(),
                b"qop" => qop = raw(),
                b"nc" => nc = raw(),
                b"cnonce" => cnonce = raw(),
                _ => {}
            }
        }
        let username = username.filter(|name| !name.is_empty()).ok_or(DigestError::Malformed)?;
        let nc_text = nc.unwrap_or_default();
        let nc = match (&qop, nc_text.len()) {
            (None, 0) => 0,
            (_, 1..=8) if nc_text.iter().all(u8::is_ascii_hexdigit) => {
                u32::from_str_radix(crate::text::ascii(&nc_text), 16).map_err(|_| DigestError::Malformed)?
            }
            _ => return Err(DigestError::Malformed),
        };
        Ok(Self {
            username,
            realm: realm.ok_or(DigestError::Malformed)?,
            nonce: nonce.ok_or(DigestError::Malformed)?,
            uri: uri.filter(|uri: &Bytes| uri.len() <= limits::URI).ok_or(DigestError::Malformed)?,
            response: response.ok_or(DigestError::Malformed)?,
            algorithm,
            qop,
            nc_text,
            nc,
            cnonce: cnonce.unwrap_or_default(),
            opaque,
        })
    }

    /// Returns the credentials for a realm among several header fields; two for one realm are refused.
    ///
    /// Header fields of other schemes and algorithms are passed over; a malformed one is refused.
    pub fn find<'a>(values: impl Iterator<Item = &'a [u8]>, realm: &str) -> Result<Option<Self>, DigestError> {
        let mut found = None;
        for value in values {
            match Self::parse(value) {
                Ok(credentials) if credentials.realm == realm => {
                    if found.replace(credentials).is_some() {
                        return Err(DigestError::Malformed);
                    }
                }
                Ok(_) | Err(DigestError::Scheme | DigestError::Algorithm) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Tells, in constant time, whether the response proves the password.
    ///
    /// `qop=auth` with a client nonce is required; the nonce itself is checked by [`check`].
    pub fn verify(&self, method: &str, ha1: &Ha1) -> bool {
        let auth = self.qop.as_ref().is_some_and(|qop| qop.eq_ignore_ascii_case(b"auth"));
        if self.algorithm != ha1.algorithm || !auth || self.cnonce.is_empty() {
            return false;
        }
        let ha2 = self.algorithm.hash(&[method.as_bytes(), &self.uri]);
        let qop = self.qop.as_deref().unwrap_or_default();
        let expected = self.algorithm.hash(&[ha1.hash.get(), &self.nonce, &self.nc_text, &self.cnonce, qop, ha2.get()]);
        expected.get().ct_eq(&self.response.to_ascii_lowercase()).into()
    }

    /// Returns the user name, escapes removed.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Returns the realm, escapes removed.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Returns the nonce as received.
    pub fn nonce(&self) -> &[u8] {
        &self.nonce
    }

    /// Returns the digest URI as received.
    pub fn uri(&self) -> &[u8] {
        &self.uri
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the nonce count; 0 without `qop`.
    pub fn nc(&self) -> u32 {
        self.nc
    }

    /// Returns the client nonce as received.
    pub fn cnonce(&self) -> &[u8] {
        &self.cnonce
    }

    /// Returns the opaque text.
    pub fn opaque(&self) -> Option<&str> {
        self.opaque.as_deref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("realm", &self.realm).field("nc", &self.nc).finish_non_exhaustive()
    }
}

/// What became of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// Ours, for this source and realm, and young enough.
    Fresh,
    /// Ours but too old: challenge again with `stale=true`.
    Stale,
    /// Not ours, or made for somebody else.
    Bad,
}

const NONCE_CLEAR: usize = 24;
const NONCE_MAC: usize = 32;

/// Makes a nonce that needs no memory: time, salt and a MAC over them, the source and the realm.
///
/// `now` is in seconds. The salt tells nonces of one second apart and must not repeat within one.
pub fn mint(key: &[u8], now: u64, salt: u64, source: IpAddr, realm: &str) -> String {
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    let mut nonce = format!("{now:08x}{salt:016x}");
    let mac = nonce_mac(key, nonce.as_bytes(), source, realm);
    nonce.push_str(&mac);
    nonce
}

/// Checks a nonce that [`mint`] should have made, at `now` in seconds.
pub fn check(key: &[u8], nonce: &[u8], now: u64, source: IpAddr, realm: &str) -> Nonce {
    let Some((clear, mac)) = nonce.split_at_checked(NONCE_CLEAR) else { return Nonce::Bad };
    if mac.len() != NONCE_MAC || !bool::from(nonce_mac(key, clear, source, realm).as_bytes().ct_eq(mac)) {
        return Nonce::Bad;
    }
    let time = clear.get(..8).map(crate::text::ascii).and_then(|time| u64::from_str_radix(time, 16).ok());
    match time.and_then(|time| now.checked_sub(time)) {
        Some(age) if age <= NONCE_LIFE => Nonce::Fresh,
        _ => Nonce::Stale,
    }
}

fn nonce_mac(key: &[u8], clear: &[u8], source: IpAddr, realm: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(clear);
    match source.to_canonical() {
        IpAddr::V4(address) => mac.update(&address.octets()),
        IpAddr::V6(address) => mac.update(&address.octets()),
    }
    mac.update(b"|");
    mac.update(realm.as_bytes());
    let mut text = hex::encode(mac.finalize().into_bytes());
    text.truncate(NONCE_MAC);
    text
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

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', '\\']) {
        Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        Cow::Borrowed(text)
    }
}
