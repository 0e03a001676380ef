#![doc = include_str!("../README.md")]

mod address;
mod claimer;
mod client;
mod config;
mod dial;
mod driver;
mod error;
mod item;
mod lanes;
mod model;
mod ops;
mod recorder;
mod room;
mod sign;
mod store;
mod subscriber;
mod target;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicI64},
    time::Duration,
};

use ::store::{Db, Secrets};
use bus::Bus;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Policy,
    claimer::Claimer,
    client::Client,
    dial::Resolver,
    driver::{Context, Driver, Input},
    lanes::Lanes,
    recorder::Recorder,
    room::{Room, TOTAL},
    subscriber::Producer,
    target::Targets,
};
pub use crate::{
    config::Config,
    error::Error,
    model::{Change, Delivery, DeliveryStatus, Failure, Filter, NewWebhook, Status, Webhook},
    ops::Created,
    sign::{Secret, verify},
};

/// How long an endpoint that does not answer is left alone.
const REST: Duration = Duration::from_secs(30);
/// Results that may wait to be written before attempts wait too.
const RESULTS: usize = 8_192;

/// The room. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    db: Db,
    bus: Bus,
    secrets: Secrets,
    config: Arc<Config>,
    room: Arc<Room>,
    targets: Arc<Targets>,
    client: Client,
    inbox: mpsc::Sender<Input>,
    receiver: Arc<Mutex<Option<mpsc::Receiver<Input>>>>,
}

impl Webhooks {
    /// Opens the room: from now on published events are queued. Nothing is sent until [`Self::run`].
    pub async fn open(db: Db, bus: Bus, secrets: Secrets, config: Config) -> Result<Self, Error> {
        Self::open_with(db, bus, secrets, config, Resolver::system())
    }

    fn open_with(db: Db, bus: Bus, secrets: Secrets, config: Config, resolver: Resolver) -> Result<Self, Error> {
        config.check()?;
        let policy = Arc::new(Policy { allow: config.allow_networks.clone(), deny: config.deny_networks.clone() });
        let client = Client::open(Arc::clone(&policy), resolver, config.ca_file.as_deref(), config.timeout)?;
        let room = Arc::new(Room::default());
        let targets = Arc::new(Targets { db: db.clone(), secrets: secrets.clone(), policy, cache: Mutex::default() });
        let (inbox, receiver) = mpsc::channel(TOTAL * 2);
        bus.subscribe(Arc::new(Producer { node: db.node().to_owned(), room: Arc::clone(&room), inbox: inbox.clone() }));
        let receiver = Arc::new(Mutex::new(Some(receiver)));
        Ok(Self { db, bus, secrets, config: Arc::new(config), room, targets, client, inbox, receiver })
    }

    /// Delivers until told to stop, then ends what is under way. Call it once.
    ///
    /// Dropping the future stops at once: what was under way is delivered again by the next start.
    pub async fn run(&self, stop: CancellationToken) {
        let Some(inbox) = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            tracing::error!("webhooks run already");
            return;
        };
        let (sender, results) = mpsc::channel(RESULTS);
        let claimer = Arc::new(Claimer {
            db: self.db.clone(),
            room: Arc::clone(&self.room),
            targets: Arc::clone(&self.targets),
            driver: self.inbox.downgrade(),
            reported: AtomicI64::new(0),
        });
        let recorder = Recorder {
            db: self.db.clone(),
            targets: Arc::clone(&self.targets),
            driver: self.inbox.downgrade(),
            results,
            retry_scale: self.config.retry_scale,
        };
        let driver = Driver {
            context: Arc::new(Context {
                db: self.db.clone(),
                client: self.client.clone(),
                targets: Arc::clone(&self.targets),
            }),
            lanes: Lanes::new(self.config.slots, REST.mul_f64(self.config.retry_scale.min(1.0))),
            inbox,
            results: sender,
        };
        // Tasks end with this future: a set that is dropped aborts them.
        let mut delivering = JoinSet::new();
        delivering.spawn(driver.run(stop.clone()));
        delivering.spawn(recorder.run());
        let mut tending = JoinSet::new();
        let tend = Arc::clone(&claimer);
        tending.spawn(async move {
            tend.start().await;
            tokio::join!(tend.run(), tend.beat(), tend.clean());
        });
        tokio::select! {
            () = stop.cancelled() => {}
            Some(_) = delivering.join_next() => tracing::error!("a delivery task ended by itself"),
            Some(_) = tending.join_next() => tracing::error!("a queue task ended by itself"),
        }
        stop.cancel();
        self.room.close();
        tending.shutdown().await;
        while delivering.join_next().await.is_some() {}
        if let Err(error) = claimer.leave().await {
            tracing::warn!(%error, "deliveries were not given back and wait for the next start");
        }
    }
}
