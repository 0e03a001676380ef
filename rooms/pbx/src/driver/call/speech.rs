//! What a leg may speak, how its key presses travel, and whether it is protected.

use std::net::IpAddr;

use domain::TenantId;
use sip::Transport;
use sip_proto::sdp::{self, Codec};

use super::{Driver, leg::Leg};
use crate::{
    Pbx,
    driver::outbound::{PhoneTarget, Target},
    model::{TrunkDtmf, TrunkOptions, TrunkSrtp},
};

/// G.711 with A-law first, as carriers outside of North America and Japan have it; what has to be transcoded for them
/// comes last.
pub(super) const ALAW_FIRST: &[Codec] = &[Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
const ULAW_FIRST: &[Codec] = &[Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
const G722_FIRST: &[Codec] = &[Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::Opus];
const OPUS_FIRST: &[Codec] = &[Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];
/// Of trunks that are told nothing: A-law first, µ-law first.
const TRUNK: [&[Codec]; 2] = [&[Codec::Pcma, Codec::Pcmu], &[Codec::Pcmu, Codec::Pcma]];

/// Every order of the codecs: what one of them begins with is any list of them.
static ORDERS: [[Codec; 4]; 24] = orders();

const fn orders() -> [[Codec; 4]; 24] {
    const ALL: [Codec; 4] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    let mut orders = [ALL; 24];
    let (mut at, mut code) = (0, 0);
    while code < 256 {
        let (a, b, c, d) = (code & 3, (code >> 2) & 3, (code >> 4) & 3, code >> 6);
        if a != b && a != c && a != d && b != c && b != d && c != d {
            orders[at] = [ALL[a], ALL[b], ALL[c], ALL[d]];
            at += 1;
        }
        code += 1;
    }
    orders
}

/// Returns the codecs that a trunk is to speak, in its order; nothing if it says nothing. Tones that stand for keys
/// survive G.711 alone.
fn chosen(options: &TrunkOptions) -> Option<&'static [Codec]> {
    let lets_tones = |codec: &Codec| options.dtmf != TrunkDtmf::Inband || matches!(codec, Codec::Pcma | Codec::Pcmu);
    let wanted: Vec<Codec> = options.codecs.iter().filter_map(|name| Codec::named(name)).filter(lets_tones).collect();
    if wanted.is_empty() {
        return None;
    }
    ORDERS.iter().find(|order| order.starts_with(&wanted)).and_then(|order| order.get(..wanted.len()))
}

/// Returns what is answered to an offer that comes by a trunk.
pub(super) fn answered_to(options: &TrunkOptions) -> &'static [Codec] {
    let [alaw, _] = TRUNK;
    let usual = if options.dtmf == TrunkDtmf::Inband { alaw } else { ALAW_FIRST };
    chosen(options).unwrap_or(usual)
}

/// Returns what is offered to a target whose other side speaks `other`: that comes first, so that nothing has to be
/// transcoded. Carriers are offered what their trunk says, and else G.711.
pub(crate) fn offered_to(target: &Target, other: Option<Codec>) -> &'static [Codec] {
    let [alaw, ulaw] = TRUNK;
    if let Target::Trunk(trunk) = target
        && let Some(chosen) = chosen(trunk.options())
    {
        return chosen;
    }
    match (target, other) {
        (Target::Trunk(_), Some(Codec::Pcmu)) => ulaw,
        (Target::Trunk(_), _) => alaw,
        (Target::Phone(_), Some(Codec::Pcmu)) => ULAW_FIRST,
        (Target::Phone(_), Some(Codec::G722)) => G722_FIRST,
        (Target::Phone(_), Some(Codec::Opus)) => OPUS_FIRST,
        (Target::Phone(_), Some(Codec::Pcma) | None) => ALAW_FIRST,
    }
}

/// Returns our own address for the media of a far end with IPv6, or with IPv4; the usual one if there is none.
pub(crate) fn media_address(pbx: &Pbx, wants_v6: bool) -> IpAddr {
    pbx.media.address_of(wants_v6).unwrap_or_else(|| pbx.media.address())
}

/// Returns whether the media of a leg is protected. Its keys travel in the description: only where the signalling is
/// encrypted they are worth something. An extension that is to use TLS has no media in plain there.
pub(crate) fn security(pbx: &Pbx, tenant: TenantId, extension: Option<&str>, transport: Transport) -> sdp::Security {
    if !transport.is_secure() {
        return sdp::Security::Plain;
    }
    let keys = sdp::Keys::new(rand::random());
    let line = extension.and_then(|number| pbx.directory.line(tenant, number));
    if line.is_some_and(|line| line.extension.tls_enabled) {
        sdp::Security::Requires(keys)
    } else {
        sdp::Security::Accepts(keys)
    }
}

/// Tells whether a target is offered what browsers speak: those that registered by WebSocket.
pub(crate) fn is_browser(pbx: &Pbx, target: &Target) -> bool {
    let by_websocket = |phone: &PhoneTarget| matches!(phone.binding.flow.transport, Transport::Ws | Transport::Wss);
    pbx.media.has_webrtc() && matches!(target, Target::Phone(phone) if by_websocket(phone))
}

