//! Who is served next: a machine without IO.
//!
//! ```text
//! push ─▶ endpoint: first ─┐                    ┌─ cap: 8 at the start, +1 per success, halved on a timeout, 4..64
//!                retries ──┴▶ ready ring ─ next ┤  retries take at most a quarter of it
//!         call busy? waits behind it            └─ broken off 10 times in a row? closed for a while
//! finish ◀───────────────────────────────────────
//! ```
//!
//! Every endpoint gets its turn in a ring, so a thousand waiting deliveries of one delay another's single one by one.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use domain::{CallId, TenantId, ids::WebhookId};

const CAP_START: usize = 8;
const CAP_MIN: usize = 4;
const CAP_MAX: usize = 64;
/// Failures without any answer, in a row, after which an endpoint is left alone for a while.
const BREAK_AFTER: u32 = 10;

/// What is delivered, as far as fairness and order need to know it.
pub(crate) trait Task {
    fn webhook(&self) -> WebhookId;
    fn tenant(&self) -> TenantId;
    fn call(&self) -> Option<CallId>;
    fn is_retry(&self) -> bool;
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

pub(crate) struct Lanes<T> {
    endpoints: HashMap<WebhookId, Endpoint<T>>,
    /// Endpoints that may have something to start.
    ready: VecDeque<WebhookId>,
    /// Endpoints that wait only because their account has its share.
    starved: Vec<WebhookId>,
    busy: HashMap<TenantId, usize>,
    in_flight: usize,
    /// How many endpoints are closed: the common none is told without a look at each.
    closed: usize,
    slots: usize,
    rest: Duration,
}

struct Endpoint<T> {
    first: VecDeque<T>,
    retries: VecDeque<T>,
    /// Calls with a delivery under way, and what waits behind it.
    calls: HashMap<CallId, VecDeque<T>>,
    in_flight: usize,
    retrying: usize,
    cap: usize,
    unanswered: u32,
    closed_until: Option<Instant>,
    queued: bool,
}

impl<T> Default for Endpoint<T> {
    fn default() -> Self {
        Self {
            first: VecDeque::new(),
            retries: VecDeque::new(),
            calls: HashMap::new(),
            in_flight: 0,
            retrying: 0,
            cap: CAP_START,
            unanswered: 0,
            closed_until: None,
            queued: false,
        }
    }
}

impl<T: Task> Lanes<T> {
    /// Serves at most `slots` at once; an endpoint that does not answer is left alone for `rest`.
    pub(crate) fn new(slots: usize, rest: Duration) -> Self {
        Self {
            endpoints: HashMap::new(),
            ready: VecDeque::new(),
            starved: Vec::new(),
            busy: HashMap::new(),
            in_flight: 0,
            closed: 0,
            slots: slots.max(4),
            rest,
        }
    }

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn push(&mut self, task: T) {
        let id = task.webhook();
        let endpoint = self.endpoints.entry(id).or_default();
        // Also behind a busy call's: only `take` moves it there, after all that came before it.
        let lane = if task.is_retry() { &mut endpoint.retries } else { &mut endpoint.first };
        lane.push_back(task);
        self.enqueue(id);
    }

    /// Returns what to start now; call it until it returns `None`.
    pub(crate) fn next(&mut self) -> Option<T> {
        while self.in_flight < self.slots {
            let id = self.ready.pop_front()?;
            let Some(endpoint) = self.endpoints.get_mut(&id) else { continue };
            endpoint.queued = false;
            let Some(task) = endpoint.take() else { continue };
            let busy = self.busy.entry(task.tenant()).or_default();
            // An account's share is a quarter of all slots, enforced only once half of them are taken.
            if self.in_flight >= self.slots / 2 && *busy >= self.slots / 4 {
                endpoint.put_back(task);
                self.starved.push(id);
                continue;
            }
            *busy += 1;
            self.in_flight += 1;
            endpoint.start(&task);
            self.enqueue(id);
            return Some(task);
        }
        None
    }

