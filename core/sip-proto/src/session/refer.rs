//! REFER in both directions (RFC 3515), with its implicit subscription, or without it (RFC 4488).

use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::{
    LegEventKind, LegKey, Replaces,
    leg::{Leg, State},
    uas::{shown, user_of_uri},
};
use crate::{
    dialog::text,
    endpoint::core::{Core, LegRequest, ServerUser, Slot, User},
    message::{Message, Method, Name, NameAddr, reason_phrase},
    text::decimal,
    uri::Scheme,
};

/// Seconds that a subscription to a REFER is said to live; it ends with the news of the final response.
const REFER_LIFE_SECS: u32 = 180;
/// Longest body of a NOTIFY that is handed up.
const MAX_FRAGMENT: usize = 4096;

/// Names one REFER of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferKey(pub u32);

/// What the peer wants its call to be led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refer {
    pub refer: ReferKey,
    /// The URI of Refer-To without its headers.
    pub target: String,
    /// Its user, escapes decoded, and its host.
    pub target_user: String,
    pub target_host: String,
    /// An attended transfer: the leg that the new call takes the place of.
    pub replaces: Option<Replaces>,
    pub referred_by: Option<String>,
}

/// News of a call that we asked the peer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The Event header.
    pub event: String,
    /// `active`, `pending` or `terminated`.
    pub state: String,
    pub content_type: String,
    pub body: Bytes,
}

impl Notify {
    /// Returns the status of the call in a `message/sipfrag`.
    pub fn status(&self) -> Option<u16> {
        let line = self.body.split(|byte| *byte == b'\n').next()?;
        decimal(line.strip_prefix(b"SIP/2.0 ")?.get(..3)?)
    }
}

/// The peer's REFER.
#[derive(Debug)]
pub(crate) struct Referral {
    refer: ReferKey,
    /// The request, until it is answered.
    server: Option<Slot>,
    /// The peer wants no news (`Refer-Sub: false`).
    silent: bool,
}

