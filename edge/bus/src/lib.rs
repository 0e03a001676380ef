#![doc = include_str!("../README.md")]

use std::sync::{Arc, PoisonError, RwLock};

use domain::Event;
use store::{Db, Error, Tx, Value, insert_many};
use tokio::sync::broadcast;

/// The future that a [`Subscriber`] returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Events a slow listener may lag behind before it loses some.
const LIVE_BUFFER: usize = 4096;

/// Publishes events inside the transaction of what happened. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<Shared>);

struct Shared {
    db: Db,
    subscribers: RwLock<Vec<Arc<dyn Subscriber>>>,
    live: broadcast::Sender<Arc<Event>>,
}

/// Someone who acts on events durably. A trait, because the rooms that subscribe depend on this crate.
pub trait Subscriber: Send + Sync {
    /// Writes what follows from the events. An error fails the producer's transaction.
    fn in_transaction<'a>(&'a self, tx: &'a mut Tx, events: &'a [Event]) -> BoxFuture<'a, Result<(), Error>>;
}

impl Bus {
    pub fn new(db: Db) -> Self {
        Self(Arc::new(Shared { db, subscribers: RwLock::default(), live: broadcast::channel(LIVE_BUFFER).0 }))
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// Adds a subscriber; it sees every event that is published from now on.
    pub fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.0.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }

    /// Returns the events of this process as they are committed, for live views. A listener that falls
    /// 4,096 events behind is told how many it lost.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.live.subscribe()
    }

    /// Publishes one event: stored, handed to every subscriber, broadcast after the commit.
    pub async fn publish(&self, tx: &mut Tx, event: Event) -> Result<(), Error> {
        self.publish_all(tx, vec![event]).await
    }

    /// Publishes several events in their order.
    pub async fn publish_all(&self, tx: &mut Tx, events: Vec<Event>) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        insert_events(tx, &events).await?;
        let subscribers = self.0.subscribers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for subscriber in subscribers {
            subscriber.in_transaction(tx, &events).await?;
        }
        let live = self.0.live.clone();
        tx.after_commit(move || {
            for event in events {
                metrics::counter!("bus_events_total", "event" => event.name.as_str()).increment(1);
                // An error only says that nobody listens.
                live.send(Arc::new(event)).ok();
            }
        });
        Ok(())
    }
}

async fn insert_events(tx: &mut Tx, events: &[Event]) -> Result<u64, Error> {
    let rows = events
        .iter()
        .map(|event| {
            vec![
                Value::from(event.at.day()),
                Value::from(event.id),
                Value::from(event.tenant),
                Value::from(event.name.as_str()),
                Value::from(event.call),
                Value::from(event.at),
                Value::from(event.body()),
            ]
        })
        .collect();
    insert_many(tx, "insert into event (day, id, tenant_id, name, call_uuid, at, body) values", "", rows).await
}

#[cfg(test)]
mod tests;
