//! Outgoing legs (RFC 3261 §13.2, §9.1).

use std::{sync::Arc, time::Instant};

use super::{
    EndedBy, Invite, LegEventKind, LegKey,
    leg::{Leg, State, bye, reason_of, sdp_of},
    refer::redirected_to,
    timer::SessionTimer,
};
use crate::{
    dialog::{Dialog, Routes},
    endpoint::{
        config::{ALLOW, MAX_FORKS, MAX_FORWARDS, MAX_PROGRESS, SUPPORTED, SUPPORTED_WITHOUT_OFFER},
        core::{Core, LegRequest, Outgoing, Slot, User},
        ids::Token,
    },
    message::{Message, Method, Name},
};

impl Leg {
    /// Sends the INVITE of a new leg.
    pub(crate) fn call(core: &mut Core, slot: Slot, key: LegKey, invite: Invite, now: Instant) -> Self {
        let random = core.ids.random128();
        let local_tag = core.ids.print(Token { random, slot: slot.index });
        let call_id = format!("{:032x}", core.ids.random128());
        let display = invite.from_display.as_deref().map(quoted).unwrap_or_default();
        let user = crate::uri::encode_user(&invite.from_user);
        let at = if user.is_empty() { "" } else { "@" };
        let to = invite.destination;
        let dialog = Dialog {
            call_id,
            local: format!("{display}<sip:{user}{at}{}>;tag={local_tag}", invite.from_host),
            remote: format!("<{}>", invite.to_uri.as_deref().unwrap_or(&invite.target_uri)),
            local_tag,
            remote_tag: String::new(),
            local_cseq: u32::try_from(core.ids.below(10_000)).unwrap_or_default(),
            remote_cseq: None,
            target: invite.target_uri,
            routes: Routes::new(invite.path),
            to,
        };
        let mut leg = Self::new(key, slot, random, State::Calling, dialog);
        leg.credentials = invite.credentials.map(Arc::new);
        leg.hold_ack = invite.hold_ack;
        let token = core.client_token();
        let hops = invite.max_forwards.min(MAX_FORWARDS);
        leg.dialog.local_cseq += 1;
        let mut request = core.begin(&Method::Invite, &leg.dialog.target, token, to, hops);
        for route in leg.dialog.routes.list() {
            request = request.header(Name::Route, route);
        }
        let supported = if invite.sdp.is_some() { SUPPORTED } else { SUPPORTED_WITHOUT_OFFER };
        request = request
            .header(Name::From, &leg.dialog.local)
            .header(Name::To, &leg.dialog.remote)
            .header(Name::CallId, &leg.dialog.call_id)
            .header(Name::CSeq, format_args!("{} INVITE", leg.dialog.local_cseq))
            .header(Name::Contact, core.contact(to))
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, supported)
            .header(Name::UserAgent, &core.config.user_agent);
        if let Some(seconds) = core.config.session_expires {
            request = request.header(Name::SessionExpires, seconds);
        }
        for (name, value) in &invite.headers {
            if may_be_set(name) {
                request = request.custom(name, value);
            }
        }
        if let Some(sdp) = &invite.sdp {
            request = request.body("application/sdp", sdp);
        }
        leg.last_sdp = invite.sdp;
        let user = User::Leg(slot, LegRequest::Invite);
        let client = leg.start(core, token, Method::Invite, request.wire(), user, now);
        core.try_also(client, invite.also, now);
        leg.client = Some(client);
        leg
    }

    /// Takes a response to the first INVITE.
    pub(crate) fn on_invite_response(&mut self, core: &mut Core, client: u32, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        match status {
            100..=199 => self.on_progress(core, status, response, now),
            200..=299 => self.on_answer(core, client, response, now),
            _ => {
                if (300..400).contains(&status) && self.client == Some(client) {
                    let contacts = redirected_to(response);
                    if !contacts.is_empty() {
                        self.tell(core, LegEventKind::Redirected { contacts });
                    }
                }
                let by = if matches!(self.state, State::Cancelling { .. }) { EndedBy::Us } else { EndedBy::Peer };
                self.state = State::Over;
                self.tell_end(core, Some(status), reason_of(response), by);
            }
        }
    }

    fn on_progress(&mut self, core: &mut Core, status: u16, response: &Message, now: Instant) {
        match &mut self.state {
            State::Calling | State::Proceeding => {
                self.state = State::Proceeding;
                self.patience = Some(now + core.config.timings.c);
            }
            State::Cancelling { sent, reason } => {
                if !*sent && let Some(client) = self.client {
                    *sent = true;
                    let reason = reason.take();
                    core.cancel(client, reason, now);
                }
                return;
            }
            _ => return,
        }
        if status == 100 {
            return;
        }
        if !self.on_early_dialog(core, response, now) {
            return;
        }
        let sdp = sdp_of(response);
        let hash = sdp.as_ref().map_or(0, |sdp| core.ids.hash(&[sdp]));
        let (last, last_hash, told) = self.progress;
        if (status, hash) != (last, last_hash) && told < MAX_PROGRESS {
            self.progress = (status, hash, told + 1);
            self.tell(core, LegEventKind::Progress { status, sdp });
        }
    }

    /// Sends the ACK that waited for the owner, if one does.
    pub(crate) fn acknowledge(&mut self, core: &mut Core) {
        let Some(client) = self.held_ack.take() else { return };
        let to = self.dialog.to;
        // Gone after 32 s, when the peer has given up too.
        let Some(slot) = core.client(client).filter(|slot| slot.ack_held) else { return };
        slot.ack_held = false;
        if let Some(ack) = slot.kept.clone() {
            core.send(to, ack);
        }
    }

    /// The first 2xx: it is acknowledged at once unless the owner asked to wait, and it is the call unless he hung up.
    fn on_answer(&mut self, core: &mut Core, client: u32, response: &Message, now: Instant) {
        self.patience = None;
        self.client = None;
        self.dialog.confirm(response);
        self.note_allow(response);
        self.session = SessionTimer::agreed(response, core.config.min_session, now);
        if let Some(sdp) = self.last_sdp.take() {
            self.keep_sdp(&sdp);
        }
        let holds = self.hold_ack && matches!(self.state, State::Calling | State::Proceeding);
        acknowledge(core, client, &self.dialog, response, holds);
        self.held_ack = holds.then_some(client);
        if matches!(self.state, State::Calling | State::Proceeding) {
            self.state = State::Confirmed;
            self.early = Vec::new();
            let dialog = Box::new(self.dialog.record());
            self.tell(core, LegEventKind::Answered { sdp: sdp_of(response), dialog });
        } else {
            // The 2xx crossed our CANCEL, or came before it could be sent.
            let reason = match &mut self.state {
                State::Cancelling { reason, .. } => reason.take(),
                _ => None,
            };
            self.bye(core, reason, now);
            self.state = State::Over;
        }
    }
}

