//! Addresses of From, To, Contact, Route and their like (RFC 3261 §20.10).

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use crate::{
    text::{Params, Span, ascii, decimal, is_token_byte, split_quoted, split_unquoted, unescape},
    uri::{Uri, UriError},
};

/// A display name, a URI and the header parameters behind it.
///
/// The URI is looked for behind the display name and never inside its quotes:
/// `"<sip:admin@victim.example>" <sip:mallory@evil.example>` is Mallory.
#[derive(Clone)]
pub struct NameAddr {
    raw: Bytes,
    display: Option<Span>,
    quoted: bool,
    uri: Uri,
    params: Span,
}

/// Why an address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Quotes or brackets do not fit, or the display name needs quotes.
    #[error("the address is malformed")]
    Form,
    /// The URI is refused.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// A header parameter is malformed.
    #[error("a parameter is malformed")]
    Parameter,
}

impl NameAddr {
    /// Parses one address from a copy of the text.
    pub fn parse(text: &[u8]) -> Result<Self, AddressError> {
        Self::from_bytes(Bytes::copy_from_slice(text))
    }

    /// Parses one address without copying.
    pub fn from_bytes(raw: Bytes) -> Result<Self, AddressError> {
        let text = raw.trim_ascii();
        let parts = Parts::of(text)?;
        if !Params::well_formed(parts.params) {
            return Err(AddressError::Parameter);
        }
        let uri = Uri::from_bytes(raw.slice_ref(parts.uri))?;
        Ok(Self {
            display: parts.display.map(|display| Span::of(&raw, display)),
            quoted: parts.quoted,
            uri,
            params: if parts.params.is_empty() { Span::default() } else { Span::of(&raw, parts.params) },
            raw,
        })
    }

    /// Returns the whole value as it was written.
    pub fn as_bytes(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the display name without its quotes, other bytes than UTF-8 read as Latin-1.
    pub fn display(&self) -> Option<Cow<'_, str>> {
        let bytes = self.display?.get(&self.raw);
        if self.quoted && bytes.contains(&b'\\') {
            return Some(Cow::Owned(readable(&unescape(bytes)).into_owned()));
        }
        Some(readable(bytes))
    }

    /// Returns the URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the header parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(self.params.get(&self.raw))
    }

    /// Returns one header parameter as written (quotes kept); empty for one without a value.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.params().value(name).map(readable)
    }

    /// Returns the tag.
    pub fn tag(&self) -> Option<&str> {
        self.params().value("tag").map(ascii).filter(|tag| !tag.is_empty())
    }

    /// Returns the `expires` parameter in seconds; malformed ones read as 3600 (RFC 3261 §10.2.1.1).
    pub fn expires(&self) -> Option<u32> {
        self.params().value("expires").map(super::seconds)
    }

    /// Returns the `q` parameter in thousandths, 0-1000.
    pub fn q(&self) -> Option<u16> {
        let q = self.params().value("q")?;
        let (whole, fraction) = crate::text::split_once(q, b'.').unwrap_or((q, b""));
        let mut digits = [b'0'; 3];
        digits.get_mut(..fraction.len())?.copy_from_slice(fraction);
        let thousandths = decimal::<u16>(whole)?.checked_mul(1000)?.checked_add(decimal::<u16>(&digits)?)?;
        (thousandths <= 1000).then_some(thousandths)
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&readable(&self.raw))
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&readable(&self.raw))
    }
}

/// Reads bytes as UTF-8, or as Latin-1 where they are none.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

struct Parts<'a> {
    display: Option<&'a [u8]>,
    quoted: bool,
    uri: &'a [u8],
    params: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Result<Self, AddressError> {
        if text.first() == Some(&b'"') {
            let (display, rest) = split_quoted(text).ok_or(AddressError::Form)?;
            let inside = rest.trim_ascii_start().strip_prefix(b"<").ok_or(AddressError::Form)?;
            return Self::bracketed(Some(display), true, inside);
        }
        let (before, rest) = split_unquoted(text, |byte| matches!(byte, b'<' | b';')).ok_or(AddressError::Form)?;
        if let Some(inside) = rest.strip_prefix(b"<") {
            let display = before.trim_ascii();
            // Quotes are needed around commas, semicolons, colons and quotes; Latin-1 and brackets are let through.
            let plain = |&byte: &u8| {
                is_token_byte(byte)
                    || byte >= 0x80
                    || matches!(
                        byte,
                        b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b'@' | b'/' | b'&' | b'#' | b'=' | b'$'
                    )
            };
            if !display.iter().all(plain) {
                return Err(AddressError::Form);
            }
            return Self::bracketed((!display.is_empty()).then_some(display), false, inside);
        }
        // Without brackets everything behind a semicolon belongs to the header, and `?` and `,` may not stand in the
        // URI (RFC 3261 §20.10).
        let uri = before.trim_ascii();
        if uri.iter().any(|byte| matches!(byte, b'?' | b',' | b'"' | b'>')) {
            return Err(AddressError::Form);
        }
        Ok(Self { display: None, quoted: false, uri, params: rest })
    }

    fn bracketed(display: Option<&'a [u8]>, quoted: bool, inside: &'a [u8]) -> Result<Self, AddressError> {
        let (uri, params) = crate::text::split_once(inside, b'>').ok_or(AddressError::Form)?;
        Ok(Self { display, quoted, uri, params: params.trim_ascii() })
    }
}
