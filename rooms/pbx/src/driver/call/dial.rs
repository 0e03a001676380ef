//! Dialling: the legs that we call, and what they are told about the call.

use bytes::Bytes;
use domain::{
    CallId, LegId,
    call::{Input, LegNo, Part, Side},
    cause::Cause,
};
use sip_proto::sdp;
use uuid::Uuid;

use super::{
    Driver,
    leg::Leg,
    speech::{is_browser, media_address, offered_to, webrtc_security},
};
use crate::{
    driver::outbound::{Offer, Target, TrunkTarget, Unreachable},
    model::TrunkDtmf,
};

/// What a call belongs to, for the page of whoever makes it.
const ABOUT: [&str; 2] = ["X-Campaign-Id", "X-Lead-Id"];

impl Driver {
    pub(super) async fn dial(&mut self, no: LegNo, side: Side, part: Part, target: usize) -> Option<Input> {
        let target = self.targets_of(part).get(target).cloned();
        let uuid = self.uuid_for(side, part);
        let number = self.number_for(part, target.as_ref());
        let mut leg = self.new_leg(uuid, side, number);
        if let Part::Offer(offer) = part {
            leg.offer = Some(offer);
        }
        let failure = match target {
            Some(target) => {
                leg.extension = target.extension().map(str::to_owned);
                leg.trunk = target.trunk().map(|trunk| trunk.name().to_owned());
                leg.passage = target.trunk().map(TrunkTarget::passage);
                // An agent that is offered the call after others takes over the place, and with it the port.
                leg.media = self.leg(no).and_then(|former| former.media);
                leg.local = self.leg(no).and_then(|former| former.local.clone());
                self.invite(&mut leg, part, &target).await.err()
            }
            None => Some(Cause::DestinationOutOfOrder),
        };
        if let Some(cause) = failure {
            leg.close(self.pbx.db.now(), cause, None);
        }
        match self.leg_mut(no) {
            Some(place) => *place = leg,
            None => self.legs.push(leg),
        }
        failure.map(|cause| Input::LegEnded { leg: no, cause, sip_status: None })
    }

    /// The first leg of each side has the id that the answer to a click-to-call named.
    fn uuid_for(&self, side: Side, part: Part) -> LegId {
        let first = !self.legs.iter().any(|leg| leg.side == side);
        match (side, part) {
            (Side::Caller, Part::Own) if first => self.setup.a_leg,
            (Side::Callee, Part::Own | Part::Step | Part::Offer(_)) if first => self.setup.b_leg,
            _ => LegId(Uuid::now_v7()),
        }
    }

    fn number_for(&self, part: Part, target: Option<&Target>) -> String {
        match part {
            Part::Own if self.setup.robot.is_some() => self.setup.destination_number.clone(),
            Part::Own => self.setup.extension.clone().unwrap_or_default(),
            Part::Step if self.hops == 0 && self.rare.is_none() => self.setup.destination_number.clone(),
            _ => target.map(|target| target.number().to_owned()).unwrap_or_default(),
        }
    }

    async fn invite(&mut self, leg: &mut Leg, part: Part, target: &Target) -> Result<(), Cause> {
        leg.is_browser = target.is_browser();
        leg.security = self.security_of(target);
        leg.keys = target.trunk().map_or(TrunkDtmf::Rfc4733, |trunk| trunk.options().dtmf);
        let unreachable = unreachable_in(self.setup.call);
        let place = target.look_up(&self.pbx.sip).await.map_err(unreachable)?;
        let sdp = self.make_offer(leg, target, place.is_ipv6())?;
        let (display, user) = self.shown_to(part, target);
        let headers = self.headers_for(part, leg.is_browser);
        let realm = self.pbx.config.realm.clone();
        let offer = Offer {
            call: self.setup.call,
            from_display: display.as_deref(),
            from_user: &user,
            realm: &realm,
            sdp: Bytes::from(sdp),
            headers: &headers,
            carried: self.setup.carried.as_deref().filter(|_| matches!(part, Part::Step | Part::Offer(_))),
            max_forwards: self.setup.max_forwards.saturating_sub(self.hops),
        };
        let invite = target.invite(place, offer).map_err(unreachable)?;
        leg.signalled_from = invite.destination.addr.ip();
        leg.sip = Some(self.pbx.sip.invite(invite, self.sip_sink.clone()));
        Ok(())
    }

    /// Returns what the INVITE tells beside the call itself. The page of an agent is told what the call belongs to.
    fn headers_for(&self, part: Part, is_browser: bool) -> Vec<(String, String)> {
        let mut headers = match part {
            Part::Step => self.headers.clone(),
            Part::Own if is_browser => {
                let told = |(name, _): &&(String, String)| ABOUT.iter().any(|about| name.eq_ignore_ascii_case(about));
                self.headers.iter().filter(told).cloned().collect()
            }
            _ => Vec::new(),
        };
        if is_browser && let Some(queue) = &self.row.queue_name {
            headers.push(("X-Queue-Name".to_owned(), queue.clone()));
        }
        headers
    }