/// Returns how a stream that a browser can use is described.
pub(crate) fn webrtc_security(local: &media::WebRtc) -> sdp::Security {
    let candidates = local.candidates.iter().map(|candidate| sdp::Candidate {
        address: candidate.address,
        tcp: candidate.transport == media::CandidateTransport::Tcp,
    });
    sdp::Security::WebRtc(Box::new(sdp::WebRtc {
        ufrag: local.ufrag.clone(),
        password: sdp::Hidden::new(local.password.clone()),
        fingerprint: local.fingerprint,
        ssrc: local.ssrc,
        candidates: candidates.collect(),
    }))
}

/// Has a stream that is protected offered as one again: what began encrypted does not go on in plain by our doing.
pub(super) fn secure_again(local: &mut sdp::Local<'_>, agreed: Option<&sdp::Agreed>) {
    if agreed.is_some_and(|agreed| agreed.srtp.is_some())
        && let sdp::Security::Accepts(keys) = &local.security
    {
        local.security = sdp::Security::Requires(keys.clone());
    }
}

/// The same for a leg over a trunk. What has to be protected is, whatever way the call came; what may be is offered in
/// plain with keys beside it (RFC 8643): carriers that know nothing of that pass over them, while many refuse a stream of
/// another protocol or two of one kind.
pub(crate) fn trunk_security(options: &TrunkOptions, transport: Transport) -> sdp::Security {
    match options.srtp {
        TrunkSrtp::Off => sdp::Security::Plain,
        TrunkSrtp::Optional if !transport.is_secure() => sdp::Security::Plain,
        TrunkSrtp::Optional => sdp::Security::Prefers(sdp::Keys::new(rand::random())),
        TrunkSrtp::Required => sdp::Security::Requires(sdp::Keys::new(rand::random())),
    }
}

impl Driver {
    /// Returns what the trunk wants that the call came by.
    pub(super) fn came_by(&self) -> Option<TrunkOptions> {
        let (id, _) = self.setup.trunk.as_ref()?;
        let account = self.pbx.directory.account(self.setup.tenant)?;
        account.trunks.get(id).map(|line| line.trunk.options.clone())
    }

    /// Has the media listen for keys in the sound where they travel in it.
    pub(super) fn listen_for_keys(&self, leg: &Leg) {
        if leg.keys == TrunkDtmf::Inband
            && let Some(media) = leg.media
        {
            self.session.detect_dtmf(media, true);
        }
    }

    /// Returns whether the media of a leg that we call is protected.
    pub(super) fn security_of(&self, target: &Target) -> sdp::Security {
        match target {
            Target::Phone(phone) => {
                let transport = phone.binding.flow.transport;
                security(&self.pbx, self.setup.tenant, Some(&phone.extension), transport)
            }
            Target::Trunk(trunk) => trunk_security(trunk.options(), trunk.transport()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_stream_is_offered_as_one_again() {
        let local = |security| sdp::Local {
            address: [192, 0, 2, 1].into(),
            port: 4_000,
            session_id: 1,
            version: 1,
            codecs: ALAW_FIRST,
            dtmf: true,
            direction: sdp::Direction::SendRecv,
            security,
        };
        let keys = |byte| sdp::Keys::new([byte; sdp::Keys::LENGTH]);
        let phone = local(sdp::Security::Requires(keys(1)));
        let mut ours = local(sdp::Security::Accepts(keys(2)));
        let (_, agreed) = sdp::accept_offer(sdp::offer(&phone).as_bytes(), &ours).unwrap();
        assert!(agreed.srtp.is_some() && sdp::offer(&ours).contains("RTP/AVP"));
        secure_again(&mut ours, None);
        assert!(sdp::offer(&ours).contains("RTP/AVP"), "it never was");
        secure_again(&mut ours, Some(&agreed));
        let offer = sdp::offer(&ours);
        assert!(offer.contains("RTP/SAVP") && !offer.contains("RTP/AVP"), "{offer}");
    }

    #[test]
    fn every_list_of_codecs_can_be_chosen_in_its_order() {
        for (names, dtmf, codecs) in [
            (&[][..], TrunkDtmf::Rfc4733, None),
            (&["PCMU"], TrunkDtmf::Rfc4733, Some(&[Codec::Pcmu][..])),
            (&["opus", "PCMA"], TrunkDtmf::Info, Some(&[Codec::Opus, Codec::Pcma])),
            (&["G722", "opus", "PCMU", "PCMA"], TrunkDtmf::Rfc4733, Some(G722_OPUS_FIRST)),
            (&["opus", "PCMU"], TrunkDtmf::Inband, Some(&[Codec::Pcmu])),
            (&["opus"], TrunkDtmf::Inband, None),
        ] {
            let codecs_of = names.iter().map(|name: &&str| (*name).to_owned()).collect();
            let options = TrunkOptions { codecs: codecs_of, dtmf, ..TrunkOptions::default() };
            assert_eq!(chosen(&options), codecs, "{names:?}");
        }
        assert!(ORDERS.iter().enumerate().all(|(at, order)| !ORDERS[..at].contains(order)));
    }

    const G722_OPUS_FIRST: &[Codec] = &[Codec::G722, Codec::Opus, Codec::Pcmu, Codec::Pcma];
}
