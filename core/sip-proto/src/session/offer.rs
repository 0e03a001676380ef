//! Offers after the first one: re-INVITE and UPDATE in both directions (RFC 3261 §14, RFC 3311).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EndedBy, LegEventKind,
    leg::{Leg, Offer, State, Waiting, sdp_of},
    uac::acknowledge,
    uas::with_sdp,
};
use crate::{
    endpoint::{
        config::{ALLOW, MAX_GLARE_RETRIES},
        core::{Core, LegRequest, ServerUser, Slot, User, reply_to},
        flow::{Destination, Flow},
    },
    message::{Message, Method, Name},
};

impl Leg {
    /// Takes the peer's re-INVITE or UPDATE.
    pub(crate) fn on_offer(&mut self, core: &mut Core, server: Slot, flow: Flow, request: &Message, now: Instant) {
        let tag = Arc::clone(&self.dialog.local_tag);
        let sdp = sdp_of(request);
        let is_invite = *request.method() == Method::Invite;
        let refusal = match (&self.state, &self.offer) {
            // Both sides offered at once: both try again later (§14.2).
            (State::Confirmed, Offer::Ours { .. }) if is_invite || sdp.is_some() => Some(491),
            (State::Confirmed, Offer::Theirs { .. }) if is_invite || sdp.is_some() => Some(500),
            // Our 2xx was not acknowledged yet.
            (State::Confirmed, _) if is_invite && self.unacknowledged.is_some() => Some(491),
            (State::Confirmed, _) => None,
            // Before the answer only an UPDATE without SDP changes anything.
            _ if !is_invite && sdp.is_none() => None,
            _ => Some(491),
        };
        if let Some(status) = refusal {
            core.respond(server, status, &tag, |r| if status == 500 { r.header(Name::RetryAfter, 2) } else { r }, now);
            return;
        }
        self.dialog.refresh_target(request);
        self.dialog.to = Destination::from(flow);
        if !is_invite && sdp.is_none() {
            let contact = core.contact(self.dialog.to);
            core.respond(server, 200, &tag, |r| r.header(Name::Contact, contact), now);
            return;
        }
        if let Some(slot) = core.server_slot(server) {
            slot.user = ServerUser::Leg(self.slot);
        }
        if is_invite {
            core.respond(server, 100, &tag, |r| r, now);
        }
        self.offer = Offer::Theirs { server };
        self.tell(core, LegEventKind::Offer { sdp: sdp.unwrap_or_default() });
    }

    /// Answers the peer's offer.
    pub(crate) fn accept_offer(&mut self, core: &mut Core, sdp: Bytes, now: Instant) {
        let Offer::Theirs { server } = self.offer else {
            return;
        };
        self.offer = Offer::None;
        let Some(request) = core.server_slot(server).and_then(|slot| slot.request.clone()) else {
            return;
        };
        let to = core.server_slot(server).map(|slot| reply_to(slot.flow, &request));
        let (contact, tag) = (core.contact(self.dialog.to), Arc::clone(&self.dialog.local_tag));
        let sent = core.respond(
            server,
            200,
            &tag,
            |response| {
                with_sdp(response.record_routes().header(Name::Contact, contact).header(Name::Allow, ALLOW), Some(sdp))
            },
            now,
        );
        if let (Some(bytes), Some(to), Method::Invite) = (sent, to, request.method()) {
            self.await_ack(core, request.cseq().0, bytes, to, now);
        }
    }

    /// Refuses the peer's offer; the session goes on as it was.
    pub(crate) fn refuse_offer(&mut self, core: &mut Core, status: u16, now: Instant) {
        if let Offer::Theirs { server } = self.offer {
            self.offer = Offer::None;
            let status = if (300..700).contains(&status) { status } else { 488 };
            core.respond(server, status, &self.dialog.local_tag, |r| r, now);
        }
    }

    /// Sends our offer, or keeps it until the open one is settled.
    pub(crate) fn reinvite(&mut self, core: &mut Core, sdp: Bytes, tries: u8, now: Instant) {
        if !matches!(self.state, State::Confirmed | State::Answered { bye: None }) {
            return;
        }
        if self.offer != Offer::None || self.unacknowledged.is_some() {
            // The newest offer replaces one that waits.
            self.waiting = Some(Waiting { sdp, tries, at: now + core.config.timings.t1 });
            return;
        }
        self.waiting = None;
        let token = core.client_token();
        let contact = core.contact(self.dialog.to);
        let request = self
            .dialog
            .request(core, &Method::Invite, token)
            .header(Name::Contact, contact)
            .header(Name::Allow, ALLOW)
            .body("application/sdp", &sdp)
            .wire();
        self.offer = Offer::Ours { sdp, tries };
        self.start(core, token, Method::Invite, request, User::Leg(self.slot, LegRequest::Reinvite), now);
    }

    /// Takes a response to our re-INVITE.
    pub(crate) fn on_reinvite_response(&mut self, core: &mut Core, client: u32, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        if status < 200 {
            // A re-INVITE does not ring: its final response comes soon or never.
            core.end_by(client, now + core.config.timings.t1x64());
            return;
        }
        let offer = std::mem::replace(&mut self.offer, Offer::None);
        match (status, offer) {
            (200..=299, _) => {
                self.dialog.refresh_target(response);
                acknowledge(core, client, &self.dialog, response, false);
                let dialog = Box::new(self.dialog.record());
                self.tell(core, LegEventKind::Answered { sdp: sdp_of(response), dialog });
            }
            (491, Offer::Ours { sdp, tries }) if tries < MAX_GLARE_RETRIES => {
                // §14.1: the side that made the Call-ID waits longer, so that the two do not meet again.
                let (base, span) = if self.outgoing { (2100, 1900) } else { (0, 2000) };
                let wait = Duration::from_millis(base + core.ids.below(span / 10 + 1) * 10);
                // An offer that was made meanwhile replaces this one.
                let sdp = self.waiting.take().map_or(sdp, |waiting| waiting.sdp);
                self.waiting = Some(Waiting { sdp, tries: tries + 1, at: now + wait });
            }
            (408 | 481, _) => {
                // The dialog is gone (§12.2.1.2).
                self.bye(core, None, now);
                self.state = State::Over;
                self.tell_end(core, None, None, if status == 408 { EndedBy::Timeout } else { EndedBy::Peer });
            }
            _ => self.tell(core, LegEventKind::OfferRefused { status }),
        }
    }
}
