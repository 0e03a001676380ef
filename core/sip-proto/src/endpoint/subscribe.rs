//! SUBSCRIBE on the notifier's side (RFC 6665): subscriptions are dialogs of their own.
//!
//! ```text
//! SUBSCRIBE ─accept─▶ Active ──SUBSCRIBE──▶ Active (Refreshed)
//!                        │──Expires: 0, or its time is over──▶ Ending ──last NOTIFY──▶ gone
//!                        └──NOTIFY is answered 481, or not at all──▶ gone (Gone)
//! ```
//!
//! One NOTIFY is on its way at a time; of the states that come up meanwhile only the last one is told.

use std::{
    collections::HashMap,
    hash::BuildHasherDefault,
    time::{Duration, Instant},
};

use slab::Slab;

use super::{
    Endpoint, Event, Flow, IncomingSubscribe, Notification, RequestKey, SubscribeAnswer, SubscriptionKey,
    SubscriptionNews,
    config::EVENTS,
    core::{Core, Outgoing, Ready, ServerUser, Slot, User, same_ip},
    flow::Destination,
    ids::Token,
    register::key,
};
use crate::{
    dialog::{Dialog, text},
    digest::Credentials,
    message::{Message, Method, Name},
    session::uas::{shown, user_of, user_of_uri},
    text::is_token,
    timers::Timer,
};

/// How long the owner may take for the last NOTIFY, and a subscription may outlive its time: requests cross.
const GRACE: Duration = Duration::from_secs(5);
/// Content types of one SUBSCRIBE that are looked at.
const MAX_ACCEPTED: usize = 16;

#[derive(Debug)]
struct Subscription {
    key: SubscriptionKey,
    slot: Slot,
    random: u128,
    dialog: Dialog,
    /// The Event header as received, its id included.
    event: String,
    expires: Instant,
    ending: Option<&'static str>,
    /// A NOTIFY has no final response yet.
    busy: bool,
    /// The state that waits for that.
    waiting: Option<Notification>,
    armed: Option<Instant>,
}

/// All subscriptions of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    slots: Slab<Subscription>,
    by_key: HashMap<u64, u32, BuildHasherDefault<Ready>>,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn get(&mut self, slot: Slot) -> Option<&mut Subscription> {
        self.slots.get_mut(slot.index as usize).filter(|found| found.slot == slot)
    }

    fn find(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        let index = *self.by_key.get(&key.0)?;
        self.slots.get_mut(index as usize)
    }

    fn remove(&mut self, slot: Slot) {
        if self.get(slot).is_some() {
            let gone = self.slots.remove(slot.index as usize);
            self.by_key.remove(&gone.key.0);
        }
    }

    /// Sends the state, or keeps it until the NOTIFY before it is answered.
    pub(crate) fn notify(&mut self, core: &mut Core, key: SubscriptionKey, mut news: Notification, now: Instant) {
        let Some(subscription) = self.find(key) else { return };
        if let Some(reason) = news.ends.or(subscription.ending) {
            news.ends = Some(reason);
        }
        if subscription.busy {
            subscription.waiting = Some(news);
            return;
        }
        let slot = subscription.slot;
        let ends = news.ends.is_some();
        subscription.send(core, &news, now);
        if ends {
            // Whatever is answered: there is nothing more to say.
            self.remove(slot);
        }
    }

    /// Takes the response to a NOTIFY; 408 stands for none.
    pub(crate) fn on_notified(&mut self, core: &mut Core, slot: Slot, status: u16, now: Instant) {
        let Some(subscription) = self.get(slot).filter(|_| status >= 200) else { return };
        let key = subscription.key;
        subscription.busy = false;
        if !(200..300).contains(&status) {
            // RFC 6665 §4.2.2: who refuses a NOTIFY is not subscribed any more.
            self.remove(slot);
            core.event(Event::Subscription { subscription: key, news: SubscriptionNews::Gone });
        } else if let Some(waiting) = subscription.waiting.take() {
            self.notify(core, key, waiting, now);
        }
    }

    /// Ends what nobody refreshed.
    pub(crate) fn on_timer(&mut self, core: &mut Core, slot: Slot, now: Instant) {
        let Some(subscription) = self.get(slot) else { return };
        subscription.armed = None;
        if subscription.expires > now {
            subscription.arm(core);
        } else if subscription.ending.is_none() {
            subscription.end(core, "timeout", now);
        } else {
            // The owner has nothing to say: the subscriber hears the end at least.
            let (key, last) = (subscription.key, Notification::empty());
            subscription.busy = false;
            self.notify(core, key, last, now);
        }
    }
}

