//! Who is served next: a machine without IO.
//!
//! ```text
//! push ─▶ endpoint: first ──┐                    ┌─ cap: 8 at the start, +1 per success, halved on a timeout, 4..64
//!                replays ───┤                    ├─ retries and replays take at most a quarter of it
//!                retries ───┴▶ ready ring ─ next ┤─ pace: so many a second
//!         call busy? waits behind it             └─ no answer ten times in a row, or to 14 of 20? closed for a while
//! finish ◀────────────────────────────────────────
//! ```
//!
//! Every endpoint gets its turn in a ring, so a thousand waiting deliveries of one delay another's single one by one.

mod endpoint;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use domain::{CallId, TenantId, Timestamp, ids::WebhookId};

use self::endpoint::{Endpoint, Readiness};

/// What is delivered, as far as fairness and order need to know it.
pub(crate) trait Task {
    fn webhook(&self) -> WebhookId;
    fn tenant(&self) -> TenantId;
    fn call(&self) -> Option<CallId>;
    fn lane(&self) -> Lane;
    /// Attempts a second that its webhook allows.
    fn pace(&self) -> Option<u32>;
    /// Since when it has been due.
    fn since(&self) -> Timestamp;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What happens now. In the order of each call.
    First,
    /// What an operator sends again. In the order of each call.
    Replay,
    Retry,
}

/// How an attempt ended, as far as the endpoint's health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered with success.
    Good,
    /// It answered otherwise.
    Refusing,
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// Nothing was sent.
    Unknown,
}

/// What an attempt told of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    /// It does not answer and is left alone for a while.
    Closed,
    /// It answers again.
    Opened,
}

/// How the lanes are shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Attempts under way at once.
    pub(crate) slots: usize,
    /// How long an endpoint that does not answer is left alone.
    pub(crate) rest: Duration,
    /// Attempts a second of an endpoint that has no limit of its own.
    pub(crate) pace: Option<u32>,
}

pub(crate) struct Lanes<T> {
    endpoints: HashMap<WebhookId, Endpoint<T>>,
    /// Endpoints that may have something to start.
    ready: VecDeque<WebhookId>,
    /// Endpoints that wait only because their account has its share.
    starved: HashMap<TenantId, Vec<WebhookId>>,
    /// When endpoints that rest or keep a pace are to be looked at again.
    alarms: BinaryHeap<Reverse<(Instant, WebhookId)>>,
    busy: HashMap<TenantId, usize>,
    in_flight: usize,
    shares: Shares,
}

impl<T: Task> Lanes<T> {
    pub(crate) fn new(shares: Shares) -> Self {
        Self {
            endpoints: HashMap::new(),
            ready: VecDeque::new(),
            starved: HashMap::new(),
            alarms: BinaryHeap::new(),
            busy: HashMap::new(),
            in_flight: 0,
            shares: Shares { slots: shares.slots.max(4), ..shares },
        }
    }

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn push(&mut self, task: T) {
        let id = task.webhook();
        let endpoint = self.endpoints.entry(id).or_default();
        endpoint.push(task, self.shares.pace);
        self.enqueue(id);
    }

    /// Returns what to start now; call it until it returns `None`.
    pub(crate) fn next(&mut self, now: Instant) -> Option<T> {
        while self.in_flight < self.shares.slots {
            let id = self.ready.pop_front()?;
            let Some(endpoint) = self.endpoints.get_mut(&id) else { continue };
            endpoint.queued = false;
            if let Readiness::NotBefore(at) = endpoint.readiness(now) {
                self.set_alarm(id, at);
                continue;
            }
            let Some(task) = endpoint.take() else { continue };
            let busy = self.busy.entry(task.tenant()).or_default();
            // An account's share is a quarter of all slots, enforced only once half of them are taken.
            if self.in_flight >= self.shares.slots / 2 && *busy >= self.shares.slots / 4 {
                self.starved.entry(task.tenant()).or_default().push(id);
                endpoint.put_back(task);
                continue;
            }
            *busy += 1;
            self.in_flight += 1;
            endpoint.start(&task, now);
            self.enqueue(id);
            return Some(task);
        }
        None
    }

    /// Frees the slot of a task that `next` returned. Returns what that told of the endpoint.
    pub(crate) fn finish(&mut self, task: &T, health: Health, now: Instant) -> Turn {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(busy) = self.busy.get_mut(&task.tenant()) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&task.tenant());
            }
        }
        let id = task.webhook();
        let mut turn = Turn::None;
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            turn = endpoint.finish(task, health, now + self.shares.rest);
            if endpoint.is_idle(now) {
                self.endpoints.remove(&id);
            }
        }
        self.enqueue(id);
        let fed = if self.in_flight < self.shares.slots / 2 {
            std::mem::take(&mut self.starved).into_values().flatten().collect()
        } else {
            self.starved.remove(&task.tenant()).unwrap_or_default()
        };
        for id in fed {
            self.enqueue(id);
        }
        turn
    }

    /// Looks again at the endpoints whose time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.alarms.peek().copied()
            && at <= now
        {
            self.alarms.pop();
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                endpoint.alarm = None;
                if endpoint.is_idle(now) {
                    self.endpoints.remove(&id);
                }
            }
            self.enqueue(id);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.alarms.peek().map(|Reverse((at, _))| *at)
    }

    /// Returns since when each webhook's oldest waiting task has been due.
    pub(crate) fn oldest(&self) -> HashMap<WebhookId, Timestamp> {
        self.endpoints.iter().filter_map(|(id, endpoint)| Some((*id, endpoint.oldest()?))).collect()
    }

    /// Takes everything out that waits for a webhook, but for the first few of them.
    pub(crate) fn drain(&mut self, webhook: WebhookId, keep: usize) -> Vec<T> {
        self.endpoints.get_mut(&webhook).map(|endpoint| endpoint.drain(keep)).unwrap_or_default()
    }

    /// Forgets how an endpoint was: it may be another now.
    pub(crate) fn forgive(&mut self, webhook: WebhookId) {
        if let Some(endpoint) = self.endpoints.get_mut(&webhook) {
            endpoint.forgive();
        }
        self.enqueue(webhook);
    }

    /// Takes everything out that waits.
    pub(crate) fn drain_all(&mut self) -> Vec<T> {
        self.endpoints.values_mut().flat_map(|endpoint| endpoint.drain(0)).collect()
    }

    fn enqueue(&mut self, id: WebhookId) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && !endpoint.queued
            && endpoint.may_start()
        {
            endpoint.queued = true;
            self.ready.push_back(id);
        }
    }

    /// One alarm for each endpoint: what comes later than the one that is set is set when that one rings.
    fn set_alarm(&mut self, id: WebhookId, at: Instant) {
        if let Some(endpoint) = self.endpoints.get_mut(&id)
            && endpoint.alarm.is_none_or(|set| at < set)
        {
            endpoint.alarm = Some(at);
            self.alarms.push(Reverse((at, id)));
        }
    }
}

#[cfg(test)]
mod tests;