    /// Frees the slot of a task that `next` returned.
    pub(crate) fn finish(&mut self, task: &T, health: Health, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(busy) = self.busy.get_mut(&task.tenant()) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&task.tenant());
            }
        }
        let id = task.webhook();
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            let was_open = endpoint.closed_until.is_none();
            endpoint.finish(task, health, now + self.rest);
            self.closed += usize::from(was_open && endpoint.closed_until.is_some());
            if endpoint.is_idle() {
                self.endpoints.remove(&id);
            }
        }
        self.enqueue(id);
        for id in std::mem::take(&mut self.starved) {
            self.enqueue(id);
        }
    }

    /// Opens the endpoints whose rest is over.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.closed == 0 {
            return;
        }
        let rested = |endpoint: &Endpoint<T>| endpoint.closed_until.is_some_and(|until| until <= now);
        let ids: Vec<_> = self.endpoints.iter().filter(|(_, e)| rested(e)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                endpoint.closed_until = None;
                self.closed -= 1;
            }
            self.enqueue(id);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.closed == 0 {
            return None;
        }
        self.endpoints.values().filter_map(|endpoint| endpoint.closed_until).min()
    }

    /// Takes everything out that waits for a webhook.
    pub(crate) fn drain(&mut self, webhook: WebhookId) -> Vec<T> {
        let Some(endpoint) = self.endpoints.get_mut(&webhook) else { return Vec::new() };
        let mut tasks: Vec<T> = endpoint.calls.values_mut().flat_map(std::mem::take).collect();
        tasks.extend(endpoint.first.drain(..));
        tasks.extend(endpoint.retries.drain(..));
        tasks
    }

    /// Takes everything out that waits.
    pub(crate) fn drain_all(&mut self) -> Vec<T> {
        let ids: Vec<_> = self.endpoints.keys().copied().collect();
        ids.into_iter().flat_map(|id| self.drain(id)).collect()
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
}

impl<T: Task> Endpoint<T> {
    fn may_start(&self) -> bool {
        let room = self.in_flight < self.cap && self.closed_until.is_none();
        room && (!self.first.is_empty() || (!self.retries.is_empty() && self.retrying < self.retry_cap()))
    }

    const fn retry_cap(&self) -> usize {
        self.cap / 4
    }

    /// Takes the next task; those whose call is busy step behind it.
    fn take(&mut self) -> Option<T> {
        if !self.may_start() {
            return None;
        }
        if self.retrying < self.retry_cap()
            && let Some(task) = self.retries.pop_front()
        {
            return Some(task);
        }
        while let Some(task) = self.first.pop_front() {
            match task.call().and_then(|call| self.calls.get_mut(&call)) {
                Some(behind) => behind.push_back(task),
                None => return Some(task),
            }
        }
        None
    }

    fn put_back(&mut self, task: T) {
        if task.is_retry() {
            self.retries.push_front(task);
        } else {
            self.first.push_front(task);
        }
    }

    fn start(&mut self, task: &T) {
        self.in_flight += 1;
        if task.is_retry() {
            self.retrying += 1;
        } else if let Some(call) = task.call() {
            self.calls.entry(call).or_default();
        }
    }

    fn finish(&mut self, task: &T, health: Health, rested: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if task.is_retry() {
            self.retrying = self.retrying.saturating_sub(1);
        } else if let Some(behind) = task.call().and_then(|call| self.calls.remove(&call)) {
            behind.into_iter().rev().for_each(|task| self.first.push_front(task));
        }
        match health {
            Health::Good => {
                self.cap = (self.cap + 1).min(CAP_MAX);
                self.unanswered = 0;
            }
            Health::Refusing => self.unanswered = 0,
            Health::Timeout => {
                self.cap = (self.cap / 2).max(CAP_MIN);
                self.unanswered += 1;
            }
            Health::Unreachable => self.unanswered += 1,
            Health::Unknown => {}
        }
        if self.unanswered >= BREAK_AFTER && matches!(health, Health::Timeout | Health::Unreachable) {
            self.cap = CAP_MIN;
            self.closed_until = Some(rested);
        }
    }

    /// Returns whether nothing is remembered of it that matters.
    fn is_idle(&self) -> bool {
        self.in_flight == 0
            && self.first.is_empty()
            && self.retries.is_empty()
            && self.calls.is_empty()
            && self.unanswered == 0
            && self.cap == CAP_START
    }
}

#[cfg(test)]
mod tests;
