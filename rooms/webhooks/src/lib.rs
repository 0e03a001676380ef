#![doc = include_str!("../README.md")]

mod address;
mod authority;
mod claimer;
mod client;
mod config;
mod dial;
mod driver;
mod error;
mod filter;
mod item;
mod kind;
mod lanes;
mod model;
mod notice;
mod ops;
mod pulse;
mod recorder;
mod replayer;
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
use tokio::{
    sync::{Notify, broadcast, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Policy,
    claimer::Claimer,
    client::Clients,
    dial::{Dialer, Resolver},
    driver::{Context, Driver, Input},
    lanes::{Lanes, Shares},
    notice::Notices,
    pulse::Pulse,
    recorder::Recorder,
    replayer::Replayer,
    room::{Room, TOTAL},
    subscriber::Producer,
    target::Targets,
};
pub use crate::{
    config::Config,
    error::Error,
    filter::EventFilter,
    kind::Kind,
    model::{
        Attempt, Change, Delivery, DeliveryDetail, DeliveryStatus, Failure, Filter, NewWebhook, Replay, ReplayId,
        ReplayState, Status, Webhook,
    },
    notice::Notice,
    ops::{
        Answer, Created, Tested,
        catalogue::{EventGroup, EventInfo, events, sample},
        listing::{EndpointHealth, Figures, Overview, RoomHealth},
    },
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
    pulse: Arc<Pulse>,
    notices: Notices,
    /// Wakes the replayer.
    replays: Arc<Notify>,
    #[expect(dead_code, reason = "for what is no event of the catalogue")]
    producer: Arc<Producer>,
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
        let policy = Arc::new(Policy {
            allow: config.allow_networks.clone(),
            deny: config.deny_networks.clone(),
            http: config.allow_http,
        });
        let dialer = Dialer { policy: Arc::clone(&policy), resolver };
        let clients = Clients::open(dialer, config.ca_file.as_deref(), config.timeout)?;
        let room = Arc::new(Room::default());
        let targets =
            Arc::new(Targets { db: db.clone(), secrets: secrets.clone(), policy, clients, cache: Mutex::default() });
        let (inbox, receiver) = mpsc::channel(TOTAL * 2);
        let producer = Arc::new(Producer { node: db.node().to_owned(), room: Arc::clone(&room), inbox: inbox.clone() });
        bus.subscribe(Arc::clone(&producer) as Arc<dyn bus::Subscriber>);
        let pulse = Arc::new(Pulse::new(db.clone(), Arc::clone(&room)));
        Ok(Self {
            db,
            bus,
            secrets,
            config: Arc::new(config),
            room,
            targets,
            pulse,
            notices: Notices::default(),
            replays: Arc::default(),
            producer,
            inbox,
            receiver: Arc::new(Mutex::new(Some(receiver))),
        })
    }

    /// Returns what happens that an operator wants to know at once. A listener that falls 64 notices behind is told
    /// how many it lost; [`Self::health`] has the state.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.listen()
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
        let claimer = Arc::new(self.claimer());
        // Tasks end with this future: a set that is dropped aborts them.
        let mut delivering = JoinSet::new();
        delivering.spawn(self.driver(inbox, sender).run(stop.clone()));
        delivering.spawn(self.recorder(results).run());
        let mut tending = JoinSet::new();
        let (tend, pulse, replayer) = (Arc::clone(&claimer), Arc::clone(&self.pulse), self.replayer());
        tending.spawn(async move {
            tend.start().await;
            tokio::join!(tend.run(), tend.beat(), tend.clean(), pulse.run(), replayer.run());
        });
        tokio::select! {
            // First of all: when told to stop, the tasks below end too, and that is as it should be.
            biased;
            () = stop.cancelled() => {}
            Some(_) = delivering.join_next() => {
                // They end by themselves only after this, unless they watched the same token more closely.
                if !stop.is_cancelled() {
                    tracing::error!("a delivery task ended by itself");
                }
            }
            Some(_) = tending.join_next() => tracing::error!("a queue task ended by itself"),
        }
        stop.cancel();
        self.room.close();
        tending.shutdown().await;
        while delivering.join_next().await.is_some() {}
        if let Err(error) = self.pulse.write().await {
            tracing::warn!(%error, "the last figures were not written");
        }
        if let Err(error) = claimer.leave().await {
            tracing::warn!(%error, "deliveries were not given back and wait for the next start");
        }
    }

    fn driver(&self, inbox: mpsc::Receiver<Input>, results: mpsc::Sender<item::Finished>) -> Driver {
        Driver {
            context: Arc::new(Context {
                db: self.db.clone(),
                targets: Arc::clone(&self.targets),
                max_age: self.config.max_age.clone(),
            }),
            lanes: Lanes::new(Shares {
                slots: self.config.slots,
                rest: REST.mul_f64(self.config.retry_scale.min(1.0)),
                pace: self.config.pace,
            }),
            inbox,
            results,
            room: Arc::clone(&self.room),
        }
    }

    fn recorder(&self, results: mpsc::Receiver<item::Finished>) -> Recorder {
        Recorder {
            db: self.db.clone(),
            targets: Arc::clone(&self.targets),
            driver: self.inbox.downgrade(),
            results,
            retry_scale: self.config.retry_scale,
            pulse: Arc::clone(&self.pulse),
            notices: self.notices.clone(),
        }
    }

    fn claimer(&self) -> Claimer {
        Claimer {
            db: self.db.clone(),
            room: Arc::clone(&self.room),
            targets: Arc::clone(&self.targets),
            driver: self.inbox.downgrade(),
            reported: AtomicI64::new(0),
        }
    }

    fn replayer(&self) -> Replayer {
        Replayer { db: self.db.clone(), room: Arc::clone(&self.room), wake: Arc::clone(&self.replays) }
    }
}
