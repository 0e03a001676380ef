//! SIP, SIPS and tel URIs (RFC 3261 §19, RFC 3966).
//!
//! A URI is kept as the bytes it came in and printed unchanged: nothing is decoded or encoded on the way through.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use bytes::Bytes;

use crate::{
    limits,
    text::{Params, Span, ascii, decimal, split_once, unrepeated},
};

/// A parsed URI. Cloning copies no text.
#[derive(Clone)]
pub struct Uri {
    raw: Bytes,
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    host: Span,
    address: Option<IpAddr>,
    port: Option<u16>,
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
            host: if parts.host.is_empty() { Span::default() } else { span(parts.host) },
            address: parts.address,
            port: parts.port,
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
        match self.address {
            Some(IpAddr::V4(address)) => Host::V4(address),
            Some(IpAddr::V6(address)) => Host::V6(address),
            None => Host::Name(ascii(self.host.get(&self.raw))),
        }
    }

    /// Returns the host as it was written, brackets of IPv6 included.
    pub fn host_str(&self) -> &str {
        ascii(self.host.get(&self.raw))
    }

    /// Returns the port if one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
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

    /// Tells whether both name the same resource by RFC 3261 §19.1.4 (tel: RFC 3966 §4; others byte for byte).
    pub fn is_equivalent(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Other => self.raw == other.raw,
            Scheme::Tel => {
                let digits = |uri: &Self| -> Vec<u8> {
                    let number = uri.user().unwrap_or_default().bytes();
                    number
                        .filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'))
                        .map(|b| b.to_ascii_lowercase())
                        .collect()
                };
                digits(self) == digits(other)
                    && covers(self.params(), other.params(), |_| true)
                    && covers(other.params(), self.params(), |_| true)
            }
            Scheme::Sip | Scheme::Sips => {
                let significant = |name: &[u8]| {
                    [b"user".as_slice(), b"ttl", b"method", b"maddr", b"transport"]
                        .iter()
                        .any(|known| name.eq_ignore_ascii_case(known))
                };
                self.user_decoded() == other.user_decoded()
                    && self.password.map(|p| percent_decode(p.get(&self.raw)))
                        == other.password.map(|p| percent_decode(p.get(&other.raw)))
                    && self.same_host(other)
                    && self.port == other.port
                    && covers(self.params(), other.params(), significant)
                    && covers(other.params(), self.params(), significant)
                    && same_headers(self.headers(), other.headers())
            }
        }
    }

    fn same_host(&self, other: &Self) -> bool {
        match (self.address, other.address) {
            (None, None) => self.host_str().eq_ignore_ascii_case(other.host_str()),
            (mine, theirs) => mine == theirs,
        }
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

struct Parts<'a> {
    scheme: Scheme,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    host: &'a [u8],
    address: Option<IpAddr>,
    port: Option<u16>,
    params: &'a [u8],
    headers: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn sip(scheme: Scheme, rest: &'a [u8]) -> Result<Self, UriError> {
        // `@` may stand nowhere unescaped but behind the user part, so a second one is an attempt to be misread.
        let (userinfo, rest) = match split_once(rest, b'@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) = match userinfo {
            None => (None, None),
            Some(info) => match split_once(info, b':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(info), None),
            },
        };
        if let Some(user) = user {
            if user.is_empty() {
                return Err(UriError::User);
            }
            escapes_ok(user, is_user_byte)?;
        }
        escapes_ok(password.unwrap_or_default(), is_user_byte)?;
        let (rest, headers) = match split_once(rest, b'?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        if let Some(headers) = headers {
            if headers.is_empty() {
                return Err(UriError::Parameter);
            }
            escapes_ok(headers, |byte| is_param_byte(byte) || matches!(byte, b'?' | b'=' | b';' | b','))?;
        }
        let semicolon = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
        let (hostport, params) = rest.split_at_checked(semicolon).ok_or(UriError::Host)?;
        uri_params_ok(params)?;
        let (host, address, port) = host_port(hostport)?;
        Ok(Self { scheme, user, password, host, address, port, params, headers })
    }

    fn tel(rest: &'a [u8]) -> Result<Self, UriError> {
        let semicolon = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(semicolon).ok_or(UriError::User)?;
        let dialled =
            |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#');
        if number.is_empty() || !number.iter().all(dialled) {
            return Err(UriError::User);
        }
        uri_params_ok(params)?;
        Ok(Self {
            scheme: Scheme::Tel,
            user: Some(number),
            password: None,
            host: b"",
            address: None,
            port: None,
            params,
            headers: None,
        })
    }

    fn opaque(self) -> Self {
        Self { user: None, ..self }
    }
}

/// Host as written, its address if it is one, and the port.
pub(crate) type HostPort<'a> = (&'a [u8], Option<IpAddr>, Option<u16>);

