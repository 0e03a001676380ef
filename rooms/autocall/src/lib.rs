#![doc = include_str!("../README.md")]

mod api;
mod driver;
mod error;
mod events;
mod model;
mod ops;
mod store;

use std::sync::Arc;

use ::bus::Bus;
use ::store::Db;
use pbx::Pbx;
use web::OpenApiRouter;

pub use driver::{Said, Speaker};
pub use error::{Error, Result};

/// Calls that campaigns make by themselves. Clones share one state.
#[derive(Clone)]
pub struct Autocall {
    db: Db,
    /// Publishes what happens here, in the transaction in which it happens.
    bus: Bus,
    pbx: Pbx,
    /// This run, in the rows that it holds.
    boot: Arc<str>,
}

impl Autocall {
    pub fn open(db: Db, bus: Bus, pbx: Pbx) -> Self {
        Self { db, bus, pbx, boot: uuid::Uuid::now_v7().to_string().into() }
    }

    /// Calls whom campaigns that run have to call, until the program ends.
    pub async fn run(&self, speaker: Arc<dyn Speaker>) {
        driver::Engine::new(self.clone(), speaker).run().await;
    }

    pub fn routes(&self) -> OpenApiRouter {
        api::routes().with_state(self.clone())
    }
}