impl Notification {
    fn empty() -> Self {
        Self { content_type: "", body: bytes::Bytes::new(), ends: None }
    }
}

impl Subscription {
    fn send(&mut self, core: &mut Core, news: &Notification, now: Instant) {
        let token = core.client_token();
        let contact = core.contact(self.dialog.to);
        let request = self
            .dialog
            .request(core, &Method::Notify, token)
            .header(Name::Contact, contact)
            .header(Name::Event, &self.event);
        let request = match news.ends {
            Some(reason) => request.header(Name::SubscriptionState, format_args!("terminated;reason={reason}")),
            None => {
                let left = self.expires.saturating_duration_since(now).as_secs();
                request.header(Name::SubscriptionState, format_args!("active;expires={left}"))
            }
        };
        let request = if news.body.is_empty() { request } else { request.body(news.content_type, &news.body) };
        let message = request.wire();
        let user = User::Subscription(self.slot);
        self.busy = true;
        core.start(
            Outgoing { token, method: Method::Notify, message, to: self.dialog.to, user, credentials: None },
            now,
        );
    }

    /// Asks the owner for the last state.
    fn end(&mut self, core: &mut Core, reason: &'static str, now: Instant) {
        self.ending = Some(reason);
        self.expires = now + GRACE;
        self.arm(core);
        core.event(Event::Subscription { subscription: self.key, news: SubscriptionNews::Ending });
    }

    fn arm(&mut self, core: &mut Core) {
        if self.armed.is_none_or(|armed| armed > self.expires) {
            self.armed = Some(self.expires);
            core.timers.add(self.expires, Timer::Subscription(self.slot.index, self.slot.generation));
        }
    }
}

impl Endpoint {
    /// Takes a SUBSCRIBE that begins something and asks its owner.
    pub(super) fn on_subscribe(&mut self, flow: Flow, request: Message, credentials: Credentials, size: usize) {
        let event = text(request.header(Name::Event));
        let package = event.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !is_token(package.as_bytes()) || !EVENTS.contains(&package.as_str()) {
            return self.refuse(flow, &request, 489, size);
        }
        if request.contacts().next().is_none() {
            return self.refuse(flow, &request, 400, size);
        }
        if self.subscriptions.len() >= self.core.config.max_subscriptions {
            return self.refuse(flow, &request, 503, size);
        }
        let uri = request.request_uri();
        let mut subscribe = IncomingSubscribe {
            request: RequestKey(0),
            subscription: SubscriptionKey(0),
            event: package,
            user: uri.as_ref().map(user_of_uri).unwrap_or_default(),
            host: uri.as_ref().map_or_else(String::new, |uri| uri.host_str().to_owned()),
            from_user: user_of(request.from().as_ref()),
            credentials: Some(credentials),
            expires: request.expires(),
            accept: request.values(Name::Accept).take(MAX_ACCEPTED).map(|kind| text(Some(kind))).collect(),
            source: flow.peer,
            transport: flow.transport,
            flow,
            user_agent: request.header(Name::UserAgent).map(|agent| shown(&text(Some(agent)))),
        };
        let slot = self.core.serve(flow, request, ServerUser::Subscribe);
        subscribe.request = key(slot);
        subscribe.subscription = SubscriptionKey(subscribe.request.0);
        self.core.event(Event::Subscribe(Box::new(subscribe)));
    }

