//! The loop that turns [`crate::lanes`]: takes deliveries, attempts them, hands the results over.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::ids::WebhookId;
use futures_util::FutureExt as _;
use store::Db;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, Exchange, Post},
    item::{Finished, Item, Outcome},
    lanes::{Health, Lanes},
    model::Failure,
    target::{Found, Target, Targets},
};

/// How long an attempt waits before it asks the database again.
const DATABASE_WAIT: Duration = Duration::from_millis(500);

pub(crate) enum Input {
    Items(Vec<Item>),
    /// The webhook is not active any more: give back what waits.
    Drain(WebhookId),
}

/// What an attempt needs.
pub(crate) struct Context {
    pub(crate) db: Db,
    pub(crate) client: Client,
    pub(crate) targets: Arc<Targets>,
}

pub(crate) struct Driver {
    pub(crate) context: Arc<Context>,
    pub(crate) lanes: Lanes<Item>,
    pub(crate) inbox: mpsc::Receiver<Input>,
    pub(crate) results: mpsc::Sender<Finished>,
}

impl Driver {
    /// Runs until told to stop; then ends what is under way and gives back the rest.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut inputs = Vec::new();
        while !stop.is_cancelled() {
            while let Some(item) = self.lanes.next() {
                tasks.spawn(attempt(Arc::clone(&self.context), item));
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
                        self.take(input).await;
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
            }
        }
        self.inbox.close();
        while let Some(input) = self.inbox.recv().await {
            self.take(input).await;
        }
        while let Some(done) = tasks.join_next().await {
            self.finish(done).await;
        }
        for item in self.lanes.drain_all() {
            self.give_back(item).await;
        }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Items(items) => items.into_iter().for_each(|item| self.lanes.push(item)),
            Input::Drain(webhook) => {
                for item in self.lanes.drain(webhook) {
                    self.give_back(item).await;
                }
            }
        }
    }

    async fn finish(&mut self, done: Result<Finished, tokio::task::JoinError>) {
        // A panic is caught inside the task; a task is aborted only together with this loop.
        let Ok(done) = done else { return };
        let health = health(&done.outcome);
        self.lanes.finish(&done.item, health, Instant::now().into_std());
        self.results.send(done).await.ok();
    }

    async fn give_back(&self, item: Item) {
        let at = self.context.db.now();
        self.results.send(Finished { item, outcome: Outcome::Returned, at }).await.ok();
    }
}

fn health(outcome: &Outcome) -> Health {
    match outcome {
        Outcome::Attempted(exchange) => match exchange.result {
            Ok(()) => Health::Good,
            Err(Failure::Timeout) => Health::Timeout,
            Err(_) if exchange.answered() => Health::Refusing,
            Err(_) => Health::Unreachable,
        },
        Outcome::Returned | Outcome::Dropped => Health::Unknown,
    }
}

async fn attempt(context: Arc<Context>, item: Item) -> Finished {
    let at = context.db.now();
    let outcome = AssertUnwindSafe(send(&context, &item)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(webhook.id = %item.webhook, "an attempt panicked");
        Outcome::Attempted(Exchange::failed(Failure::Reset))
    });
    Finished { item, outcome, at }
}

async fn send(context: &Context, item: &Item) -> Outcome {
    let Some(body) = &item.body else { return Outcome::Dropped };
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
            Outcome::Attempted(context.client.post(&post).await)
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
    Post { url: target.url.clone(), headers, body }
}
