//! What a client proves itself with.

use std::fmt;

use bytes::Bytes;
use subtle::ConstantTimeEq;

use super::{Algorithm, DigestError, Ha1, Parameters};
use crate::limits;

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
    /// `qop=auth` with a client nonce is required; the nonce itself is checked by [`check`](super::check).
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
