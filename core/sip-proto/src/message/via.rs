//! The Via header field (RFC 3261 §20.42, RFC 3581).

use std::{fmt, net::IpAddr};

use bytes::Bytes;

use crate::{
    text::{Params, Span, ascii, decimal, is_token},
    uri::{Authority, Host, ipv6},
};

/// Branches of RFC 3261 clients begin with this.
pub const BRANCH_COOKIE: &str = "z9hG4bK";

/// One Via value.
#[derive(Clone)]
pub struct Via {
    raw: Bytes,
    version: Span,
    transport: Span,
    sent_by: Authority,
    params: Span,
}

impl Via {
    /// Parses one Via value.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::from_bytes(Bytes::copy_from_slice(text))
    }

    /// Parses one Via value without copying.
    pub fn from_bytes(raw: Bytes) -> Option<Self> {
        let (protocol, rest) = cut(&raw, b'/')?;
        let (version, rest) = cut(rest, b'/')?;
        let rest = rest.trim_ascii_start();
        let blank = rest.iter().position(u8::is_ascii_whitespace)?;
        let (transport, rest) = rest.split_at_checked(blank)?;
        if !protocol.eq_ignore_ascii_case(b"SIP") || !is_token(version) || !is_token(transport) {
            return None;
        }
        let rest = rest.trim_ascii();
        let semicolon = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at_checked(semicolon)?;
        let sent_by = sent_by.trim_ascii();
        let sent_by = Authority::parse_loose(&raw, sent_by).ok()?;
        if !Params::well_formed(params) {
            return None;
        }
        let span = |part: &[u8]| Span::of(&raw, part);
        Some(Self {
            version: span(version),
            transport: span(transport),
            sent_by,
            params: if params.is_empty() { Span::default() } else { span(params) },
            raw,
        })
    }

    /// Returns the value as it was written.
    pub fn as_bytes(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the protocol version, `2.0`.
    pub fn version(&self) -> &str {
        ascii(self.version.get(&self.raw))
    }

    /// Returns the transport as it was written, such as `UDP`.
    pub fn transport(&self) -> &str {
        ascii(self.transport.get(&self.raw))
    }

    /// Returns the host of sent-by.
    pub fn host(&self) -> Host<'_> {
        self.sent_by.host(&self.raw)
    }

    /// Returns the host of sent-by as it was written.
    pub fn host_str(&self) -> &str {
        self.sent_by.written(&self.raw)
    }

    /// Returns the port of sent-by if one is written.
    pub fn port(&self) -> Option<u16> {
        self.sent_by.port()
    }

    /// Returns the parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(self.params.get(&self.raw))
    }

    /// Returns one parameter; empty for one without a value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().value(name).map(ascii)
    }

    /// Returns the branch; a client of RFC 2543 may send none.
    pub fn branch(&self) -> Option<&str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }

    /// Tells whether the sender asks for an answer to its source port (RFC 3581 §3).
    pub fn wants_rport(&self) -> bool {
        self.param("rport").is_some()
    }

    /// Returns the source port that was filled in (RFC 3581 §4).
    pub fn rport(&self) -> Option<u16> {
        self.param("rport").and_then(|port| decimal(port.as_bytes())).filter(|port| *port != 0)
    }

    /// Returns the source address that was filled in; IPv6 with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        address(self.param("received")?)
    }

    /// Returns the `maddr` parameter.
    pub fn maddr(&self) -> Option<&str> {
        self.param("maddr")
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.raw))
    }
}

fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    ipv6(inside.as_bytes()).map(IpAddr::V6)
}

fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, after) = crate::text::split_once(text, at)?;
    Some((before.trim_ascii(), after))
}
