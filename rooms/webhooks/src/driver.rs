//! The loop that turns [`crate::lanes`]: takes deliveries, attempts them, hands the results over.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::{EventName, Timestamp, ids::WebhookId};
use futures_util::FutureExt as _;
use store::Db;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Exchange, Post},
    item::{Finished, Item, Outcome},
    lanes::{Health, Lanes, Turn},
    model::Failure,
    room::Room,
    target::{Found, Target, Targets},
};

/// How long an attempt waits before it asks the database again.
const DATABASE_WAIT: Duration = Duration::from_millis(500);
/// Deliveries kept for an endpoint that is left alone.
const PROBES: usize = 8;
/// How often it is noted what has waited longest.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) enum Input {
    Items(Vec<Item>),
    /// Somebody waits for the answer: it goes out at once, past the lanes.
    Now(Box<Item>),
    /// The webhook was changed: give back what waits, and forget how its endpoint was.
    Drain(WebhookId),
}

/// What an attempt needs.
pub(crate) struct Context {
    pub(crate) db: Db,
    pub(crate) targets: Arc<Targets>,
    pub(crate) max_age: Vec<(EventName, Duration)>,
}

pub(crate) struct Driver {
    pub(crate) context: Arc<Context>,
    pub(crate) lanes: Lanes<Item>,
    pub(crate) inbox: mpsc::Receiver<Input>,
    pub(crate) results: mpsc::Sender<Finished>,
    pub(crate) room: Arc<Room>,
}

impl Driver {
    /// Runs until told to stop; then ends what is under way and gives back the rest.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut inputs = Vec::new();
        let mut looking = interval(LOOK);
        looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            let now = Instant::now().into_std();
            while let Some(item) = self.lanes.next(now) {
                tasks.spawn(attempt(Arc::clone(&self.context), item, Way::Lane));
            }
            metrics::gauge!("webhooks_in_flight").set(self.lanes.in_flight() as f64);
            let timeout = self.lanes.next_timeout().map(Instant::from_std);
            tokio::select! {
                () = stop.cancelled() => break,
                count = self.inbox.recv_many(&mut inputs, 64) => {
                    if count == 0 {
                        break;
                    }
                    for input in inputs.drain(..) {
                        if let Some(item) = self.take(input).await {
                            tasks.spawn(attempt(Arc::clone(&self.context), item, Way::Past));
                        }
                    }
                }
                Some(done) = tasks.join_next() => {
                    self.finish(done).await;
                    while let Some(done) = tasks.try_join_next() {
                        self.finish(done).await;
                    }
                }
                () = sleep_until(timeout.unwrap_or_else(Instant::now)), if timeout.is_some() => {
                    self.lanes.handle_timeout(Instant::now().into_std());
                }
                _ = looking.tick() => self.room.set_oldest(self.lanes.oldest()),
            }
        }
        self.inbox.close();
        while let Some(input) = self.inbox.recv().await {
            if let Some(item) = self.take(input).await {
                self.give_back(item).await;
            }
        }
        while let Some(done) = tasks.join_next().await {
            self.finish(done).await;
        }
        for item in self.lanes.drain_all() {
            self.give_back(item).await;
        }
        self.room.set_oldest(HashMap::new());
    }

    /// Returns what is to be sent at once.
    async fn take(&mut self, input: Input) -> Option<Item> {
        match input {
            Input::Items(items) => items.into_iter().for_each(|item| self.lanes.push(item)),
            Input::Now(item) => return Some(*item),
            Input::Drain(webhook) => {
                self.give_back_all(webhook, 0).await;
                self.lanes.forgive(webhook);
                self.room.set_quiet(webhook, false);
            }
        }
        None
    }

    async fn finish(&mut self, done: Result<(Finished, Way), tokio::task::JoinError>) {
        // A panic is caught inside the task; a task is aborted only together with this loop.
        let Ok((mut done, way)) = done else { return };
        if way == Way::Lane {
            let health = health(&done.outcome);
            let webhook = done.item.webhook;
            match self.lanes.finish(&done.item, health, Instant::now().into_std()) {
                Turn::None => {}
                Turn::Opened => self.room.set_quiet(webhook, false),
                Turn::Closed => {
                    // What waits for it makes room for others; a few are kept to try it with.
                    self.room.set_quiet(webhook, true);
                    self.give_back_all(webhook, PROBES).await;
                }
            }
        }
        if let Some(asked) = done.item.asked.take()
            && let Outcome::Attempted(exchange) = &done.outcome
        {
            // An error only says that nobody waits any more.
            asked.send(exchange.clone()).ok();
        }
        self.results.send(done).await.ok();
    }

    /// Gives back what waits for a webhook. What comes anew goes behind it, by way of the database.
    async fn give_back_all(&mut self, webhook: WebhookId, keep: usize) {
        let mut items = self.lanes.drain(webhook, keep);
        if let Some(last) = items.last_mut() {
            last.spill = Some(self.room.spill(webhook));
        }
        for item in items {
            self.give_back(item).await;
        }
    }

    async fn give_back(&self, item: Item) {
        let at = self.context.db.now();
        self.results.send(Finished { item, outcome: Outcome::Returned, at }).await.ok();
    }
}

