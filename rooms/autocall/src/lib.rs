#![doc = include_str!("../README.md")]

mod api;
mod error;
mod events;
mod model;
mod ops;
mod store;

use ::bus::Bus;
use ::store::Db;
use pbx::Pbx;
use web::OpenApiRouter;

pub use error::{Error, Result};

/// Calls that campaigns make by themselves. Clones share one state.
#[derive(Clone)]
pub struct Autocall {
    db: Db,
    /// Publishes what happens here, in the transaction in which it happens.
    bus: Bus,
    #[expect(dead_code, reason = "nothing is dialled yet")]
    pbx: Pbx,
}

impl Autocall {
    pub const fn open(db: Db, bus: Bus, pbx: Pbx) -> Self {
        Self { db, bus, pbx }
    }

    pub fn routes(&self) -> OpenApiRouter {
        api::routes().with_state(self.clone())
    }
}
