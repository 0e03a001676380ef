//! Offers after the first one, and signs of life: re-INVITE and UPDATE in both directions (RFC 3261 §14, RFC 3311,
//! RFC 4028).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EndedBy, LegEventKind,
    leg::{Leg, Offer, State, Waiting, sdp_of},
    timer::{self, SessionTimer},
    uac::acknowledge,
    uas::with_sdp,
};
use crate::{
    endpoint::{
        config::{ALLOW, MAX_GLARE_RETRIES, SUPPORTED},
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
        let offers = is_invite || sdp.is_some();
        let refusal = match (&self.state, &self.offer) {
            // Both sides offered at once: both try again later (§14.2).
            (State::Confirmed, Offer::Ours { .. }) if offers => Some(491),
            (_, Offer::Theirs { .. }) if offers => Some(500),
            // Our 2xx was not acknowledged yet.
            (State::Confirmed, _) if is_invite && self.unacknowledged.is_some() => Some(491),
            (State::Confirmed, _) => None,
            // Before the answer only an UPDATE without SDP changes anything, unless a reliable response settled the
            // first offer (RFC 3311 §5.2).
            _ if !offers => None,
            (State::Ringing, Offer::None) if !is_invite && self.reliable.as_ref().is_some_and(|it| it.settled) => None,
            (State::Ringing, _) => Some(500),
            _ => Some(491),
        };
        let min = core.config.min_session;
        if let Some(status) = refusal.or_else(|| timer::refusal(request, min)) {
            // Between 0 and 10 seconds, by chance (§14.2).
            let wait = core.ids.below(11);
            core.respond(
                server,
                status,
                &tag,
                |response| match status {
                    500 => response.header(Name::RetryAfter, wait),
                    422 => response.header(Name::MinSe, min),
                    _ => response,
                },
                now,
            );
            return;
        }
        self.dialog.refresh_target(request);
        self.dialog.to = Destination::from(flow);
        self.note_allow(request);
        if !offers {
            let contact = core.contact(self.dialog.to);
            let granted = timer::grant(request, core.config.session_expires);
            let confirmed = self.state == State::Confirmed;
            core.respond(
                server,
                200,
                &tag,
                |response| timer::write(response.header(Name::Contact, contact), granted.filter(|_| confirmed)),
                now,
            );
            if confirmed {
                self.session = SessionTimer::granted(granted, now);
            }
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
        let is_refresh = matches!(request.method(), Method::Invite | Method::Update) && self.state == State::Confirmed;
        let granted = if is_refresh { timer::grant(&request, core.config.session_expires) } else { None };
        let sent = core.respond(
            server,
            200,
            &tag,
            |response| {
                let response = response.record_routes().header(Name::Contact, contact).header(Name::Allow, ALLOW);
                with_sdp(timer::write(response, granted), Some(sdp.clone()))
            },
            now,
        );
        if is_refresh {
            self.session = SessionTimer::granted(granted, now);
        }
        self.keep_sdp(&sdp);
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

    /// Sends our offer by re-INVITE, or by UPDATE where the peer takes it; or keeps it until the open one is settled.
    pub(crate) fn offer(&mut self, core: &mut Core, sdp: Bytes, tries: u8, update: bool, now: Instant) {
        if !matches!(self.state, State::Confirmed | State::Answered { bye: None }) {
            return;
        }
        if self.offer != Offer::None || self.unacknowledged.is_some() {
            // The newest offer replaces one that waits.
            self.waiting = Some(Waiting { sdp, tries, update, at: now + core.config.timings.t1 });
            return;
        }
        self.waiting = None;
        let update = update && self.peer_updates;
        let (method, what) =
            if update { (Method::Update, LegRequest::Update) } else { (Method::Invite, LegRequest::Reinvite) };
        let token = core.client_token();
        let contact = core.contact(self.dialog.to);
        let request = self
            .dialog
            .request(core, &method, token)
            .header(Name::Contact, contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, SUPPORTED);
        let request = SessionTimer::write(self.session.as_ref(), request).body("application/sdp", &sdp).wire();
        self.offer = Offer::Ours { sdp, tries, update };
        self.start(core, token, method, request, User::Leg(self.slot, what), now);
    }

    /// Takes a response to our re-INVITE, or to our UPDATE with an offer.
    pub(crate) fn on_offer_response(&mut self, core: &mut Core, client: u32, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        if status < 200 {
            // A re-INVITE does not ring: its final response comes soon or never.
            core.end_by(client, now + core.config.timings.t1x64());
            return;
        }
        let offer = std::mem::replace(&mut self.offer, Offer::None);
        match (status, offer) {
            (200..=299, offer) => {
                self.dialog.refresh_target(response);
                self.note_allow(response);
                if !matches!(offer, Offer::Ours { update: true, .. }) {
                    acknowledge(core, client, &self.dialog, response, false);
                }
                self.session = SessionTimer::agreed(response, core.config.min_session, now);
                if let Offer::Ours { sdp, .. } = &offer {
                    self.keep_sdp(sdp);
                }
                let dialog = Box::new(self.dialog.record());
                self.tell(core, LegEventKind::Answered { sdp: sdp_of(response), dialog });
            }
            (491, Offer::Ours { sdp, tries, update }) if tries < MAX_GLARE_RETRIES => {
                let wait = self.glare_wait(core);
                // An offer that was made meanwhile replaces this one.
                let (sdp, update) = self.waiting.take().map_or((sdp, update), |newer| (newer.sdp, newer.update));
                self.waiting = Some(Waiting { sdp, tries: tries + 1, update, at: now + wait });
            }
            // It does not take UPDATE after all.
            (405 | 501, Offer::Ours { sdp, tries, update: true }) => {
                self.peer_updates = false;
                self.offer(core, sdp, tries, false, now);
            }
            (408 | 481, _) => self.lose_dialog(core, status, now),
            _ => self.tell(core, LegEventKind::OfferRefused { status }),
        }
    }

    /// Takes a response to our UPDATE without an offer.
    pub(crate) fn on_refresh_response(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        match status {
            0..=199 => {}
            200..=299 => {
                self.dialog.refresh_target(response);
                self.session = SessionTimer::agreed(response, core.config.min_session, now);
            }
            408 | 481 => self.lose_dialog(core, status, now),
            405 | 501 => {
                self.peer_updates = false;
                self.refresh(core, now);
            }
            491 | 500 => {
                let wait = self.glare_wait(core);
                if let Some(session) = &mut self.session {
                    session.refresh = Some(now + wait);
                }
            }
            // The session lives on until its time is over (RFC 4028 §10).
            _ => {}
        }
    }

    /// §14.1: the side that made the Call-ID waits longer, so that the two do not meet again.
    fn glare_wait(&self, core: &mut Core) -> Duration {
        let (base, span) = if self.outgoing { (2100, 1900) } else { (0, 2000) };
        Duration::from_millis(base + core.ids.below(span / 10 + 1) * 10)
    }

    /// The peer knows nothing of the dialog any more (§12.2.1.2).
    fn lose_dialog(&mut self, core: &mut Core, status: u16, now: Instant) {
        self.bye(core, None, now);
        self.state = State::Over;
        self.tell_end(core, None, None, if status == 408 { EndedBy::Timeout } else { EndedBy::Peer });
    }

    /// Gives the session its sign of life: UPDATE, or a re-INVITE that says the same again.
    fn refresh(&mut self, core: &mut Core, now: Instant) {
        if let Some(session) = &mut self.session {
            session.refresh = None;
        }
        if self.state != State::Confirmed || self.offer != Offer::None || self.waiting.is_some() {
            // An offer is on its way, and a sign of life itself.
            return;
        }
        if !self.peer_updates {
            if let Some(sdp) = self.last_sdp.clone() {
                self.offer(core, sdp, 0, false, now);
            }
            return;
        }
        let token = core.client_token();
        let contact = core.contact(self.dialog.to);
        let request = self
            .dialog
            .request(core, &Method::Update, token)
            .header(Name::Contact, contact)
            .header(Name::Supported, SUPPORTED);
        let request = SessionTimer::write(self.session.as_ref(), request).wire();
        self.start(core, token, Method::Update, request, User::Leg(self.slot, LegRequest::Refresh), now);
    }

    /// Refreshes the session when it is time, and ends one that nobody refreshed.
    pub(crate) fn on_session_timeout(&mut self, core: &mut Core, now: Instant) {
        let Some(session) = self.session else { return };
        if self.state != State::Confirmed {
            if session.next() <= now {
                // Not acknowledged yet, or over: there are other timers for that.
                self.session = None;
            }
        } else if session.end <= now {
            self.session = None;
            self.bye(core, Some("SIP;cause=408;text=\"Session expired\"".to_owned()), now);
            self.state = State::Over;
            self.tell_end(core, None, None, EndedBy::Timeout);
        } else if session.refresh.is_some_and(|at| at <= now) {
            self.refresh(core, now);
        }
    }

    /// Notes whether the peer takes UPDATE.
    pub(crate) fn note_allow(&mut self, message: &Message) {
        if message.header(Name::Allow).is_some() {
            self.peer_updates = message.values(Name::Allow).any(|method| method == b"UPDATE");
        }
    }

    /// Keeps our description, if only a re-INVITE can give the session its sign of life.
    pub(crate) fn keep_sdp(&mut self, sdp: &Bytes) {
        let needed = !self.peer_updates && self.session.as_ref().is_some_and(|session| session.ours);
        self.last_sdp = needed.then(|| sdp.clone());
    }
}