/// How an item came to be attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Lane,
    Past,
}

fn health(outcome: &Outcome) -> Health {
    match outcome {
        Outcome::Attempted(exchange) => match exchange.result {
            Ok(()) => Health::Good,
            Err(Failure::Timeout) => Health::Timeout,
            Err(_) if exchange.answered() => Health::Refusing,
            Err(_) => Health::Unreachable,
        },
        Outcome::Returned | Outcome::Dropped | Outcome::Expired => Health::Unknown,
    }
}

async fn attempt(context: Arc<Context>, item: Item, way: Way) -> (Finished, Way) {
    let at = context.db.now();
    let outcome = AssertUnwindSafe(send(&context, &item, at)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(webhook.id = %item.webhook, "an attempt panicked");
        Outcome::Attempted(Exchange::failed(Failure::Reset))
    });
    (Finished { item, outcome, at }, way)
}

async fn send(context: &Context, item: &Item, now: Timestamp) -> Outcome {
    let Some(body) = &item.body else { return Outcome::Dropped };
    let first = item.attempt == 0 && !item.replay;
    let limit = item.kind.max_age(&item.event, first, &context.max_age);
    if limit.is_some_and(|limit| now.since(item.created_at) > limit) {
        return Outcome::Expired;
    }
    let found = loop {
        match context.targets.find(item.webhook, item.version).await {
            Ok(found) => break found,
            Err(error) => {
                tracing::warn!(%error, webhook.id = %item.webhook, "a webhook could not be read");
                sleep(DATABASE_WAIT).await;
            }
        }
    };
    match found {
        Found::Target(target) => {
            let post = sign(context, item, &target, body.clone());
            Outcome::Attempted(target.client.post(&post).await)
        }
        Found::Unusable(failure) => Outcome::Attempted(Exchange::failed(failure)),
        Found::Inactive => Outcome::Returned,
        Found::Gone => Outcome::Dropped,
    }
}

fn sign(context: &Context, item: &Item, target: &Target, body: bytes::Bytes) -> Post {
    let seconds = context.db.now().secs();
    let delivery = item.delivery();
    let headers = [
        ("x-zorio-event", item.event.to_string()),
        ("x-zorio-timestamp", seconds.to_string()),
        ("x-zorio-delivery", delivery.to_string()),
        ("x-zorio-signature", target.key.body_signature(&body)),
        ("webhook-id", delivery.to_string()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", target.key.standard_signature(delivery, seconds, &body)),
    ];
    Post { url: target.url.clone(), headers, body, kind: item.kind }
}
