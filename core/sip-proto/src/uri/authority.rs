//! Host and port as they stand in a URI and in a Via.

use std::net::IpAddr;

use super::{Host, UriError, parts::host_port};
use crate::text::{Span, ascii};

/// `host[:port]` within a buffer that its owner keeps; it is given back to every reading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Authority {
    host: Span,
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl Authority {
    /// Reads `text`, which must be a slice of `raw`.
    pub(crate) fn parse(raw: &[u8], text: &[u8]) -> Result<Self, UriError> {
        let (host, address, port) = host_port(text)?;
        Ok(Self { host: Span::of(raw, host), address, port })
    }

    pub(crate) fn host<'a>(&self, raw: &'a [u8]) -> Host<'a> {
        match self.address {
            Some(IpAddr::V4(address)) => Host::V4(address),
            Some(IpAddr::V6(address)) => Host::V6(address),
            None => Host::Name(self.written(raw)),
        }
    }

    /// Returns the host as it was written, brackets of IPv6 included.
    pub(crate) fn written<'a>(&self, raw: &'a [u8]) -> &'a str {
        ascii(self.host.get(raw))
    }

    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same with blanks around the colon, as a Via may have it: they are rare enough to copy for.
    pub(crate) fn parse_loose(raw: &[u8], text: &[u8]) -> Result<Self, UriError> {
        if !text.iter().any(u8::is_ascii_whitespace) {
            return Self::parse(raw, text);
        }
        let tight: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let (host, address, port) = host_port(&tight)?;
        let written = text.get(..host.len()).filter(|start| *start == host).ok_or(UriError::Host)?;
        Ok(Self { host: Span::of(raw, written), address, port })
    }
}