/// Sends the ACK of a 2xx, or holds it, and leaves it with the transaction, which repeats it.
pub(crate) fn acknowledge(core: &mut Core, client: u32, dialog: &Dialog, response: &Message, holds: bool) {
    let token = Token { random: core.ids.random128(), slot: u32::MAX };
    let ack = dialog.ack(core, token, response.cseq().0).wire();
    let tag = core.ids.hash(&[response.to_tag().unwrap_or_default().as_bytes()]);
    if !holds {
        core.send(dialog.to, ack.clone());
    }
    if let Some(slot) = core.client(client) {
        slot.ack_held = holds;
        if slot.accepted.is_empty() {
            slot.kept = Some(ack);
        }
        if slot.accepted.len() < MAX_FORKS {
            slot.accepted.push(tag);
        }
    }
}

/// Takes a further 2xx to an INVITE: the same again is acknowledged again, another fork is acknowledged and ended
/// (RFC 3261 §13.2.2.4). The leg may be gone. Returns false if this is the first 2xx.
pub(crate) fn on_late_answer(core: &mut Core, client: u32, response: &Message, now: Instant) -> bool {
    let tag = core.ids.hash(&[response.to_tag().unwrap_or_default().as_bytes()]);
    let Some(slot) = core.client(client) else {
        return true;
    };
    let to = slot.to;
    match slot.accepted.iter().position(|known| *known == tag) {
        Some(0) if slot.ack_held => {}
        Some(0) => {
            if let Some(ack) = slot.kept.clone() {
                core.send(to, ack);
            }
        }
        Some(_) => {
            let dialog = Dialog::outgoing(response, to);
            let token = Token { random: core.ids.random128(), slot: u32::MAX };
            let ack = dialog.ack(core, token, response.cseq().0).wire();
            core.send(to, ack);
        }
        None if slot.accepted.is_empty() => return false,
        None if slot.accepted.len() >= MAX_FORKS => {}
        None => {
            let mut dialog = Dialog::outgoing(response, to);
            let held = slot.ack_held;
            acknowledge(core, client, &dialog, response, false);
            if let Some(slot) = core.client(client) {
                slot.ack_held = held;
            }
            bye(core, &mut dialog, None, None, now);
        }
    }
    true
}

