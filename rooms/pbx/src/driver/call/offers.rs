//! What the far ends say: SIP events, SDP, key presses.

use bytes::Bytes;
use domain::{
    call::{Input, LegNo},
    cause::Cause,
};
use sip::{EndedBy, LegEvent, LegEventKind};
use sip_proto::{sdp, session::Reason};

use super::{
    Driver,
    leg::{Leg, LegState},
    speech::{media_address, secure_again, webrtc_security},
};
use crate::model::TrunkDtmf;

impl Driver {
    pub(super) async fn on_sip(&mut self, event: LegEvent) {
        let found = self.legs.iter().position(|leg| leg.sip.as_ref().is_some_and(|sip| sip.key() == event.leg));
        let Some(no) = found.and_then(|at| u8::try_from(at).ok()).map(LegNo) else { return };
        match event.kind {
            LegEventKind::Progress { status, sdp } => {
                self.on_transfer_progress(no, status);
                let early_media = sdp.is_some_and(|sdp| self.take_answer(no, &sdp).is_ok());
                tracing::debug!(call.uuid = %self.setup.call, status, early_media, "progress");
                self.feed(Input::Progress { leg: no, early_media }).await;
            }
            LegEventKind::Answered { sdp, dialog } => self.on_leg_answered(no, sdp, *dialog).await,
            LegEventKind::Confirmed { sdp } => {
                // Late offer: our 200 carried the offer, the ACK carries the answer.
                let taken = sdp.map(|sdp| self.take_answer(no, &sdp));
                if self.leg_mut(no).is_some_and(|leg| leg.agreed.is_none()) {
                    let cause = taken.and_then(Result::err).unwrap_or(Cause::IncompatibleDestination);
                    self.hang_up_mute(no, cause).await;
                }
            }
            LegEventKind::Offer { sdp } => self.on_offer(no, &sdp).await,
            LegEventKind::Info { content_type, body } => {
                if let Some((key, _)) = sip::dtmf_of_info(&content_type, &body) {
                    Box::pin(self.on_info_key(no, key)).await;
                }
            }
            LegEventKind::Ended { status, reason, by } => {
                let cause = cause_of(status, reason.as_ref(), by);
                let now = self.pbx.db.now();
                if let Some(leg) = self.leg_mut(no) {
                    leg.close(now, cause, status);
                }
                self.leave_media(no);
                self.agent_left(no);
                let moved = self.rare.as_mut().and_then(|rare| rare.moved.take_if(|(leg, _)| *leg == no));
                let input = match moved.filter(|_| status.is_some_and(|status| status < 400)) {
                    Some((_, target)) => Input::Redirected { leg: no, target },
                    None => Input::LegEnded { leg: no, cause, sip_status: status },
                };
                self.feed(input).await;
            }
            LegEventKind::Refer { refer } => Box::pin(self.on_refer(no, *refer)).await,
            LegEventKind::Redirected { contacts } => self.on_redirected(no, &contacts),
            LegEventKind::OfferRefused { .. } | LegEventKind::Referred { .. } | LegEventKind::Notify { .. } => {}
        }
    }

    async fn on_leg_answered(&mut self, no: LegNo, sdp: Option<Bytes>, dialog: sip::DialogRecord) {
        let now = self.pbx.db.now();
        let Some(leg) = self.leg_mut(no) else { return };
        if leg.answered_at.is_some() {
            // The 200 to a re-INVITE of ours.
            leg.dialog = Some(dialog);
            if let Some(sdp) = sdp {
                let _ = self.take_answer(no, &sdp);
            }
            return;
        }
        if !leg.is_incoming {
            // Another of the trunk's addresses may have taken the call than the one that was tried first.
            leg.signalled_from = dialog.addr.ip();
        }
        leg.dialog = Some(dialog);
        leg.state = LegState::Answered;
        leg.answered_at = Some(now);
        leg.sip_status = Some(200);
        leg.ack_waits = true;
        if let Some(passage) = &leg.passage {
            passage.answered();
        }
        let taken = match sdp {
            Some(sdp) => self.take_answer(no, &sdp),
            // The answer came with an earlier provisional response.
            None if self.legs.get(usize::from(no.0)).is_some_and(|leg| leg.agreed.is_some()) => Ok(()),
            None => Err(Cause::IncompatibleDestination),
        };
        match taken {
            Ok(()) => {
                self.feed(Input::Answered { leg: no }).await;
                // The fact that the two can talk journals all legs; whoever comes before or after is journalled here.
                if self.answered.is_none_or(|(at, _)| at != now) && self.ending.is_none() {
                    self.journalled();
                }
            }
            Err(cause) => self.hang_up_mute(no, cause).await,
        }
    }