    /// Answers a SUBSCRIBE; only the first answer counts.
    pub(super) fn answer_subscribe(&mut self, request: RequestKey, answer: SubscribeAnswer, now: Instant) {
        if let Some((asked, expires)) = self.answer(request, ServerUser::Subscribe, answer, now) {
            self.subscribe(asked.slot, asked.flow, &asked.request, expires, now);
        }
    }

    fn subscribe(&mut self, server: Slot, flow: Flow, request: &Message, expires: u32, now: Instant) {
        let core = &mut self.core;
        let index = u32::try_from(self.subscriptions.slots.vacant_key()).unwrap_or(u32::MAX);
        let slot = Slot { index, generation: core.next_generation() };
        let random = core.ids.random128();
        let tag = core.ids.print(Token { random, slot: index });
        let contact = core.contact(Destination::from(flow));
        core.respond(
            server,
            200,
            &tag,
            |response| response.record_routes().header(Name::Contact, contact).header(Name::Expires, expires),
            now,
        );
        let mut subscription = Subscription {
            key: SubscriptionKey(key(server).0),
            slot,
            random,
            dialog: Dialog::incoming(request, tag, Destination::from(flow)),
            event: text(request.header(Name::Event)),
            expires: now + Duration::from_secs(expires.into()),
            // The state once, and no more (RFC 6665 §4.4.3).
            ending: (expires == 0).then_some("timeout"),
            busy: false,
            waiting: None,
            armed: None,
        };
        if expires == 0 {
            subscription.expires = now + GRACE;
        }
        subscription.arm(core);
        self.subscriptions.by_key.insert(subscription.key.0, index);
        self.subscriptions.slots.insert(subscription);
    }

    /// A SUBSCRIBE inside of a dialog refreshes a subscription or ends it. Its tags prove who sends it, and its address.
    pub(super) fn on_resubscribe(&mut self, flow: Flow, request: Message, size: usize, now: Instant) {
        if self.core.is_full() {
            return self.refuse(flow, &request, 503, size);
        }
        let core = &mut self.core;
        let found = request
            .to_tag()
            .and_then(|tag| core.ids.parse(tag))
            .and_then(|token| {
                self.subscriptions.slots.get_mut(token.slot as usize).filter(|found| found.random == token.random)
            })
            .filter(|found| found.dialog.matches(&request) && same_ip(found.dialog.to.addr.ip(), flow.peer.ip()))
            .filter(|found| found.ending.is_none());
        let Some(subscription) = found else { return self.refuse(flow, &request, 481, size) };
        let server = core.serve(flow, request.clone(), ServerUser::Nobody);
        let tag = subscription.dialog.local_tag.clone();
        let cseq = request.cseq().0;
        let event = text(request.header(Name::Event));
        let package = |event: &str| event.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let status = match cseq {
            old if subscription.dialog.remote_cseq.is_some_and(|known| old <= known) => 500,
            _ if package(&event) != package(&subscription.event) => 489,
            _ => 200,
        };
        let expires = request.expires().unwrap_or(DEFAULT_EXPIRES_SECS).min(MAX_EXPIRES_SECS);
        let contact = core.contact(Destination::from(flow));
        core.respond(
            server,
            status,
            &tag,
            |response| match status {
                200 => response.header(Name::Contact, contact).header(Name::Expires, expires),
                500 => response.header(Name::RetryAfter, 1),
                _ => response,
            },
            now,
        );
        if status != 200 {
            return;
        }
        subscription.dialog.remote_cseq = Some(cseq);
        subscription.dialog.refresh_target(&request);
        subscription.dialog.to = Destination::from(flow);
        if expires == 0 {
            subscription.end(core, "timeout", now);
        } else {
            subscription.expires = now + Duration::from_secs(expires.into());
            subscription.arm(core);
            let key = subscription.key;
            core.event(Event::Subscription { subscription: key, news: SubscriptionNews::Refreshed });
        }
    }
}

/// What a refresh gets that has no wish, and the most it gets.
const DEFAULT_EXPIRES_SECS: u32 = 3600;
const MAX_EXPIRES_SECS: u32 = 3600;
