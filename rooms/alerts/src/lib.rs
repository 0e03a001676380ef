#![doc = include_str!("../README.md")]

mod door;
mod driver;
mod error;
mod jobs;
mod model;
mod ops;
mod store;
#[cfg(test)]
mod tests;
mod text;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::store::{Db, Secrets, jobs::Worker};
use bus::Bus;
use mail::Mail;

pub use crate::{
    door::{Door, Post, Refusal, Secret},
    error::Error,
    model::{Incident, IncidentFilter, Kind, NewRule, Notice, Phase, Reading, Rule, Tested, Threshold},
};

/// What a source answers while it cannot say anything yet, as after a start.
pub const NOT_YET: &str = "nothing is known yet";

/// Settings of the room.
#[derive(Clone, Debug)]
pub struct Config {
    /// How often the sources are asked.
    pub check_every: Duration,
    /// How long something has to be well before its incident is resolved.
    pub settle: Duration,
    /// The name of the account that hears of the host.
    pub host_account: String,
    /// This node among those that share the database.
    pub node: String,
    /// Where the console is, for letters.
    pub public_url: String,
    /// What the waits between posts are multiplied with.
    pub retry_scale: f64,
}

/// The room. Clones share one state.
#[derive(Clone)]
pub struct Alerts {
    db: Db,
    bus: Bus,
    mail: Mail,
    secrets: Secrets,
    door: Door,
    config: Arc<Config>,
    sources: Arc<Mutex<Vec<driver::Source>>>,
}

impl Alerts {
    /// Opens the room. `door` is its way to webhook receivers.
    pub fn open(db: Db, bus: Bus, mail: Mail, secrets: Secrets, door: Door, config: Config) -> Self {
        Self { db, bus, mail, secrets, door, config: Arc::new(config), sources: Arc::default() }
    }

    /// Registers what there is to see of a kind. The closure returns every subject that a rule might fire for,
    /// or why nothing can be said now.
    pub fn watch<F, Fut>(&self, kind: Kind, look: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Reading>, String>> + Send + 'static,
    {
        let source = driver::Source { kind, look: Arc::new(move || Box::pin(look())) };
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Looks again and again; never returns.
    pub async fn run(&self) {
        driver::run(self).await;
    }

    /// Lets a worker send notices.
    #[must_use]
    pub fn jobs(&self, worker: Worker) -> Worker {
        jobs::register(self, worker)
    }
}