    /// Ends a leg that was answered without a description that both sides can use.
    async fn hang_up_mute(&mut self, no: LegNo, cause: Cause) {
        let now = self.pbx.db.now();
        if let Some(leg) = self.leg_mut(no) {
            if let Some(sip) = &leg.sip {
                sip.hangup(super::turn::reason(cause));
            }
            leg.close(now, cause, None);
        }
        self.feed(Input::LegEnded { leg: no, cause, sip_status: None }).await;
    }

    /// Takes the answer to our offer and points the media at it.
    fn take_answer(&mut self, no: LegNo, answer: &[u8]) -> Result<(), Cause> {
        let leg = self.legs.get_mut(usize::from(no.0)).ok_or(Cause::NormalUnspecified)?;
        let (Some(local), Some(media)) = (&leg.local, leg.media) else { return Err(Cause::NormalUnspecified) };
        let agreed = sdp::accept_answer(local, answer).map_err(|refused| {
            tracing::info!(call.uuid = %self.setup.call, %refused, "the answer cannot be used");
            Cause::IncompatibleDestination
        })?;
        if leg.agreed.as_ref() != Some(&agreed) {
            let remote = leg.remote(&agreed);
            self.session.set_remote(media, remote);
            leg.agreed = Some(agreed);
        }
        Ok(())
    }

    /// Answers the offer of an incoming INVITE, or makes our own if it has none.
    pub(super) fn answer_offer(
        &mut self,
        leg: &mut Leg,
        offer: Option<&Bytes>,
        codecs: &'static [sdp::Codec],
    ) -> Result<(), Cause> {
        let wants_v6 = match offer {
            Some(offer) => self.pbx.media.address_of(true).is_some() && sdp::wants_ip6(offer),
            None => leg.signalled_from.to_canonical().is_ipv6(),
        };
        let browser = self.pbx.media.has_webrtc() && offer.is_some_and(|offer| sdp::webrtc_peer(offer).is_some());
        let media = if browser { self.open_webrtc(leg)? } else { self.open_media(wants_v6)? };
        let dtmf = leg.keys == TrunkDtmf::Rfc4733;
        let address = if browser { self.pbx.media.address() } else { media_address(&self.pbx, wants_v6) };
        let local = sdp::Local { address, dtmf, security: leg.security.clone(), ..self.local(media.port, codecs) };
        leg.media = Some(media.id);
        self.listen_for_keys(leg);
        match offer {
            Some(offer) => {
                let (answer, agreed) = sdp::accept_offer(offer, &local).map_err(|refused| {
                    tracing::info!(call.uuid = %self.setup.call, %refused, "the offer cannot be used");
                    Cause::IncompatibleDestination
                })?;
                self.session.set_remote(media.id, leg.remote(&agreed));
                leg.agreed = Some(agreed);
                leg.answer = Some(answer);
            }
            None => leg.answer = Some(sdp::offer(&local)),
        }
        leg.local = Some(local);
        Ok(())
    }

