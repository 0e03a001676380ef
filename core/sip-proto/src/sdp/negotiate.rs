//! Offer and answer for one audio stream with telephone-events (RFC 3264, RFC 4733), plain or protected (RFC 4568).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    Connection, Direction, Media, Origin, Peer, Refused, Security, Session, Srtp,
    codec::{self, Codec, Format},
    crypto::{self, Crypto},
    webrtc::{self, Setup},
};
use crate::limits;

const PTIME: u8 = 20;

/// Our side of a stream.
#[derive(Debug, Clone)]
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
    /// Whether the stream is protected.
    pub security: Security,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Keys, if the stream is protected.
    pub srtp: Option<Srtp>,
    /// Who the peer is, if it is a browser: then the addresses mean nothing.
    pub webrtc: Option<Peer>,
}

/// Returns an offer of one audio stream.
pub fn offer(local: &Local<'_>) -> String {
    let formats = Format::offered(local.codecs, local.dtmf);
    let (protocol, crypto) = local.security.offered();
    let mut media = stream(local, protocol, &formats, crypto, local.direction, PTIME);
    let mut attributes = Vec::new();
    if let Some(ours) = local.security.webrtc() {
        media.attributes = ours.attributes(Some(webrtc::our_mid()));
        attributes = webrtc::session_attributes(Some(webrtc::our_mid()));
    }
    Session { attributes, ..session(local, vec![media]) }.to_string()
}

/// Tells whether the first audio stream that a description offers is to be reached by IPv6.
pub fn wants_ip6(offer: &[u8]) -> bool {
    let Ok(offer) = Session::parse(offer) else { return false };
    let audio = offer.media.iter().find(|media| media.kind == "audio" && media.port > 0);
    let connection = audio.and_then(|media| media.connection).or(offer.connection);
    connection.is_some_and(|connection| connection.address.to_canonical().is_ipv6())
}

/// Answers an offer with the first audio stream that can be used; all other streams are declined.
pub fn accept_offer(offer: &[u8], local: &Local<'_>) -> Result<(String, Agreed), Refused> {
    let offer = Session::parse(offer)?;
    let mut agreed = None;
    let mut attributes = Vec::new();
    let mut media = Vec::with_capacity(offer.media.len());
    for offered in &offer.media {
        if agreed.is_none()
            && let Some((found, crypto)) = answerable(&offer, offered, local)
        {
            let Found { agreed: agreement, clock } = found;
            let formats: Vec<Format> = [Format::of(agreement.codec, agreement.payload)]
                .into_iter()
                .chain(agreement.dtmf_send.map(|payload| Format::events(payload, clock)))
                .collect();
            let mut ours = stream(local, &offered.protocol, &formats, crypto, agreement.direction, agreement.ptime);
            if let Some(local) = local.security.webrtc() {
                let mid = webrtc::mid(offered);
                ours.attributes = local.attributes(mid);
                attributes = webrtc::session_attributes(mid.filter(|mid| webrtc::is_bundled(&offer, mid)));
            }
            media.push(ours);
            agreed = Some(agreement);
        } else {
            media.push(declined(offered));
        }
    }
    let agreed = agreed.ok_or(Refused::NotAcceptable)?;
    Ok((Session { attributes, ..session(local, media) }.to_string(), agreed))
}

/// Reads the answer to an offer that [`offer`] made from the same `Local`.
pub fn accept_answer(our_offer: &Local<'_>, answer: &[u8]) -> Result<Agreed, Refused> {
    let answer = Session::parse(answer)?;
    let [media] = &*answer.media else { return Err(Refused::NotAcceptable) };
    // The answerer's first format counts here: it is what it is going to send.
    let theirs: Vec<Codec> = codec::payloads(media)
        .filter_map(|payload| our_offer.codecs.iter().copied().find(|codec| codec.is(media, payload)))
        .collect();
    let Found { agreed, clock } = choose(&answer, media, our_offer, &theirs).ok_or(Refused::NotAcceptable)?;
    if our_offer.security.webrtc().is_some() {
        let peer = webrtc::peer(&answer, media, &[Setup::Active]).ok_or(Refused::NotAcceptable)?;
        return Ok(Agreed { webrtc: Some(peer), ..received(agreed, clock) });
    }
    let keys = our_offer.security.for_protocol(&media.protocol).map_err(|()| Refused::NotAcceptable)?;
    let srtp = match (&our_offer.security, keys) {
        (Security::Prefers(keys), None) if !media.crypto.is_empty() => Some(keys),
        (_, None) => None,
        (Security::Prefers(_) | Security::Requires(_), Some(keys)) => Some(keys),
        (_, Some(_)) => return Err(Refused::NotAcceptable),
    };
    let srtp = srtp.map(|keys| crypto::answered(media, keys).ok_or(Refused::NotAcceptable)).transpose()?;
    Ok(Agreed { srtp, ..received(agreed, clock) })
}

