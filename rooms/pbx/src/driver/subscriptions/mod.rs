//! What desk phones watch: the lamps of other extensions (RFC 4235) and their own voicemail (RFC 3842).
//!
//! A subscription lives in the SIP edge, with its time and its NOTIFYs; here is what it is about and what it is told.
//! Nothing of it is stored: a phone that hears 481 after a restart subscribes anew.

mod bodies;
mod table;

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use domain::TenantId;
use sip::{Notification, SubscribeRequest, SubscriptionKey, SubscriptionNews};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

pub(crate) use self::table::Subscriptions;
use self::{
    bodies::Lamp,
    table::{Package, Watch},
};
use super::auth::{self, Login};
use crate::Pbx;

/// How often lamps are compared with the calls that are up: what changes is told within a second.
const LOOK: Duration = Duration::from_millis(200);
/// Seconds that a subscription lives: for whom has no wish, at least, and at most.
const DEFAULT_SECS: u32 = 3600;
const LEAST_SECS: u32 = 60;
const MOST_SECS: u32 = 3600;

/// Answers a SUBSCRIBE and tells the first state.
pub(crate) fn subscribe(pbx: &Pbx, request: SubscribeRequest) {
    let login = auth::login(pbx, request.credentials.as_ref(), "SUBSCRIBE", &request.host, request.source.ip());
    let (tenant, line) = match login {
        Login::Proven { tenant, line, .. } => (tenant, line),
        Login::Wrong => return request.challenge(),
        Login::Limited => return request.reject(403),
    };
    let own = line.extension.number.clone();
    let Some(package) = Package::of(&request.event) else { return request.reject(489) };
    let known = match package {
        Package::Dialog => pbx.directory.line(tenant, &request.user).is_some(),
        // Everybody's messages are his own business.
        Package::MessageSummary => request.user == own,
    };
    if !known {
        return request.reject(if package == Package::Dialog { 404 } else { 403 });
    }
    if !accepts(&request.accept, package.content_type()) {
        return request.reject(406);
    }
    let expires = request.expires.unwrap_or(DEFAULT_SECS).min(MOST_SECS);
    if (1..LEAST_SECS).contains(&expires) {
        return request.too_brief(LEAST_SECS);
    }
    let key = request.subscription;
    let watch = Watch::new(tenant, own, package, request.user.clone(), request.host.clone());
    if !pbx.subscriptions.add(key, watch) {
        return request.reject(403);
    }
    request.accept(expires);
    tell(pbx, key);
    if expires == 0 {
        pbx.subscriptions.remove(key);
    }
}

/// Follows what became of a subscription.
pub(crate) fn follow(pbx: &Pbx, key: SubscriptionKey, news: SubscriptionNews) {
    match news {
        SubscriptionNews::Refreshed => tell(pbx, key),
        SubscriptionNews::Ending => {
            tell(pbx, key);
            pbx.subscriptions.remove(key);
        }
        SubscriptionNews::Gone => pbx.subscriptions.remove(key),
    }
}

/// Compares the lamps with the calls that are up, and listens for messages, until the program ends.
pub(crate) async fn watch(pbx: Pbx) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = pbx.live.version();
    let mut messages = pbx.apps.mailboxes.listen();
    loop {
        tokio::select! {
            _ = look.tick() => {
                let version = pbx.live.version();
                // Who subscribes later is told the state then.
                if std::mem::replace(&mut seen, version) != version && pbx.subscriptions.has_lamps() {
                    compare(&pbx);
                }
            }
            changed = messages.recv() => match changed {
                Ok((tenant, extension)) => {
                    pbx.subscriptions.of_mailbox(Some((tenant, &extension))).into_iter().for_each(|key| tell(&pbx, key));
                }
                Err(RecvError::Lagged(_)) => {
                    pbx.subscriptions.of_mailbox(None).into_iter().for_each(|key| tell(&pbx, key));
                }
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// Tells every lamp that is another one now.
fn compare(pbx: &Pbx) {
    let watching = pbx.subscriptions.lamps();
    let mut shown = Lamps::new();
    for (_, tenant, extension) in &watching {
        shown.entry(*tenant).or_default().entry(extension.clone()).or_default();
    }
    light(pbx, &mut shown);
    for (key, tenant, extension) in &watching {
        let lamps = shown.get(tenant).and_then(|of| of.get(extension)).map_or(&[][..], Vec::as_slice);
        if pbx.subscriptions.is_news(*key, lamps) {
            say(pbx, *key, lamps);
        }
    }
}

/// What lamps show, by account and extension.
type Lamps = HashMap<TenantId, HashMap<String, Vec<Lamp>>>;

/// Lights the lamps of these extensions, in one walk over the calls that are up: every call's driver waits meanwhile.
fn light(pbx: &Pbx, lamps: &mut Lamps) {
    pbx.live.look(|tenant, view| {
        let Some(watched) = lamps.get_mut(&tenant) else { return };
        for leg in &view.legs {
            if let Some(extension) = leg.extension.as_deref()
                && let Some(known) = watched.get_mut(extension)
                && known.len() < MOST_LAMPS
            {
                known.extend(Lamp::of(view, leg));
            }
        }
    });
}

/// Calls of one extension that its lamp shows.
const MOST_LAMPS: usize = 8;

/// Tells a subscription the state of now.
fn tell(pbx: &Pbx, key: SubscriptionKey) {
    let Some((tenant, package, resource)) = pbx.subscriptions.about(key) else { return };
    match package {
        Package::Dialog => {
            let mut shown = Lamps::from([(tenant, HashMap::from([(resource.clone(), Vec::new())]))]);
            light(pbx, &mut shown);
            let lamps = shown.remove(&tenant).and_then(|mut of| of.remove(&resource)).unwrap_or_default();
            let _ = pbx.subscriptions.is_news(key, &lamps);
            say(pbx, key, &lamps);
        }
        Package::MessageSummary => {
            let waiting = pbx.apps.mailboxes.waiting(tenant, &resource);
            let Some(body) = pbx.subscriptions.message_summary(key, waiting) else { return };
            notify(pbx, key, package, body);
        }
    }
}

fn say(pbx: &Pbx, key: SubscriptionKey, lamps: &[Lamp]) {
    if let Some(body) = pbx.subscriptions.dialog_info(key, lamps) {
        notify(pbx, key, Package::Dialog, body);
    }
}

fn notify(pbx: &Pbx, key: SubscriptionKey, package: Package, body: String) {
    let notification = Notification { content_type: package.content_type(), body: Bytes::from(body), ends: None };
    pbx.sip.notify(key, notification);
}

fn accepts(accept: &[String], content_type: &str) -> bool {
    let fits = |range: &String| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range == "*/*" || range.eq_ignore_ascii_case("application/*") || range.eq_ignore_ascii_case(content_type)
    };
    accept.iter().all(|range| range.trim().is_empty()) || accept.iter().any(fits)
}