    /// A re-INVITE or UPDATE: hold, resume, or another media address.
    async fn on_offer(&mut self, no: LegNo, offer: &[u8]) {
        let Some(leg) = self.legs.get_mut(usize::from(no.0)) else { return };
        let (Some(sip), Some(local)) = (leg.sip.clone(), leg.local.as_mut()) else { return };
        local.version += 1;
        if let (Some(former), Some(webrtc)) =
            (leg.agreed.as_ref().and_then(|agreed| agreed.webrtc.as_ref()), &leg.webrtc)
            && let Some(peer) = sdp::webrtc_peer(offer)
        {
            if peer.fingerprint != former.fingerprint {
                // Another certificate is another connection (RFC 8842 §5.5), with keys of its own.
                tracing::info!(call.uuid = %self.setup.call, "a new offer has another certificate");
                return sip.refuse(488);
            }
            if peer.ufrag != former.ufrag {
                let restarted = self.session.restart_ice(webrtc);
                local.security = webrtc_security(&restarted);
                leg.webrtc = Some(restarted);
            }
        }
        if offer.is_empty() {
            secure_again(local, leg.agreed.as_ref());
            sip.accept(Bytes::from(sdp::offer(local)));
            return;
        }
        match sdp::accept_offer(offer, local) {
            Ok((answer, agreed)) => {
                let remote = leg.remote(&agreed);
                // Who does not want to hear us has put us on hold (RFC 3264 §8.4).
                let holds = !remote.direction.sends();
                leg.agreed = Some(agreed);
                self.set_remote(no, remote);
                sip.accept(Bytes::from(answer));
                self.held_by_phone(no, holds).await;
            }
            Err(refused) => {
                tracing::info!(call.uuid = %self.setup.call, %refused, "a new offer cannot be used");
                sip.refuse(488);
            }
        }
    }

    pub(super) async fn on_media(&mut self, event: media::Event) {
        match event.kind {
            media::EventKind::Inactive { leg } => {
                let Some(no) = self.by_media(leg) else { return };
                // Who holds may send nothing for as long as that lasts.
                if !self.machine.holds(no) {
                    tracing::info!(call.uuid = %self.setup.call, ?leg, "media stopped");
                    self.feed(Input::MediaInactive { leg: no }).await;
                }
            }
            media::EventKind::Insecure { leg } => {
                let Some(no) = self.by_media(leg) else { return };
                tracing::warn!(call.uuid = %self.setup.call, ?leg, "a browser's media cannot be secured");
                self.feed(Input::MediaInactive { leg: no }).await;
            }
            media::EventKind::RecordingFailed { reason } => {
                tracing::error!(call.uuid = %self.setup.call, reason, "recording failed; the call goes on");
            }
            media::EventKind::Dtmf { leg, digit } => {
                if let Some(no) = self.by_media(leg) {
                    Box::pin(self.on_key(no, digit)).await;
                }
            }
            media::EventKind::PlayFinished { leg } => {
                if let Some(no) = self.by_media(leg) {
                    Box::pin(self.on_play_finished(no)).await;
                }
            }
            media::EventKind::LegRecorded { millis, .. } => Box::pin(self.on_leg_recorded(millis)).await,
        }
    }

    fn by_media(&self, leg: media::LegNo) -> Option<LegNo> {
        let found = self.legs.iter().position(|known| known.media == Some(leg));
        found.and_then(|at| u8::try_from(at).ok()).map(LegNo)
    }
}

/// Returns why a leg ended. The peer's own Q.850 cause says more than the SIP status (RFC 6432).
pub(crate) fn cause_of(status: Option<u16>, reason: Option<&Reason>, by: EndedBy) -> Cause {
    if let Some(number) = reason.and_then(|reason| reason.q850).filter(|number| *number > 0) {
        return Cause::from_q850(number);
    }
    match (status, by) {
        (Some(status), _) => Cause::from_sip(status),
        (None, EndedBy::Peer | EndedBy::Us) => Cause::NormalClearing,
        (None, EndedBy::Timeout) => Cause::RecoveryOnTimerExpire,
        (None, EndedBy::Transport) => Cause::NetworkOutOfOrder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_q850_cause_outranks_the_sip_status() {
        let busy = Reason::q850(17);
        assert_eq!(cause_of(Some(480), Some(&busy), EndedBy::Peer), Cause::UserBusy);
        assert_eq!(cause_of(Some(480), None, EndedBy::Peer), Cause::NoUserResponse);
        assert_eq!(cause_of(None, None, EndedBy::Peer), Cause::NormalClearing);
        assert_eq!(cause_of(None, None, EndedBy::Timeout), Cause::RecoveryOnTimerExpire);
    }
}
