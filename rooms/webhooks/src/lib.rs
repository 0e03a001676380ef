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
mod inbox;
mod incoming;
mod item;
mod kind;
mod lanes;
mod model;
mod notice;
mod once;
mod ops;
mod pulse;
mod recorder;
mod replayer;
mod resolve;
mod room;
mod run;
mod sign;
mod store;
mod subscriber;
mod target;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, atomic::AtomicBool};

use ::store::{Db, Secrets};
use bus::Bus;
use tokio::sync::{Notify, broadcast};

use crate::{
    address::Policy, client::Clients, dial::Dialer, inbox::Inbox, incoming::Notifier, notice::Notices, pulse::Pulse,
    resolve::Resolver, room::Room, subscriber::Producer, target::Targets,
};
pub use crate::{
    config::Config,
    error::Error,
    filter::EventFilter,
    incoming::{IncomingSet, envelope},
    kind::Kind,
    model::{
        Attempt, Change, Delivery, DeliveryDetail, DeliveryStatus, Failure, Filter, NewWebhook, Replay, ReplayId,
        ReplayState, Status, Webhook,
    },
    notice::Notice,
    once::Once,
    ops::{
        Answer, Created, Tested,
        catalogue::{EventGroup, EventInfo, events, sample},
        listing::{EndpointHealth, Figures, Overview, RoomHealth},
    },
    sign::{Secret, verify},
};

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
    inbox: Arc<Inbox>,
    runs: Arc<AtomicBool>,
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
        let inbox = Arc::new(Inbox::default());
        let producer =
            Arc::new(Producer { node: db.node().to_owned(), room: Arc::clone(&room), inbox: Arc::clone(&inbox) });
        bus.subscribe(Arc::clone(&producer) as Arc<dyn bus::Subscriber>);
        bus.subscribe(Arc::new(Notifier(producer)));
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
            inbox,
            runs: Arc::default(),
        })
    }

    /// Returns what happens that an operator wants to know at once. A listener that falls 64 notices behind is told
    /// how many it lost; [`Self::health`] has the state.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.listen()
    }
}