impl Leg {
    /// Takes a REFER. `find` knows the leg that a Replaces means.
    pub(crate) fn on_refer(
        &mut self,
        core: &mut Core,
        server: Slot,
        request: &Message,
        find: impl FnOnce(&mut Replaces),
        now: Instant,
    ) {
        let tag = Arc::clone(&self.dialog.local_tag);
        let refuse = |core: &mut Core, status| core.respond(server, status, &tag, |r| r, now);
        if self.state != State::Confirmed {
            refuse(core, 403);
            return;
        }
        let mut wanted = request.addresses(Name::ReferTo);
        let (Some(to), None, 1) = (wanted.next(), wanted.next(), request.values(Name::ReferTo).count()) else {
            refuse(core, 400);
            return;
        };
        let uri = to.uri();
        let invites = uri.param("method").is_none_or(|method| method == "INVITE");
        if !invites || !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel) {
            refuse(core, 403);
            return;
        }
        let Ok(mut replaces) = Replaces::of_uri_headers(uri.headers().unwrap_or_default()) else {
            refuse(core, 400);
            return;
        };
        if self.referral.as_ref().is_some_and(|open| open.server.is_some()) {
            // One at a time: the first one has not been answered.
            refuse(core, 491);
            return;
        }
        if let Some(replaces) = &mut replaces {
            find(replaces);
        }
        if let Some(slot) = core.server_slot(server) {
            slot.user = ServerUser::Leg(self.slot);
        }
        let silent = request.custom("Refer-Sub").is_some_and(|value| value.eq_ignore_ascii_case(b"false"));
        let refer = ReferKey(request.cseq().0);
        self.referral = Some(Box::new(Referral { refer, server: Some(server), silent }));
        let whole = uri.as_str();
        let refer = Refer {
            refer,
            target: whole.split_once('?').map_or(whole, |(uri, _)| uri).to_owned(),
            target_user: user_of_uri(uri),
            target_host: uri.host_str().to_owned(),
            replaces,
            referred_by: request.address(Name::ReferredBy).map(|by| shown(by.uri().as_str())),
        };
        self.tell(core, LegEventKind::Refer { refer: Box::new(refer) });
    }

    /// Answers 202 and says that the new call is being tried.
    pub(crate) fn accept_refer(&mut self, core: &mut Core, refer: ReferKey, now: Instant) {
        let Some(referral) = self.referral.as_mut().filter(|open| open.refer == refer) else { return };
        let Some(server) = referral.server.take() else { return };
        let silent = referral.silent;
        let contact = core.contact(self.dialog.to);
        core.respond(
            server,
            202,
            &self.dialog.local_tag,
            |response| {
                let response = response.header(Name::Contact, contact);
                if silent { response.custom("Refer-Sub", "false") } else { response }
            },
            now,
        );
        if silent {
            self.referral = None;
        } else {
            self.notify_refer(core, refer, 100, now);
        }
    }

    /// Refuses the REFER; the call goes on as it was.
    pub(crate) fn refuse_refer(&mut self, core: &mut Core, refer: ReferKey, status: u16, now: Instant) {
        let Some(server) = self.referral.take_if(|open| open.refer == refer).and_then(|open| open.server) else {
            return;
        };
        let status = if (300..700).contains(&status) { status } else { 603 };
        core.respond(server, status, &self.dialog.local_tag, |r| r, now);
    }

    /// Answers a REFER that nobody answered before the leg ended.
    pub(crate) fn refuse_refer_of(&mut self, core: &mut Core, referral: &Referral, now: Instant) {
        if let Some(server) = referral.server {
            core.respond(server, 481, &self.dialog.local_tag, |r| r, now);
        }
    }

    /// Tells the peer how the new call fares; a final status ends the subscription.
    pub(crate) fn notify_refer(&mut self, core: &mut Core, refer: ReferKey, status: u16, now: Instant) {
        let known = self.referral.as_ref().is_some_and(|open| open.refer == refer && open.server.is_none());
        if !known || !(100..700).contains(&status) || self.state != State::Confirmed {
            return;
        }
        let token = core.client_token();
        let contact = core.contact(self.dialog.to);
        let notify = self
            .dialog
            .request(core, &Method::Notify, token)
            .header(Name::Contact, contact)
            .header(Name::Event, format_args!("refer;id={}", refer.0));
        let notify = if status < 200 {
            let left = format_args!("active;expires={REFER_LIFE_SECS}");
            notify.header(Name::SubscriptionState, left)
        } else {
            self.referral = None;
            notify.header(Name::SubscriptionState, "terminated;reason=noresource")
        };
        let fragment = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
        let message = notify.body("message/sipfrag;version=2.0", fragment.as_bytes()).wire();
        self.start(core, token, Method::Notify, message, User::Leg(self.slot, LegRequest::News), now);
    }

    /// Sends a REFER.
    pub(crate) fn refer(
        &mut self,
        core: &mut Core,
        target: &str,
        replaces: Option<&Replaces>,
        referred_by: Option<&str>,
        now: Instant,
    ) {
        if self.state != State::Confirmed {
            return;
        }
        let token = core.client_token();
        let contact = core.contact(self.dialog.to);
        let mut request = self.dialog.request(core, &Method::Refer, token).header(Name::Contact, contact);
        request = match replaces {
            Some(replaces) => {
                let escaped = escape(&replaces.to_string());
                request.header(Name::ReferTo, format_args!("<{target}?Replaces={escaped}>"))
            }
            None => request.header(Name::ReferTo, format_args!("<{target}>")),
        };
        if let Some(by) = referred_by {
            request = request.header(Name::ReferredBy, format_args!("<{by}>"));
        }
        let message = request.wire();
        self.start(core, token, Method::Refer, message, User::Leg(self.slot, LegRequest::Refer), now);
    }

    /// Takes a response to our REFER.
    pub(crate) fn on_refer_response(&mut self, core: &mut Core, status: u16) {
        if status >= 200 {
            self.referring = (200..300).contains(&status);
            self.tell(core, LegEventKind::Referred { status });
        }
    }

    /// Takes a NOTIFY: news of what we asked for by REFER, or 481.
    pub(crate) fn on_notify(&mut self, core: &mut Core, server: Slot, request: &Message, now: Instant) {
        let tag = Arc::clone(&self.dialog.local_tag);
        let event = text(request.header(Name::Event));
        let package = event.split(';').next().unwrap_or_default().trim();
        // News may overtake the 202 (RFC 3515 §2.4.4): a REFER on its way counts.
        if !package.eq_ignore_ascii_case("refer") || !self.referring {
            core.respond(server, 481, &tag, |r| r, now);
            return;
        }
        core.respond(server, 200, &tag, |r| r, now);
        let state = text(request.header(Name::SubscriptionState));
        let state = state.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if state == "terminated" {
            self.referring = false;
        }
        if request.body().len() <= MAX_FRAGMENT {
            let notify = Notify {
                event: shown(&event),
                state,
                content_type: request.content_type().map(shown).unwrap_or_default(),
                body: request.body().clone(),
            };
            self.tell(core, LegEventKind::Notify { notify: Box::new(notify) });
        }
    }

    /// Takes a SUBSCRIBE to the news of a REFER: it may end them.
    pub(crate) fn on_subscribe(&mut self, core: &mut Core, server: Slot, request: &Message, now: Instant) {
        let event = text(request.header(Name::Event));
        let (package, id) = event.split_once(';').unwrap_or((&event, ""));
        let named = id.trim().strip_prefix("id=").and_then(|id| id.parse().ok()).map(ReferKey);
        let is_refer = package.trim().eq_ignore_ascii_case("refer");
        let open = self.referral.as_ref().filter(|open| is_refer && named.is_none_or(|named| named == open.refer));
        let status = match open {
            _ if !is_refer => 489,
            None => 481,
            Some(_) => 200,
        };
        let expires = if request.expires() == Some(0) { 0 } else { REFER_LIFE_SECS };
        let contact = core.contact(self.dialog.to);
        core.respond(
            server,
            status,
            &self.dialog.local_tag,
            |response| match status {
                200 => response.header(Name::Contact, contact).header(Name::Expires, expires),
                _ => response,
            },
            now,
        );
        if status == 200 && expires == 0 {
            self.referral.take_if(|open| open.server.is_none());
        }
    }
}

/// Escapes a value for the headers part of a URI (RFC 3261 §25.1, hvalue).
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() * 2);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'(' | b')') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Returns at most three addresses that a 3xx names, the preferred first (RFC 3261 §8.1.3.4).
pub(crate) fn redirected_to(response: &Message) -> Box<[String]> {
    const MOST: usize = 3;
    let mut contacts: Vec<NameAddr> = response
        .contacts()
        .filter(|contact| matches!(contact.uri().scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel))
        .collect();
    contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q().unwrap_or(1000)));
    contacts.iter().take(MOST).map(|contact| contact.uri().as_str().to_owned()).collect()
}

impl Replaces {
    /// Notes which leg is meant.
    pub(crate) fn found(&mut self, leg: LegKey, answered: bool) {
        (self.leg, self.answered) = (Some(leg), answered);
    }
}
