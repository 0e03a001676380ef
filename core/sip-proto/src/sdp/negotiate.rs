//! Offer and answer for one G.711 stream with telephone-events (RFC 3264, RFC 4733).

use std::net::{IpAddr, SocketAddr};

use super::{Connection, Direction, Fmtp, Media, Origin, Refused, Rtpmap, Session};
use crate::{limits, text::decimal};

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// Returns the static payload type (RFC 3551 §6).
    pub const fn payload(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// Returns the encoding name.
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }
}

/// Payload type of telephone-events in our offers.
const DTMF_PAYLOAD: u8 = 101;
const DTMF_ENCODING: &str = "telephone-event";
const CLOCK: u32 = 8000;
const PTIME: u8 = 20;

/// Our side of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    /// Address media comes to.
    pub address: IpAddr,
    /// RTP port; RTCP is the next one.
    pub port: u16,
    /// Session id of `o=`, the same for the whole call.
    pub session_id: u64,
    /// Version of `o=`, one more with each change.
    pub version: u64,
    /// Codecs in order of preference; ours counts, because only we know the codec of the other leg.
    pub codecs: &'a [Codec],
    /// Whether telephone-events are wanted.
    pub dtmf: bool,
    /// What we want to do.
    pub direction: Direction,
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Codec both ways.
    pub codec: Codec,
    /// Payload type to send with.
    pub payload: u8,
    /// Payload type that comes in.
    pub receive_payload: u8,
    /// Payload type of telephone-events to send, if the peer takes them.
    pub dtmf_send: Option<u8>,
    /// Payload type of telephone-events that come in.
    pub dtmf_receive: Option<u8>,
    /// Where to send RTP; unspecified during an old-style hold, when `direction` does not send.
    pub remote: SocketAddr,
    /// Where to send RTCP.
    pub remote_rtcp: SocketAddr,
    /// What we do.
    pub direction: Direction,
    /// Packet time to send with, in milliseconds.
    pub ptime: u8,
}

