//! Incoming legs (RFC 3261 §13.3) and the requests of the peer inside of a dialog.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    EndedBy, IncomingInvite, LOOPS, LegEventKind, LegKey, Reason, Request,
    leg::{Leg, State, reason_of, sdp_of},
    replaces::Replaces,
    timer::{self, SessionTimer},
};
use crate::{
    dialog::{Dialog, text},
    digest::Credentials,
    endpoint::{
        config::{ALLOW, EXTENSIONS, MAX_CUSTOM_HEADER_BYTES, MAX_CUSTOM_HEADERS, SUPPORTED},
        core::{Core, ServerUser, Slot},
        flow::{Destination, Flow},
        ids::Token,
    },
    message::{Message, Method, Name, NameAddr, ResponseBuilder, Wire, check_content},
    uri::{Scheme, Uri},
};

impl Leg {
    /// Takes an INVITE into a new leg.
    pub(crate) fn incoming(core: &mut Core, slot: Slot, key: LegKey, flow: Flow, request: &Message) -> Self {
        let random = core.ids.random128();
        let local_tag = core.ids.print(Token { random, slot: slot.index });
        let dialog = Dialog::incoming(request, local_tag, Destination::from(flow));
        let mut leg = Self::new(key, slot, random, State::Ringing, dialog);
        leg.has_offered = sdp_of(request).is_some();
        leg.note_allow(request);
        leg.server = Some(core.serve(flow, request.clone(), ServerUser::Leg(slot)));
        leg
    }

    /// Returns what the owner hears of a new call.
    pub(crate) fn announcement(
        &self,
        flow: Flow,
        request: &Message,
        credentials: Option<Credentials>,
        replaces: Option<Replaces>,
    ) -> IncomingInvite {
        IncomingInvite {
            leg: self.key,
            request: describe(request),
            sdp: sdp_of(request),
            source: flow.peer,
            transport: flow.transport,
            flow,
            credentials,
            dialog: self.dialog.record(),
            replaces,
        }
    }