/// Acknowledges the first 2xx to an INVITE whose leg is gone, and ends the dialog if the INVITE began it.
pub(crate) fn abandon(core: &mut Core, client: u32, response: &Message, begins: bool, now: Instant) {
    let Some(to) = core.client(client).map(|slot| slot.to) else {
        return;
    };
    let mut dialog = Dialog::outgoing(response, to);
    acknowledge(core, client, &dialog, response, false);
    if begins {
        bye(core, &mut dialog, None, None, now);
    }
}

/// Ends a dialog that a former process left behind.
pub(crate) fn bye_restored(core: &mut Core, mut dialog: Dialog, reason: Option<String>, now: Instant) {
    bye(core, &mut dialog, None, reason, now);
}

/// Sends a request outside of any dialog.
pub(crate) fn request(core: &mut Core, id: u64, request: crate::endpoint::OutOfDialog, now: Instant) {
    let token = core.client_token();
    let method = Method::parse(request.method.as_bytes()).unwrap_or(Method::Options);
    let tag = core.ids.random64();
    let call_id = request.call_id.unwrap_or_else(|| format!("{:032x}", core.ids.random128()));
    let mut builder = core
        .begin(&method, &request.target_uri, token, request.destination, MAX_FORWARDS)
        .header(Name::From, format_args!("<{}>;tag={tag:016x}", request.from_uri))
        .header(Name::To, format_args!("<{}>", request.to_uri))
        .header(Name::CallId, call_id)
        .header(Name::CSeq, format_args!("{} {method}", request.cseq));
    for (name, value) in &request.headers {
        if may_be_set(name) || name.eq_ignore_ascii_case("contact") {
            builder = builder.custom(name, value);
        }
    }
    builder = builder.header(Name::UserAgent, &core.config.user_agent);
    if let Some((kind, body)) = &request.body {
        builder = builder.body(kind, body);
    }
    let outgoing = Outgoing {
        token,
        method,
        message: builder.wire(),
        to: request.destination,
        user: User::OutOfDialog(id),
        credentials: request.credentials.map(Arc::new),
    };
    core.start(outgoing, now);
}

/// Returns whether the owner may set a header: those that make the dialog are ours.
fn may_be_set(name: &str) -> bool {
    !matches!(
        Name::parse(name.as_bytes()),
        Name::Via
            | Name::From
            | Name::To
            | Name::CallId
            | Name::CSeq
            | Name::Contact
            | Name::MaxForwards
            | Name::ContentLength
            | Name::ContentType
            | Name::Route
            | Name::RecordRoute
            | Name::Require
            | Name::Authorization
            | Name::ProxyAuthorization
    )
}

/// Returns a display name as a quoted string and a blank.
fn quoted(display: &str) -> String {
    let mut text = String::with_capacity(display.len() + 3);
    text.push('"');
    for c in display.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push_str("\" ");
    text
}
