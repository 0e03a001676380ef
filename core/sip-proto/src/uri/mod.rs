//! SIP, SIPS and tel URIs (RFC 3261 §19, RFC 3966).
//!
//! A URI is kept as the bytes it came in and printed unchanged: nothing is decoded or encoded on the way through.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

mod authority;
mod equivalence;
mod escape;
mod parts;

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use bytes::Bytes;

pub use self::escape::{encode_user, percent_decode};
use self::parts::Parts;
pub(crate) use self::{authority::Authority, parts::ipv6};
use crate::{
    limits,
    text::{Params, Span, ascii, split_once},
};

/// A parsed URI. Cloning copies no text.
#[derive(Clone)]
pub struct Uri {
    raw: Bytes,
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    authority: Authority,
    params: Span,
    headers: Option<Span>,
}

/// Scheme of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other; only the raw text is known.
    Other,
}

/// Host of a URI or Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name, in the case it was written in.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, without brackets.
    V6(Ipv6Addr),
}

impl Host<'_> {
    /// Returns the address if the host is one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(address)),
            Host::V6(address) => Some(IpAddr::V6(address)),
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => write!(f, "{address}"),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Why a URI was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Longer than [`limits::URI`].
    #[error("the URI is too long")]
    TooLong,
    /// No `scheme:` in front.
    #[error("the URI has no scheme")]
    Scheme,
    /// A byte that may not stand where it is, or a broken percent escape.
    #[error("the URI has a forbidden character")]
    Character,
    /// User part empty or ambiguous.
    #[error("the user part is malformed")]
    User,
    /// Host missing or malformed.
    #[error("the host is malformed")]
    Host,
    /// Port not within 1-65535.
    #[error("the port is malformed")]
    Port,
    /// An empty or repeated parameter, or too many.
    #[error("a parameter is malformed")]
    Parameter,
}

impl Uri {
    /// Parses a URI from a copy of the text.
    pub fn parse(text: &[u8]) -> Result<Self, UriError> {
        if text.len() > limits::URI {
            return Err(UriError::TooLong);
        }
        Self::from_bytes(Bytes::copy_from_slice(text))
    }

    /// Parses a URI without copying; the bytes are kept as they are.
    pub fn from_bytes(raw: Bytes) -> Result<Self, UriError> {
        if raw.len() > limits::URI {
            return Err(UriError::TooLong);
        }
        let (scheme, rest) = split_once(&raw, b':').ok_or(UriError::Scheme)?;
        let [first, others @ ..] = scheme else { return Err(UriError::Scheme) };
        let scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !first.is_ascii_alphabetic() || !others.iter().all(scheme_byte) {
            return Err(UriError::Scheme);
        }
        let parts = if scheme.eq_ignore_ascii_case(b"sip") {
            Parts::sip(Scheme::Sip, rest)?
        } else if scheme.eq_ignore_ascii_case(b"sips") {
            Parts::sip(Scheme::Sips, rest)?
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            Parts::tel(rest)?
        } else {
            let graphic = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"');
            if rest.is_empty() || !rest.iter().all(graphic) {
                return Err(UriError::Character);
            }
            Parts { scheme: Scheme::Other, ..Parts::tel(b"0")? }.opaque()
        };
        let span = |part: &[u8]| Span::of(&raw, part);
        Ok(Self {
            scheme: parts.scheme,
            user: parts.user.map(span),
            password: parts.password.map(span),
            authority: match parts.authority {
                Some(text) => Authority::parse(&raw, text)?,
                None => Authority::default(),
            },
            params: if parts.params.is_empty() { Span::default() } else { span(parts.params) },
            headers: parts.headers.map(span),
            raw,
        })
    }

    /// Returns the URI as it was written.
    pub fn as_str(&self) -> &str {
        ascii(&self.raw)
    }

    /// Returns the bytes of the URI.
    pub fn as_bytes(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the user part (for tel: the number), percent escapes kept.
    pub fn user(&self) -> Option<&str> {
        self.user.map(|user| ascii(user.get(&self.raw)))
    }

    /// Returns the user part with percent escapes decoded once.
    pub fn user_decoded(&self) -> Option<Cow<'_, [u8]>> {
        self.user.map(|user| percent_decode(user.get(&self.raw)))
    }

    /// Returns the password, percent escapes kept.
    pub fn password(&self) -> Option<&str> {
        self.password.map(|password| ascii(password.get(&self.raw)))
    }

    /// Returns the host; an empty name for tel and unknown schemes.
    pub fn host(&self) -> Host<'_> {
        self.authority.host(&self.raw)
    }

    /// Returns the host as it was written, brackets of IPv6 included.
    pub fn host_str(&self) -> &str {
        self.authority.written(&self.raw)
    }

    /// Returns the port if one is written.
    pub fn port(&self) -> Option<u16> {
        self.authority.port()
    }

    /// Returns the URI parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(self.params.get(&self.raw))
    }

    /// Returns one URI parameter; empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().value(name).map(ascii)
    }

    /// Returns the headers after `?`, percent escapes kept.
    pub fn headers(&self) -> Option<&str> {
        self.headers.map(|headers| ascii(headers.get(&self.raw)))
    }
}

impl PartialEq for Uri {
    /// Compares the text; see [`Uri::is_equivalent`] for the meaning.
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Uri {}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text.as_bytes())
    }
}