    /// Answers the INVITE in its transaction.
    pub(crate) fn respond(
        &mut self,
        core: &mut Core,
        status: u16,
        fill: impl FnOnce(ResponseBuilder<'_>) -> ResponseBuilder<'_>,
        now: Instant,
    ) -> Option<Wire> {
        let server = self.server?;
        if status >= 200 {
            self.server = None;
        }
        let said = self.said.as_deref().filter(|_| status > 100);
        let tag = &self.dialog.local_tag;
        match said {
            Some((header, value)) => {
                core.respond(server, status, tag, |response| fill(response).custom(header, value), now)
            }
            None => core.respond(server, status, tag, fill, now),
        }
    }

    /// Sends a provisional response.
    pub(crate) fn ring(&mut self, core: &mut Core, status: u16, sdp: Option<Bytes>, now: Instant) {
        if self.state != State::Ringing || !(101..200).contains(&status) {
            return;
        }
        if self.ring_reliably(core, status, sdp.as_ref(), now) {
            return;
        }
        let contact = core.contact(self.dialog.to);
        self.respond(
            core,
            status,
            |response| with_sdp(response.record_routes().header(Name::Contact, contact), sdp),
            now,
        );
    }

    /// Answers 200 and repeats it until the ACK comes.
    pub(crate) fn answer(&mut self, core: &mut Core, sdp: Bytes, now: Instant) {
        let (State::Ringing, Some(server)) = (&self.state, self.server) else {
            return;
        };
        let Some(sdp) = self.after_prack(sdp) else {
            return;
        };
        let Some((to, request)) = core.server_slot(server).map(|slot| (slot.reply_to(), slot.request.clone())) else {
            return;
        };
        let cseq = request.as_ref().map(|request| request.cseq().0).unwrap_or_default();
        let granted = request.and_then(|request| timer::grant(&request, core.config.session_expires));
        self.session = SessionTimer::granted(granted, now);
        self.keep_sdp(&sdp);
        let (contact, agent) = (core.contact(self.dialog.to), core.agent());
        let sent = self.respond(
            core,
            200,
            |response| {
                let response = response
                    .record_routes()
                    .header(Name::Contact, contact)
                    .header(Name::Allow, ALLOW)
                    .header(Name::Supported, SUPPORTED)
                    .header(Name::Server, agent);
                with_sdp(timer::write(response, granted), Some(sdp))
            },
            now,
        );
        if let Some(bytes) = sent {
            self.state = State::Answered { bye: None };
            self.await_ack(core, cseq, bytes, to, now);
        }
    }

    /// Sends a final failure.
    pub(crate) fn reject(&mut self, core: &mut Core, status: u16, reason: Option<Reason>, now: Instant) {
        if self.state != State::Ringing {
            return;
        }
        let status = if (300..700).contains(&status) { status } else { 480 };
        let header = reason.as_ref().and_then(Reason::print);
        self.respond(
            core,
            status,
            |response| match header {
                Some(header) => response.header(Name::Reason, header),
                None => response,
            },
            now,
        );
        self.state = State::Over;
        self.tell_end(core, Some(status), reason, EndedBy::Us);
    }

    /// Takes the CANCEL of the INVITE, which was answered 200 already.
    pub(crate) fn on_cancel(&mut self, core: &mut Core, cancel: &Message, now: Instant) {
        if self.state != State::Ringing {
            return;
        }
        self.respond(core, 487, |response| response, now);
        self.state = State::Over;
        self.tell_end(core, Some(487), reason_of(cancel), EndedBy::Peer);
    }

    /// Takes the ACK of a 2xx.
    pub(crate) fn on_ack(&mut self, core: &mut Core, ack: &Message, now: Instant) {
        let cseq = ack.cseq().0;
        if self.unacknowledged.as_ref().is_none_or(|answer| answer.cseq != cseq) {
            return;
        }
        self.unacknowledged = None;
        let first = match &mut self.state {
            State::Answered { bye: Some(reason) } => {
                let reason = reason.take();
                self.bye(core, reason, now);
                self.state = State::Over;
                return;
            }
            State::Answered { bye: None } => {
                self.state = State::Confirmed;
                self.reliable = None;
                true
            }
            _ => false,
        };
        let sdp = sdp_of(ack);
        if first || sdp.is_some() {
            self.tell(core, LegEventKind::Confirmed { sdp });
        }
    }

    /// Takes a request inside of the dialog. Its source and tags were checked.
    /// `find` knows the leg that the Replaces of a REFER means.
    pub(crate) fn on_request(
        &mut self,
        core: &mut Core,
        flow: Flow,
        request: Message,
        find: impl FnOnce(&mut Replaces),
        now: Instant,
    ) {
        let method = request.method().clone();
        let server = core.serve(flow, request.clone(), ServerUser::Nobody);
        let tag = Arc::clone(&self.dialog.local_tag);
        let cseq = request.cseq().0;
        if self.dialog.remote_cseq.is_some_and(|known| cseq <= known) {
            core.respond(server, 500, &tag, |r| r.header(Name::RetryAfter, 1), now);
            return;
        }
        self.dialog.remote_cseq = Some(cseq);
        let unknown: Vec<&str> = request.require().filter(|tag| !EXTENSIONS.contains(tag)).collect();
        if !unknown.is_empty() {
            core.respond(server, 420, &tag, |r| r.header(Name::Unsupported, unknown.join(", ")), now);
            return;
        }
        if matches!(method, Method::Invite | Method::Update | Method::Prack)
            && let Err(rejection) = check_content(&request, &["application/sdp"])
        {
            let status = rejection.status;
            core.respond(
                server,
                status,
                &tag,
                |r| match rejection.header {
                    Some((name, value)) => r.header(name, value),
                    None => r,
                },
                now,
            );
            return;
        }
        match method {
            Method::Bye => {
                core.respond(server, 200, &tag, |r| r, now);
                self.on_bye(core, &request);
            }
            Method::Info => {
                core.respond(server, 200, &tag, |r| r, now);
                let content_type = request.content_type().unwrap_or_default().to_owned();
                self.tell(core, LegEventKind::Info { content_type, body: request.body().clone() });
            }
            Method::Invite | Method::Update => self.on_offer(core, server, flow, &request, now),
            Method::Options => {
                core.respond(server, 200, &tag, |r| r.header(Name::Allow, ALLOW), now);
            }
            Method::Prack => self.on_prack(core, server, &request, now),
            Method::Refer => self.on_refer(core, server, &request, find, now),
            Method::Notify => self.on_notify(core, server, &request, now),
            Method::Subscribe => self.on_subscribe(core, server, &request, now),
            other => {
                let status = if matches!(other, Method::Other(_)) { 501 } else { 405 };
                core.respond(server, status, &tag, |r| r.header(Name::Allow, ALLOW), now);
            }
        }
    }

    fn on_bye(&mut self, core: &mut Core, request: &Message) {
        self.state = State::Over;
        self.tell_end(core, None, reason_of(request), EndedBy::Peer);
    }
}

/// Adds a session description.
pub(crate) fn with_sdp(response: ResponseBuilder<'_>, sdp: Option<Bytes>) -> ResponseBuilder<'_> {
    match sdp {
        Some(sdp) => response.body("application/sdp", &sdp),
        None => response,
    }
}

/// Most characters of a user or a name that the owner of a call is shown.
const MAX_SHOWN: usize = 128;

/// Returns the user of a URI, escapes decoded, fit to be shown.
pub(crate) fn user_of(address: Option<&NameAddr>) -> String {
    address.map(|address| user_of_uri(address.uri())).unwrap_or_default()
}

pub(crate) fn user_of_uri(uri: &Uri) -> String {
    let user = uri.user_decoded().unwrap_or_default();
    let user = String::from_utf8_lossy(&user);
    // What follows a telephone number are its parameters (RFC 3261 §19.1.6).
    let number = user.split_once(';').map(|(number, _)| number).filter(|number| is_telephone(number));
    shown(number.unwrap_or(&user))
}

fn is_telephone(user: &str) -> bool {
    let digits = user.strip_prefix('+').unwrap_or(user);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || b"-.()".contains(&byte))
}

/// Returns a text of the peer without control characters and cut: it goes into records, events, logs and other calls.
/// What is replaced cannot be mistaken for a number.
pub(crate) fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(MAX_SHOWN).map(plain).collect()
}

