//! Cutting a URI into its parts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Scheme, UriError,
    escape::{escapes_ok, is_param_byte, is_user_byte},
};
use crate::{
    limits,
    text::{ascii, decimal, split_once, unrepeated},
};

/// The parts of a URI, as slices of it.
pub(super) struct Parts<'a> {
    pub(super) scheme: Scheme,
    pub(super) user: Option<&'a [u8]>,
    pub(super) password: Option<&'a [u8]>,
    /// `host[:port]`, unread.
    pub(super) authority: Option<&'a [u8]>,
    pub(super) params: &'a [u8],
    pub(super) headers: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    pub(super) fn sip(scheme: Scheme, rest: &'a [u8]) -> Result<Self, UriError> {
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
        Ok(Self { scheme, user, password, authority: Some(hostport), params, headers })
    }

    pub(super) fn tel(rest: &'a [u8]) -> Result<Self, UriError> {
        let semicolon = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(semicolon).ok_or(UriError::User)?;
        let dialled =
            |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#');
        if number.is_empty() || !number.iter().all(dialled) {
            return Err(UriError::User);
        }
        uri_params_ok(params)?;
        Ok(Self { scheme: Scheme::Tel, user: Some(number), password: None, authority: None, params, headers: None })
    }

    pub(super) fn opaque(self) -> Self {
        Self { user: None, ..self }
    }
}

/// Host as written, its address if it is one, and the port.
pub(super) type HostPort<'a> = (&'a [u8], Option<IpAddr>, Option<u16>);

/// Splits `host[:port]`, IPv6 in brackets.
pub(super) fn host_port(text: &[u8]) -> Result<HostPort<'_>, UriError> {
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
