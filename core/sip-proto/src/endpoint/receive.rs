//! What becomes of a received message.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    Endpoint, Flow, Transport,
    auth::{self, Checked},
    config::{ALLOW, ALLOW_EVENTS, EXTENSIONS, MIN_CHALLENGED_BYTES, RETRY_AFTER_SECS},
    core::{ServerUser, Slot, same_ip},
    io::Event,
};
use crate::{
    digest::Credentials,
    message::{Capabilities, Message, Method, Name, ResponseBuilder, check, parse},
    session::{
        LegKey, Replaces,
        leg::{Leg, State},
        timer,
    },
};

/// Methods outside of dialogs that pass the first check; what we do not serve is refused after a login.
static METHODS: [Method; 14] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Info,
    Method::Update,
    Method::Register,
    Method::Prack,
    Method::Refer,
    Method::Subscribe,
    Method::Notify,
    Method::Message,
    Method::Publish,
];

/// What a request outside of dialogs proved about its sender.
enum Sender {
    Trusted,
    Login(Box<Credentials>),
    /// The challenge was sent, or the request was refused.
    Turned,
}

impl Endpoint {
    pub(super) fn received(&mut self, flow: Flow, bytes: Bytes, now: Instant) {
        let size = bytes.len();
        let message = match parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                if let Some(request) = &error.salvage {
                    let tag = self.core.stateless_tag(request);
                    if let Some(answer) = error.answer(flow.peer, &tag) {
                        let bound = bound(flow, size);
                        self.core.respond_statelessly(flow, request, &answer, bound);
                    }
                }
                return;
            }
        };
        if message.is_request() {
            self.on_request(flow, message, size, now);
        } else {
            self.on_response(flow, message, now);
        }
    }

    fn on_request(&mut self, flow: Flow, request: Message, size: usize, now: Instant) {
        let key = self.core.server_key(&request);
        match (request.method(), self.core.find_server(key)) {
            (Method::Ack, Some(server)) if self.is_of_same_source(server, flow) => {
                self.core.acknowledged(server, now);
            }
            (Method::Cancel, found) => return self.on_cancel(flow, &request, found, size, now),
            (Method::Ack, _) => {}
            (_, Some(server)) => {
                if self.is_of_same_source(server, flow) {
                    self.core.answer_again(server);
                }
                return;
            }
            _ => {}
        }
        if request.to_tag().is_some() {
            return self.on_request_in_dialog(flow, request, size, now);
        }
        if *request.method() != Method::Ack {
            self.on_new_request(flow, request, key, size, now);
        }
    }

    fn is_of_same_source(&mut self, server: u32, flow: Flow) -> bool {
        self.core.server(server).is_some_and(|slot| same_ip(slot.flow.peer.ip(), flow.peer.ip()))
    }

    /// CANCEL finds its INVITE or nothing (RFC 3261 §9.2); from elsewhere it finds nothing.
    fn on_cancel(&mut self, flow: Flow, cancel: &Message, invite: Option<u32>, size: usize, now: Instant) {
        let Some(server) = invite.filter(|server| self.is_of_same_source(*server, flow)) else {
            return self.refuse(flow, cancel, 481, size);
        };
        let user = self.core.server(server).map(|slot| slot.user);
        let slot = match user {
            Some(ServerUser::Leg(slot)) => Some(slot),
            _ => None,
        };
        let tag = slot.and_then(|slot| self.legs.get(slot.index as usize)).map(|leg| leg.dialog.local_tag.clone());
        let tag = tag.unwrap_or_else(|| Arc::from(&*self.core.stateless_tag(cancel)));
        let ok = ResponseBuilder::for_request(cancel, 200, "").source(flow.peer).to_tag(&tag).wire();
        self.core.respond_statelessly(flow, cancel, &ok, usize::MAX);
        if let Some(slot) = slot {
            self.with_leg(slot, now, |leg, core| leg.on_cancel(core, cancel, now));
        }
    }

    /// A request inside of a dialog needs our tag, the Call-ID, the peer's tag, and the peer's address.
    fn on_request_in_dialog(&mut self, flow: Flow, request: Message, size: usize, now: Instant) {
        let is_ack = *request.method() == Method::Ack;
        let found = request
            .to_tag()
            .and_then(|tag| self.core.ids.parse(tag))
            .and_then(|token| self.legs.get(token.slot as usize).filter(|leg| leg.random == token.random))
            .filter(|leg| {
                let known = leg.dialog.matches(&request) || leg.state == State::Proceeding && is_early(leg, &request);
                known && (same_ip(leg.dialog.to.addr.ip(), flow.peer.ip()) || self.core.is_trusted(&flow))
            })
            .map(|leg| leg.slot);
        match found {
            Some(slot) if is_ack => self.with_leg(slot, now, |leg, core| leg.on_ack(core, &request, now)),
            Some(slot) if !self.core.is_full() => {
                // Only a REFER asks for another leg.
                let meant = if *request.method() == Method::Refer { self.referred(&request) } else { None };
                let find = |replaces: &mut Replaces| {
                    if let Some((leg, answered)) = meant {
                        replaces.found(leg, answered);
                    }
                };
                self.with_leg(slot, now, |leg, core| leg.on_request(core, flow, request, find, now));
            }
            Some(_) => self.refuse(flow, &request, 503, size),
            None if is_ack => {}
            None if *request.method() == Method::Subscribe => self.on_resubscribe(flow, request, size, now),
            None => self.refuse(flow, &request, 481, size),
        }
    }

    /// Returns the leg that a REFER's Replaces means, and whether it was answered. A call that the peer itself began may
    /// still ring: its owner knows what becomes of it.
    fn referred(&self, request: &Message) -> Option<(LegKey, bool)> {
        let to = request.address(Name::ReferTo)?;
        let replaces = Replaces::of_uri_headers(to.uri().headers()?).ok()??;
        let rings = |leg: &Leg| leg.state == State::Ringing && leg.dialog.remote_tag == replaces.from_tag;
        let ringing = self.leg_of_tag(&replaces.to_tag).filter(|leg| rings(leg));
        let ringing = ringing.filter(|leg| leg.dialog.call_id == replaces.call_id).map(|leg| (leg.key, false));
        ringing.or_else(|| self.replaced(&replaces))
    }

    fn leg_of_tag(&self, tag: &str) -> Option<&Leg> {
        let token = self.core.ids.parse(tag)?;
        self.legs.get(token.slot as usize).filter(|leg| leg.random == token.random)
    }

    /// Returns the leg that a Replaces means, and whether it was answered. A call that somebody else began and that was
    /// not answered yet may not be replaced (RFC 3891 §3).
    fn replaced(&self, replaces: &Replaces) -> Option<(LegKey, bool)> {
        let leg = self.leg_of_tag(&replaces.to_tag)?;
        let answered = match leg.state {
            State::Confirmed | State::Answered { bye: None } => true,
            State::Calling | State::Proceeding => false,
            _ => return None,
        };
        let known = if answered {
            leg.dialog.remote_tag == replaces.from_tag
        } else {
            leg.early.iter().any(|early| early.tag == replaces.from_tag)
        };
        (known && leg.dialog.call_id == replaces.call_id).then_some((leg.key, answered))
    }

    fn on_new_request(&mut self, flow: Flow, request: Message, key: u64, size: usize, now: Instant) {
        let merged = self.core.merged_key(&request);
        let looped = request.vias().any(|via| via.branch().is_some_and(|branch| self.core.is_ours(branch)));
        if looped || self.core.is_merged(merged, key) {
            return self.refuse(flow, &request, 482, size);
        }
        let capabilities =
            Capabilities { methods: &METHODS, extensions: EXTENSIONS, content_types: &["application/sdp"], tel: true };
        let has_session = matches!(request.method(), Method::Invite);
        if let Err(rejection) = check(&request, &capabilities)
            && (has_session || rejection.status != 415)
        {
            let tag = self.core.stateless_tag(&request);
            let mut answer = ResponseBuilder::for_request(&request, rejection.status, rejection.reason)
                .source(flow.peer)
                .to_tag(&tag);
            match rejection.header {
                Some((Name::Allow, _)) => answer = answer.header(Name::Allow, ALLOW),
                Some((name, value)) => answer = answer.header(name, value),
                None => {}
            }
            return self.core.respond_statelessly(flow, &request, &answer.wire(), bound(flow, size));
        }
        match request.method() {
            Method::Options => self.on_options(flow, &request, size),
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                self.refuse(flow, &request, 481, size);
            }
            method => {
                let method = method.clone();
                if self.overloaded || self.core.is_full() {
                    return self.refuse(flow, &request, 503, size);
                }
                match (self.sender(flow, &request, size, now), method) {
                    (Sender::Turned, _) => {}
                    (Sender::Trusted, Method::Invite) => self.on_invite(flow, &request, None, now),
                    (Sender::Login(login), Method::Invite) => self.on_invite(flow, &request, Some(*login), now),
                    (Sender::Trusted, Method::Register) => self.on_register(flow, request, None, size),
                    (Sender::Login(login), Method::Register) => self.on_register(flow, request, Some(*login), size),
                    (Sender::Login(login), Method::Subscribe) => self.on_subscribe(flow, request, *login, size),
                    // There is no messaging; but nobody learns that in another's name (S37).
                    (Sender::Login(login), Method::Message) if !is_from(&request, login.username()) => {
                        self.refuse(flow, &request, 403, size);
                    }
                    (Sender::Trusted | Sender::Login(_), _) => self.refuse(flow, &request, 405, size),
                }
            }
        }
    }

    /// Finds out who sent a request; strangers are challenged without keeping anything.
    fn sender(&mut self, flow: Flow, request: &Message, size: usize, now: Instant) -> Sender {
        // A trusted trunk calls; it does not register.
        let trusted = *request.method() != Method::Register && self.core.is_trusted(&flow);
        let seconds = self.seconds(now);
        match auth::check(&self.core, &mut self.nonces, flow.peer.ip(), request, seconds) {
            // A phone behind the address of a trunk proves more than the address does.
            Checked::Fresh(credentials) => Sender::Login(credentials),
            _ if trusted => Sender::Trusted,
            Checked::Challenge { stale } => {
                let challenge = auth::stateless_challenge(&mut self.core, flow, request, stale, seconds);
                self.core.respond_statelessly(flow, request, &challenge, bound(flow, size));
                Sender::Turned
            }
            Checked::Malformed => {
                self.refuse(flow, request, 400, size);
                Sender::Turned
            }
        }
    }

    fn on_options(&mut self, flow: Flow, request: &Message, size: usize) {
        if self.overloaded && !self.core.is_trusted(&flow) {
            return;
        }
        let tag = self.core.stateless_tag(request);
        let ok = ResponseBuilder::for_request(request, 200, "")
            .source(flow.peer)
            .to_tag(&tag)
            .header(Name::Allow, ALLOW)
            .wire();
        self.core.respond_statelessly(flow, request, &ok, bound(flow, size));
    }

    fn on_invite(&mut self, flow: Flow, request: &Message, credentials: Option<Credentials>, now: Instant) {
        if self.legs.len() >= self.core.config.max_legs {
            return self.refuse(flow, request, 503, usize::MAX);
        }
        if let Some(status) = timer::refusal(request, self.core.config.min_session) {
            return self.refuse(flow, request, status, usize::MAX);
        }
        let mut replaces = None;
        if request.header(Name::Replaces).is_some() {
            // Two of them, or one beside an offer to be referred, mean nothing (RFC 3891 §3).
            let read = request.header(Name::Replaces).and_then(Replaces::parse);
            let Some(mut read) = read.filter(|_| request.headers(Name::Replaces).count() == 1) else {
                return self.refuse(flow, request, 400, usize::MAX);
            };
            if let Some((leg, answered)) = self.replaced(&read) {
                read.found(leg, answered);
            }
            replaces = Some(read);
        }
        let slot = self.vacant_leg();
        self.next_incoming = self.next_incoming.wrapping_add(1);
        let key = LegKey(self.next_incoming.wrapping_mul(2).wrapping_add(1));
        let mut leg = Leg::incoming(&mut self.core, slot, key, flow, request);
        leg.respond(&mut self.core, 100, |response| response, now);
        let announcement = leg.announcement(flow, request, credentials, replaces);
        self.insert_leg(leg);
        self.core.event(Event::Incoming(Box::new(announcement)));
    }

    /// Challenges the INVITE of a leg again: the login was wrong.
    pub(super) fn challenge_leg(&mut self, slot: Slot, now: Instant) {
        let seconds = self.seconds(now);
        self.with_leg(slot, now, |leg, core| {
            let found = leg.server.and_then(|server| core.server_slot(server));
            let Some((flow, Some(request))) = found.map(|found| (found.flow, found.request.clone())) else {
                return;
            };
            let (status, name, challenge) = auth::challenge(core, flow, &request, false, seconds);
            leg.respond(core, status, |response| response.header(name, challenge), now);
            leg.state = State::Over;
            leg.tell_end(core, Some(status), None, crate::session::EndedBy::Us);
        });
    }

    /// Refuses a request without keeping anything.
    pub(super) fn refuse(&mut self, flow: Flow, request: &Message, status: u16, size: usize) {
        if *request.method() == Method::Ack {
            return;
        }
        let tag = self.core.stateless_tag(request);
        let mut answer = ResponseBuilder::for_request(request, status, "").source(flow.peer).to_tag(&tag);
        answer = match status {
            503 => answer.header(Name::RetryAfter, RETRY_AFTER_SECS),
            405 | 501 => answer.header(Name::Allow, ALLOW),
            422 => answer.header(Name::MinSe, self.core.config.min_session),
            489 => answer.header(Name::AllowEvents, ALLOW_EVENTS),
            _ => answer,
        };
        self.core.respond_statelessly(flow, request, &answer.wire(), bound(flow, size));
    }
}

/// Returns the largest answer to a request of this size without state: a tiny datagram gains nothing by us.
fn bound(flow: Flow, size: usize) -> usize {
    if flow.transport == Transport::Udp && size < MIN_CHALLENGED_BYTES { size } else { usize::MAX }
}

fn is_early(leg: &Leg, request: &Message) -> bool {
    leg.dialog.call_id == request.call_id()
        && request.from_tag().is_some_and(|tag| leg.early.iter().any(|known| known.tag == tag))
}

/// Returns whether From names the user who signed in.
fn is_from(request: &Message, user: &str) -> bool {
    request.from().is_some_and(|from| from.uri().user_decoded().is_some_and(|name| *name == *user.as_bytes()))
}