fn describe(request: &Message) -> Request {
    let (from, to, uri) = (request.from(), request.to(), request.request_uri());
    Request {
        uri_user: uri.as_ref().map(user_of_uri).unwrap_or_default(),
        uri_host: uri.as_ref().map_or_else(String::new, |uri| uri.host_str().to_owned()),
        from_user: user_of(from.as_ref()),
        from_host: from.as_ref().map_or_else(String::new, |from| from.uri().host_str().to_owned()),
        from_display: from.as_ref().and_then(NameAddr::display).map(|display| shown(&display)),
        to_user: user_of(to.as_ref()),
        headers: custom_headers(request),
        max_forwards: request.max_forwards().unwrap_or(70),
        user_agent: request.header(Name::UserAgent).map(|agent| shown(&text(Some(agent)))),
        verstat: verstat(request),
        loops: loops(request),
        is_sips: uri.is_some_and(|uri| uri.scheme() == Scheme::Sips),
    }
}

/// Returns the parameter as it was written: it stands behind the number, of a tel URI or of the user of a SIP URI.
fn verstat(request: &Message) -> Option<String> {
    let of = |address: &NameAddr| {
        let uri = address.uri().as_str();
        let (_, behind) = uri.split_once(";verstat=").or_else(|| uri.split_once(";Verstat="))?;
        let value = behind.split([';', '@', '?', ',']).next()?;
        (!value.is_empty()).then(|| shown(value))
    };
    let asserted = request.address(Name::PAssertedIdentity);
    asserted.as_ref().and_then(of).or_else(|| request.from().as_ref().and_then(of))
}

/// Returns what our own header says; what is no number counts as the most.
fn loops(request: &Message) -> u8 {
    let is_ours = |name, written: &[u8]| name == Name::Other && written.eq_ignore_ascii_case(LOOPS.as_bytes());
    let found = request.named_headers().find(|(name, written, _)| is_ours(*name, written));
    found.map_or(0, |(_, _, value)| text(Some(value)).trim().parse().unwrap_or(u8::MAX))
}

fn starts_with(name: &[u8], start: &[u8]) -> bool {
    name.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Returns the headers that carry identity or belong to applications; a bounded number of them.
fn custom_headers(request: &Message) -> Vec<(String, String)> {
    let wanted = |name: Name, written: &[u8]| match name {
        Name::PAssertedIdentity
        | Name::PPreferredIdentity
        | Name::RemotePartyId
        | Name::Privacy
        | Name::Diversion
        | Name::HistoryInfo
        | Name::Identity
        | Name::AlertInfo
        | Name::Reason => true,
        // Ours mean something to us alone; nobody outside gives them.
        Name::Other if starts_with(written, b"x-zorio-") => false,
        Name::Other => starts_with(written, b"x-"),
        _ => false,
    };
    request
        .named_headers()
        .filter(|(name, written, value)| wanted(*name, written) && value.len() <= MAX_CUSTOM_HEADER_BYTES)
        .take(MAX_CUSTOM_HEADERS)
        .map(|(name, written, value)| {
            let name = if name == Name::Other { text(Some(written)) } else { name.as_str().to_owned() };
            (name, text(Some(value)))
        })
        .collect()
}