/// Splits `host[:port]`, IPv6 in brackets.
pub(crate) fn host_port(text: &[u8]) -> Result<HostPort<'_>, UriError> {
    let end = match text.first() {
        Some(b'[') => text.iter().position(|&byte| byte == b']').ok_or(UriError::Host)?.saturating_add(1),
        _ => text.iter().position(|&byte| byte == b':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(end).ok_or(UriError::Host)?;
    let port = match rest {
        [] => None,
        [b':', digits @ ..] => match decimal::<u16>(digits) {
            None | Some(0) => return Err(UriError::Port),
            port => port,
        },
        _ => return Err(UriError::Host),
    };
    Ok((host, address_of(host)?, port))
}

/// Checks a host and returns its address if it is one.
fn address_of(host: &[u8]) -> Result<Option<IpAddr>, UriError> {
    if let Some(inside) = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")) {
        return match ipv6(inside) {
            Some(address) => Ok(Some(IpAddr::V6(address))),
            None => Err(UriError::Host),
        };
    }
    let name = ascii(host);
    if name.is_empty() || name.len() > 255 {
        return Err(UriError::Host);
    }
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Ok(Some(IpAddr::V4(address)));
    }
    // Underscores are no hostname (RFC 3261 §25.1) but names of containers carry them.
    let label_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let labels = name.strip_suffix('.').unwrap_or(name);
    let plain = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(label_byte)
    };
    let top = labels.rsplit('.').next().unwrap_or_default();
    if labels.split('.').all(plain) && !top.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(None)
    } else {
        Err(UriError::Host)
    }
}

/// Reads an IPv6 address, forgiving the third colon that RFC 3261's grammar puts before an IPv4 part (RFC 5118 §4.10).
pub(crate) fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let text = ascii(text);
    if let Some((before, after)) = text.split_once(":::")
        && after.parse::<Ipv4Addr>().is_ok()
    {
        return format!("{before}::{after}").parse().ok();
    }
    text.parse().ok()
}

/// Decodes percent escapes once; malformed ones stay as they are.
pub fn percent_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_value(*high).wrapping_shl(4) | hex_value(*low));
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(decoded)
}

/// Writes text as the user part of a SIP URI, escaping what may not stand there.
pub fn encode_user(user: &str) -> Cow<'_, str> {
    if user.bytes().all(|byte| is_user_byte(byte) && byte != b'#' && byte != b'%') {
        return Cow::Borrowed(user);
    }
    let mut encoded = String::with_capacity(user.len().saturating_mul(2));
    for byte in user.bytes() {
        if is_user_byte(byte) && byte != b'#' && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let [high, low] =
                [byte.wrapping_shr(4), byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            encoded.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    Cow::Owned(encoded)
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// User part bytes; `#` is not legal but desk phones dial star codes with it.
const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#' | b'%')
}

const fn is_param_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' | b'%' | b'"')
}

/// Checks that the bytes are allowed and every `%` has two hex digits.
fn escapes_ok(text: &[u8], allowed: impl Fn(u8) -> bool) -> Result<(), UriError> {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if !allowed(byte) {
            return Err(UriError::Character);
        }
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            (b'%', _) => return Err(UriError::Character),
            _ => tail,
        };
    }
    Ok(())
}

fn uri_params_ok(params: &[u8]) -> Result<(), UriError> {
    if params.is_empty() {
        return Ok(());
    }
    let mut seen = [b"".as_slice(); limits::PARAMETERS];
    let mut slots = seen.iter_mut();
    for param in params.split(|&byte| byte == b';').skip(1) {
        let name = param.split(|&byte| byte == b'=').next().unwrap_or_default();
        let slot = slots.next().filter(|_| !name.is_empty()).ok_or(UriError::Parameter)?;
        *slot = name;
        escapes_ok(param, |byte| (is_param_byte(byte) && byte != b'"') || byte == b'=')?;
    }
    let used = limits::PARAMETERS.saturating_sub(slots.len());
    // A parameter may stand once only (RFC 3261 §19.1.1): a second one would be read by others.
    if unrepeated(seen.get(..used).unwrap_or_default()) { Ok(()) } else { Err(UriError::Parameter) }
}

/// Tells whether every parameter of `mine` agrees with `theirs`; those that are `needed` must be there.
fn covers(mine: Params<'_>, theirs: Params<'_>, needed: impl Fn(&[u8]) -> bool) -> bool {
    for (name, value) in mine {
        match theirs.clone().find(|(other, _)| percent_decode(other).eq_ignore_ascii_case(&percent_decode(name))) {
            Some((_, other)) => {
                let left = percent_decode(value.unwrap_or_default());
                if !left.eq_ignore_ascii_case(&percent_decode(other.unwrap_or_default())) {
                    return false;
                }
            }
            None if needed(name) => return false,
            None => {}
        }
    }
    true
}

fn same_headers(mine: Option<&str>, theirs: Option<&str>) -> bool {
    let sorted = |headers: Option<&str>| {
        let mut list: Vec<(Vec<u8>, Vec<u8>)> = headers
            .unwrap_or_default()
            .split('&')
            .map(|header| {
                let (name, value) = header.split_once('=').unwrap_or((header, ""));
                (percent_decode(name.as_bytes()).to_ascii_lowercase(), percent_decode(value.as_bytes()).into_owned())
            })
            .collect();
        list.sort();
        list
    };
    sorted(mine) == sorted(theirs)
}
