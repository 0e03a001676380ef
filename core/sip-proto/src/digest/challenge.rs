//! What a server asks for.

use std::{borrow::Cow, fmt};

use super::{Algorithm, DigestError, Login, Parameter, Parameters, ha1};
use crate::{
    message::readable,
    text::{List, unescape},
};

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

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', '\\']) {
        Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        Cow::Borrowed(text)
    }
}