/// What comes in has the payload types of our offer.
fn received(agreed: Agreed, clock: u32) -> Agreed {
    Agreed {
        receive_payload: agreed.codec.payload(),
        dtmf_receive: agreed.dtmf_send.and_then(|_| codec::our_events(clock)),
        ..agreed
    }
}

/// What a stream of the peer and ours have in common; the receive payload types are still the peer's.
struct Found {
    agreed: Agreed,
    /// Clock of the telephone-events.
    clock: u32,
}

/// Finds what we can answer to an offered stream, and with which key.
fn answerable(session: &Session, offered: &Media, local: &Local<'_>) -> Option<(Found, Vec<Crypto>)> {
    let found = choose(session, offered, local, local.codecs)?;
    if local.security.webrtc().is_some() {
        let peer = webrtc::peer(session, offered, &[Setup::Either, Setup::Active])?;
        return Some((Found { agreed: Agreed { webrtc: Some(peer), ..found.agreed }, ..found }, Vec::new()));
    }
    match local.security.for_protocol(&offered.protocol).ok()? {
        // Where none of the keys can be used, the stream is plain as it says it is.
        None => match local.security.for_keys_beside(offered).and_then(|keys| crypto::answer(offered, keys)) {
            Some((line, srtp)) => {
                Some((Found { agreed: Agreed { srtp: Some(srtp), ..found.agreed }, ..found }, vec![line]))
            }
            None => Some((found, Vec::new())),
        },
        Some(keys) => {
            let (line, srtp) = crypto::answer(offered, keys)?;
            Some((Found { agreed: Agreed { srtp: Some(srtp), ..found.agreed }, ..found }, vec![line]))
        }
    }
}

fn choose(session: &Session, media: &Media, local: &Local<'_>, codecs: &[Codec]) -> Option<Found> {
    let single = media.ports.is_none_or(|ports| ports == 1);
    // A browser's address is found by ICE: what is written is often that of nobody.
    let found_by_ice = local.security.webrtc().is_some();
    let lowest = if found_by_ice { 1 } else { limits::SDP_LOWEST_PORT };
    if media.kind != "audio" || !local.security.speaks(&media.protocol) || !single || media.port < lowest {
        return None;
    }
    let address = match media.connection.or(session.connection) {
        Some(connection) => connection.address,
        None if found_by_ice => Ipv4Addr::UNSPECIFIED.into(),
        None => return None,
    };
    let held = address.is_unspecified() && !found_by_ice;
    let address = address.to_canonical();
    if !held && !found_by_ice && address.is_ipv4() != local.address.to_canonical().is_ipv4() {
        return None;
    }
    let (codec, payload) = codecs.iter().find_map(|codec| {
        codec::payloads(media).find(|payload| codec.is(media, *payload)).map(|payload| (*codec, payload))
    })?;
    let events = codec::events(media, codec).filter(|_| local.dtmf);
    let dtmf = events.map(|(payload, _)| payload);
    let theirs = media.direction.or(session.direction).unwrap_or_default();
    // Before RFC 3264 a hold was an address nobody can send to.
    let theirs = if held { theirs.and(Direction::SendOnly) } else { theirs };
    let rtcp_port = media.rtcp.map_or_else(|| media.port.checked_add(1), |rtcp| Some(rtcp.port)).unwrap_or(media.port);
    let rtcp_address = media.rtcp.and_then(|rtcp| rtcp.address).map_or(address, |address| address.to_canonical());
    // RTCP elsewhere than the audio would make us send to third parties.
    let rtcp_address = if rtcp_address == address { rtcp_address } else { address };
    let agreed = Agreed {
        codec,
        payload,
        receive_payload: payload,
        dtmf_send: dtmf,
        dtmf_receive: dtmf,
        remote: SocketAddr::new(address, media.port),
        remote_rtcp: SocketAddr::new(rtcp_address, rtcp_port),
        direction: theirs.reversed().and(local.direction),
        ptime: packet_time(media),
        srtp: None,
        webrtc: None,
    };
    Some(Found { agreed, clock: events.map_or(codec::NARROW_CLOCK, |(_, clock)| clock) })
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

fn stream(
    local: &Local<'_>,
    protocol: &str,
    formats: &[Format],
    crypto: Vec<Crypto>,
    direction: Direction,
    ptime: u8,
) -> Media {
    Media {
        kind: "audio".to_owned(),
        port: local.port,
        ports: None,
        protocol: protocol.to_owned(),
        formats: formats.iter().map(|format| format.payload.to_string()).collect(),
        connection: None,
        direction: Some(direction),
        ptime: Some(u16::from(ptime)),
        maxptime: None,
        rtpmaps: formats.iter().map(Format::rtpmap).collect(),
        fmtp: formats.iter().filter_map(Format::fmtp).collect(),
        rtcp: None,
        crypto,
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
        crypto: Vec::new(),
        attributes: Vec::new(),
        ..offered.clone()
    }
}
