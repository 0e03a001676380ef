//! Reading session descriptions.

use std::{net::IpAddr, str::FromStr};

use super::{Connection, Crypto, Direction, Fmtp, Hidden, Media, Origin, Refused, Rtcp, Rtpmap, Session};
use crate::{
    limits,
    message::readable,
    text::{decimal, is_token},
};

impl Session {
    /// Parses a session description; text that is not UTF-8 is read as Latin-1.
    pub fn parse(body: &[u8]) -> Result<Self, Refused> {
        if body.len() > limits::SDP {
            return Err(Refused::TooLarge);
        }
        let mut reader =
            Reader { origin: None, name: "-".to_owned(), session: Level::default(), media: Vec::new(), attributes: 0 };
        let mut lines = Lines { rest: body };
        if lines.next().transpose()? != Some((b'v', b"0".as_slice())) {
            return Err(Refused::Malformed);
        }
        for line in lines {
            let (kind, value) = line?;
            reader.line(kind, value)?;
        }
        reader.finish()
    }
}

/// Lines as type and value. They end with CRLF, the last one may do without.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<(u8, &'a [u8]), Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return None;
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n').map_or(self.rest.len(), |at| at.saturating_add(1));
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        Some(match text {
            _ if text.len() > limits::SDP_LINE => Err(Refused::TooLarge),
            _ if text.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) => Err(Refused::Malformed),
            [kind @ b'a'..=b'z', b'=', value @ ..] => Ok((*kind, value)),
            _ => Err(Refused::Malformed),
        })
    }
}

/// What may stand at session and at media level.
#[derive(Default)]
struct Level {
    connection: Option<Connection>,
    direction: Option<Direction>,
    attributes: Vec<String>,
}

struct Reader {
    origin: Option<Origin>,
    name: String,
    session: Level,
    media: Vec<Media>,
    attributes: usize,
}