/// Returns an offer of one audio stream.
pub fn offer(local: &Local<'_>) -> String {
    let formats: Vec<(u8, &'static str)> = local
        .codecs
        .iter()
        .map(|codec| (codec.payload(), codec.encoding()))
        .chain(local.dtmf.then_some((DTMF_PAYLOAD, DTMF_ENCODING)))
        .collect();
    session(local, vec![stream(local, "RTP/AVP", &formats, local.direction, PTIME)]).to_string()
}

/// Answers an offer with the first audio stream that can be used; all other streams are declined.
pub fn accept_offer(offer: &[u8], local: &Local<'_>) -> Result<(String, Agreed), Refused> {
    let offer = Session::parse(offer)?;
    let mut agreed = None;
    let mut media = Vec::with_capacity(offer.media.len());
    for offered in &offer.media {
        if agreed.is_none()
            && let Some(found) = choose(&offer, offered, local, local.codecs)
        {
            let agreement = Agreed { receive_payload: found.payload, dtmf_receive: found.dtmf_send, ..found };
            let formats: Vec<(u8, &'static str)> = [(agreement.payload, agreement.codec.encoding())]
                .into_iter()
                .chain(agreement.dtmf_send.map(|payload| (payload, DTMF_ENCODING)))
                .collect();
            media.push(stream(local, &offered.protocol, &formats, agreement.direction, agreement.ptime));
            agreed = Some(agreement);
        } else {
            media.push(declined(offered));
        }
    }
    let agreed = agreed.ok_or(Refused::NotAcceptable)?;
    Ok((session(local, media).to_string(), agreed))
}

/// Reads the answer to an offer that [`offer`] made from the same `Local`.
pub fn accept_answer(our_offer: &Local<'_>, answer: &[u8]) -> Result<Agreed, Refused> {
    let answer = Session::parse(answer)?;
    let [media] = &*answer.media else { return Err(Refused::NotAcceptable) };
    // The answerer's first format counts here: it is what it is going to send.
    let theirs: Vec<Codec> = media
        .formats
        .iter()
        .filter_map(|format| decimal(format.as_bytes()))
        .filter_map(|payload| our_offer.codecs.iter().copied().find(|codec| encodes(media, payload, codec.encoding())))
        .collect();
    let found = choose(&answer, media, our_offer, &theirs).ok_or(Refused::NotAcceptable)?;
    Ok(Agreed {
        receive_payload: found.codec.payload(),
        dtmf_send: found.dtmf_send.filter(|_| our_offer.dtmf),
        dtmf_receive: found.dtmf_send.filter(|_| our_offer.dtmf).map(|_| DTMF_PAYLOAD),
        ..found
    })
}

/// Finds what a stream of the peer and ours have in common; the receive payload types are still the peer's.
fn choose(session: &Session, media: &Media, local: &Local<'_>, codecs: &[Codec]) -> Option<Agreed> {
    let plain = media.protocol.eq_ignore_ascii_case("RTP/AVP") || media.protocol.eq_ignore_ascii_case("RTP/AVPF");
    let single = media.ports.is_none_or(|ports| ports == 1);
    if media.kind != "audio" || !plain || !single || media.port < limits::SDP_LOWEST_PORT {
        return None;
    }
    let address = media.connection.or(session.connection)?.address;
    let held = address.is_unspecified();
    let address = address.to_canonical();
    if !held && address.is_ipv4() != local.address.to_canonical().is_ipv4() {
        return None;
    }
    let payloads = || media.formats.iter().filter_map(|format| decimal::<u8>(format.as_bytes()));
    let (codec, payload) = codecs.iter().find_map(|codec| {
        payloads().find(|payload| encodes(media, *payload, codec.encoding())).map(|payload| (*codec, payload))
    })?;
    let dtmf = payloads().find(|payload| encodes(media, *payload, DTMF_ENCODING)).filter(|_| local.dtmf);
    let theirs = media.direction.or(session.direction).unwrap_or_default();
    // Before RFC 3264 a hold was an address nobody can send to.
    let theirs = if held { theirs.and(Direction::SendOnly) } else { theirs };
    let rtcp_port = media.rtcp.map_or_else(|| media.port.checked_add(1), |rtcp| Some(rtcp.port)).unwrap_or(media.port);
    let rtcp_address = media.rtcp.and_then(|rtcp| rtcp.address).map_or(address, |address| address.to_canonical());
    // RTCP elsewhere than the audio would make us send to third parties.
    let rtcp_address = if rtcp_address == address { rtcp_address } else { address };
    Some(Agreed {
        codec,
        payload,
        receive_payload: payload,
        dtmf_send: dtmf,
        dtmf_receive: dtmf,
        remote: SocketAddr::new(address, media.port),
        remote_rtcp: SocketAddr::new(rtcp_address, rtcp_port),
        direction: theirs.reversed().and(local.direction),
        ptime: packet_time(media),
    })
}

/// Tells whether the payload type is this encoding; 0 and 8 are known without an rtpmap.
fn encodes(media: &Media, payload: u8, encoding: &str) -> bool {
    match media.rtpmaps.iter().find(|map| map.payload == payload) {
        Some(map) => map.encoding.eq_ignore_ascii_case(encoding) && map.clock == CLOCK && map.channels == 1,
        None => {
            [Codec::Pcmu, Codec::Pcma].iter().any(|codec| codec.payload() == payload && codec.encoding() == encoding)
        }
    }
}

/// Returns the packet time to send with: the peer's wish if it is a usual one, within its longest.
fn packet_time(media: &Media) -> u8 {
    let usual = |time: u16| u8::try_from(time).ok().filter(|time| matches!(time, 10 | 20 | 30 | 40 | 60));
    let wish = media.ptime.and_then(usual).unwrap_or(PTIME);
    match media.maxptime {
        Some(longest) if longest >= 10 && longest < u16::from(wish) => {
            if longest >= 20 {
                PTIME
            } else {
                10
            }
        }
        _ => wish,
    }
}

fn session(local: &Local<'_>, media: Vec<Media>) -> Session {
    let address = local.address.to_canonical();
    Session {
        origin: Origin {
            username: "-".to_owned(),
            session_id: local.session_id.to_string(),
            version: local.version.to_string(),
            host: address.to_string(),
            ip6: address.is_ipv6(),
        },
        name: "-".to_owned(),
        connection: Some(Connection { address }),
        direction: None,
        attributes: Vec::new(),
        media,
    }
}

fn stream(local: &Local<'_>, protocol: &str, formats: &[(u8, &str)], direction: Direction, ptime: u8) -> Media {
    let rtpmap = |&(payload, encoding): &(u8, &str)| Rtpmap {
        payload,
        encoding: encoding.to_owned(),
        clock: CLOCK,
        channels: 1,
    };
    let events = formats.iter().filter(|(_, encoding)| *encoding == DTMF_ENCODING);
    Media {
        kind: "audio".to_owned(),
        port: local.port,
        ports: None,
        protocol: protocol.to_owned(),
        formats: formats.iter().map(|(payload, _)| payload.to_string()).collect(),
        connection: None,
        direction: Some(direction),
        ptime: Some(u16::from(ptime)),
        maxptime: None,
        rtpmaps: formats.iter().map(rtpmap).collect(),
        fmtp: events.map(|(payload, _)| Fmtp { payload: *payload, parameters: "0-15".to_owned() }).collect(),
        rtcp: None,
        attributes: Vec::new(),
    }
}

/// Returns the stream with port 0 and nothing else (RFC 3264 §6).
fn declined(offered: &Media) -> Media {
    Media {
        port: 0,
        ports: None,
        connection: None,
        direction: None,
        ptime: None,
        maxptime: None,
        rtpmaps: Vec::new(),
        fmtp: Vec::new(),
        rtcp: None,
        attributes: Vec::new(),
        ..offered.clone()
    }
}