    /// Returns the name and number that a dialled leg sees as the caller's.
    fn shown_to(&self, part: Part, target: &Target) -> (Option<String>, String) {
        // The agent of a click-to-call sees whom he is about to talk to; everybody else sees the caller.
        if part == Part::Own && self.setup.robot.is_none() {
            return (None, self.setup.destination_number.clone());
        }
        let plain = (self.setup.caller_name.clone(), self.setup.caller_number.clone());
        let Some(rare) = &self.rare else { return plain };
        let shown = match part {
            Part::Consult => rare.consult.as_ref().map(|asks| asks.shown()),
            // What leaves by a trunk shows a number of the account, whoever called.
            _ => rare.shown.as_ref().filter(|_| target.trunk().is_some()),
        };
        if let Some(shown) = shown {
            return (None, shown.clone());
        }
        match self.machine.waiting().and_then(|waiting| self.leg(waiting)) {
            // The callee was handed on: that is who calls now.
            Some(waiting) if waiting.side == Side::Callee => (None, waiting.number.clone()),
            _ => plain,
        }
    }

    /// Opens media for a leg that we call, and returns what we offer it.
    fn make_offer(&mut self, leg: &mut Leg, target: &Target, wants_v6: bool) -> Result<String, Cause> {
        // What the other side speaks comes first: then nothing has to be transcoded.
        let alive = |leg: &&Leg| leg.ended_at.is_none();
        let preferred = self.legs.iter().filter(alive).find_map(|leg| leg.agreed.as_ref().map(|agreed| agreed.codec));
        let codecs = offered_to(target, preferred);
        let security = leg.security.clone();
        let dtmf = leg.keys == TrunkDtmf::Rfc4733;
        let browser = is_browser(&self.pbx, target);
        let address = if browser { self.pbx.media.address() } else { media_address(&self.pbx, wants_v6) };
        // A browser agrees on keys with the leg that it is offered: that cannot be another phone's.
        let fits = |former: &sdp::Local<'_>| {
            !browser && former.address == address && !matches!(former.security, sdp::Security::WebRtc(_))
        };
        let local = match leg.local.take().filter(|former| leg.media.is_some() && fits(former)) {
            Some(former) => sdp::Local { codecs, security, dtmf, version: former.version + 1, ..former },
            None if browser => {
                if let Some(former) = leg.media.take() {
                    self.session.close_leg(former);
                }
                let media = self.open_webrtc(leg)?;
                leg.media = Some(media.id);
                sdp::Local { address, dtmf, security: leg.security.clone(), ..self.local(media.port, codecs) }
            }
            None => {
                if let Some(former) = leg.media.take() {
                    self.session.close_leg(former);
                }
                let media = self.open_media(wants_v6)?;
                leg.media = Some(media.id);
                sdp::Local { address, security, dtmf, ..self.local(media.port, codecs) }
            }
        };
        self.listen_for_keys(leg);
        let offer = sdp::offer(&local);
        leg.local = Some(local);
        Ok(offer)
    }

    /// Opens media for a browser; its leg is protected with what that says.
    pub(super) fn open_webrtc(&self, leg: &mut Leg) -> Result<media::LegMedia, Cause> {
        let (media, local) = self.session.open_webrtc_leg().map_err(|error| {
            tracing::error!(call.uuid = %self.setup.call, %error, "no media for a browser");
            Cause::ResourceUnavailable
        })?;
        leg.security = webrtc_security(&local);
        leg.webrtc = Some(local);
        Ok(media)
    }

    pub(super) fn open_media(&self, wants_v6: bool) -> Result<media::LegMedia, Cause> {
        self.session.open_leg_in(media_address(&self.pbx, wants_v6).is_ipv6()).map_err(|error| {
            tracing::error!(call.uuid = %self.setup.call, %error, "no media port is free");
            Cause::ResourceUnavailable
        })
    }

    pub(super) fn local(&self, port: u16, codecs: &'static [sdp::Codec]) -> sdp::Local<'static> {
        sdp::Local {
            address: self.pbx.media.address(),
            port,
            session_id: session_id(self.setup.call, port),
            version: 1,
            codecs,
            dtmf: true,
            direction: sdp::Direction::SendRecv,
            security: sdp::Security::Plain,
        }
    }
}

/// Says why a target of that call cannot be dialled.
fn unreachable_in(call: CallId) -> impl Fn(Unreachable) -> Cause + Copy {
    move |error| {
        tracing::warn!(call.uuid = %call, %error, "a target cannot be dialled");
        Cause::NetworkOutOfOrder
    }
}

/// Returns a session id for the `o=` line that no other leg has (RFC 8866 §5.2).
fn session_id(call: CallId, port: u16) -> u64 {
    let [.., a, b, c, d] = call.0.into_bytes();
    u64::from(port) << 32 | u64::from(u32::from_be_bytes([a, b, c, d]))
}