impl Reader {
    fn line(&mut self, kind: u8, value: &[u8]) -> Result<(), Refused> {
        match (kind, self.media.last_mut()) {
            (b'o', None) if self.origin.is_none() => self.origin = Some(origin(value)?),
            (b'o' | b'v', _) => return Err(Refused::Malformed),
            (b's', None) => self.name = readable(value).into_owned(),
            (b'c', None) => self.session.connection = Some(connection(value)?),
            // More than one address for a stream is for layered multicast only (RFC 8866 §5.7).
            (b'c', Some(media)) if media.connection.is_some() => return Err(Refused::NotAcceptable),
            (b'c', Some(media)) => media.connection = Some(connection(value)?),
            (b'm', _) => {
                if self.media.len() >= limits::SDP_MEDIA {
                    return Err(Refused::TooLarge);
                }
                self.media.push(media(value)?);
            }
            (b'a', media) => {
                self.attributes = self.attributes.saturating_add(1);
                if self.attributes > limits::SDP_ATTRIBUTES {
                    return Err(Refused::TooLarge);
                }
                match media {
                    Some(media) => media_attribute(media, value)?,
                    None => match direction(value) {
                        Some(direction) => self.session.direction = Some(direction),
                        None => self.session.attributes.push(readable(value).into_owned()),
                    },
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Session, Refused> {
        let Level { connection, direction, attributes } = self.session;
        let origin = self.origin.ok_or(Refused::Malformed)?;
        Ok(Session { origin, name: self.name, connection, direction, attributes, media: self.media })
    }
}

/// Splits at single blanks; empty parts are malformed.
fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b' ')
}

fn origin(value: &[u8]) -> Result<Origin, Refused> {
    let mut words = words(value);
    let mut next = || words.next().filter(|word| !word.is_empty()).ok_or(Refused::Malformed);
    let username = readable(next()?).into_owned();
    let mut number = || -> Result<String, Refused> {
        let word = next()?;
        if word.iter().all(u8::is_ascii_digit) { Ok(readable(word).into_owned()) } else { Err(Refused::Malformed) }
    };
    let (session_id, version) = (number()?, number()?);
    if next()? != b"IN" {
        return Err(Refused::Malformed);
    }
    let ip6 = match next()? {
        b"IP4" => false,
        b"IP6" => true,
        _ => return Err(Refused::Malformed),
    };
    Ok(Origin { username, session_id, version, host: readable(next()?).into_owned(), ip6 })
}

/// Reads `IN IP4 address`. Names are never looked up, and multicast is no telephone call.
fn connection(value: &[u8]) -> Result<Connection, Refused> {
    let mut words = words(value);
    let (Some(b"IN"), Some(family), Some(host), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(Refused::Malformed);
    };
    let address = readable(host).parse::<IpAddr>().map_err(|_| Refused::NotAcceptable)?;
    if !matches!((family, address), (b"IP4", IpAddr::V4(_)) | (b"IP6", IpAddr::V6(_))) {
        return Err(Refused::Malformed);
    }
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_multicast() || broadcast { Err(Refused::NotAcceptable) } else { Ok(Connection { address }) }
}

fn media(value: &[u8]) -> Result<Media, Refused> {
    let mut words = words(value);
    let mut next = || words.next().filter(|word| !word.is_empty()).ok_or(Refused::Malformed);
    let (kind, port, protocol) = (next()?, next()?, next()?);
    let (port, ports) = match crate::text::split_once(port, b'/') {
        Some((port, count)) => (port, Some(decimal(count).ok_or(Refused::Malformed)?)),
        None => (port, None),
    };
    let proto_ok = protocol.split(|&byte| byte == b'/').all(is_token);
    if !is_token(kind) || !proto_ok {
        return Err(Refused::Malformed);
    }
    let formats: Vec<String> = words.filter(|word| !word.is_empty()).map(|word| readable(word).into_owned()).collect();
    if formats.is_empty() {
        return Err(Refused::Malformed);
    }
    if formats.len() > limits::SDP_FORMATS {
        return Err(Refused::TooLarge);
    }
    Ok(Media {
        kind: readable(kind).into_owned(),
        port: decimal(port).ok_or(Refused::Malformed)?,
        ports,
        protocol: readable(protocol).into_owned(),
        formats,
        connection: None,
        direction: None,
        ptime: None,
        maxptime: None,
        rtpmaps: Vec::new(),
        fmtp: Vec::new(),
        rtcp: None,
        crypto: Vec::new(),
        attributes: Vec::new(),
    })
}

fn media_attribute(media: &mut Media, attribute: &[u8]) -> Result<(), Refused> {
    if let Some(direction) = direction(attribute) {
        media.direction = Some(direction);
        return Ok(());
    }
    let (name, value) = crate::text::split_once(attribute, b':').unwrap_or((attribute, &[]));
    match name {
        b"rtpmap" => {
            let (payload, encoding) = payload(value)?;
            // An encoding without a clock cannot be played; its payload type stays unknown.
            if let Some(map) = rtpmap(payload, encoding) {
                if media.rtpmaps.iter().any(|known| known.payload == payload && *known != map) {
                    return Err(Refused::NotAcceptable);
                }
                media.rtpmaps.push(map);
            }
        }
        b"fmtp" => {
            let (payload, parameters) = payload(value)?;
            media.fmtp.push(Fmtp { payload, parameters: readable(parameters).into_owned() });
        }
        b"ptime" => media.ptime = milliseconds(value),
        b"maxptime" => media.maxptime = milliseconds(value),
        b"rtcp" => media.rtcp = rtcp(value),
        b"crypto" => media.crypto.extend(crypto(value)),
        _ => media.attributes.push(readable(attribute).into_owned()),
    }
    Ok(())
}

fn direction(attribute: &[u8]) -> Option<Direction> {
    match attribute {
        b"sendrecv" => Some(Direction::SendRecv),
        b"sendonly" => Some(Direction::SendOnly),
        b"recvonly" => Some(Direction::RecvOnly),
        b"inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// Splits `payload value`.
fn payload(value: &[u8]) -> Result<(u8, &[u8]), Refused> {
    let (payload, rest) = crate::text::split_once(value, b' ').ok_or(Refused::Malformed)?;
    let payload = decimal::<u8>(payload).filter(|payload| *payload < 128).ok_or(Refused::Malformed)?;
    let rest = rest.trim_ascii();
    if rest.is_empty() { Err(Refused::Malformed) } else { Ok((payload, rest)) }
}

fn rtpmap(payload: u8, text: &[u8]) -> Option<Rtpmap> {
    let mut parts = text.split(|&byte| byte == b'/');
    let encoding = parts.next().filter(|name| is_token(name))?;
    let clock = decimal::<u32>(parts.next()?).filter(|clock| *clock > 0)?;
    let channels = parts.next().map_or(Some(1), decimal::<u8>).filter(|channels| *channels > 0)?;
    parts.next().is_none().then(|| Rtpmap { payload, encoding: readable(encoding).into_owned(), clock, channels })
}

/// Reads a packet time; fractions are dropped.
fn milliseconds(value: &[u8]) -> Option<u16> {
    decimal(value.split(|&byte| byte == b'.').next()?.trim_ascii())
}

/// Reads `tag suite parameters`. A malformed line counts as absent: what it holds may be a key.
fn crypto(value: &[u8]) -> Option<Crypto> {
    let (tag, rest) = crate::text::split_once(value, b' ')?;
    let (suite, parameters) = crate::text::split_once(rest.trim_ascii(), b' ')?;
    let parameters = std::str::from_utf8(parameters.trim_ascii()).ok().filter(|text| !text.is_empty())?;
    let suite = std::str::from_utf8(suite).ok().filter(|name| is_token(name.as_bytes()))?;
    Some(Crypto { tag: decimal(tag)?, suite: suite.to_owned(), parameters: Hidden::new(parameters.to_owned()) })
}

fn rtcp(value: &[u8]) -> Option<Rtcp> {
    let mut words = words(value);
    let port = decimal::<u16>(words.next()?).filter(|port| *port >= limits::SDP_LOWEST_PORT)?;
    let address = match (words.next(), words.next(), words.next()) {
        (None, ..) => None,
        (Some(b"IN"), Some(b"IP4" | b"IP6"), Some(address)) => Some(IpAddr::from_str(&readable(address)).ok()?),
        _ => return None,
    };
    Some(Rtcp { port, address })
}
