#![doc = include_str!("../README.md")]

mod api;
mod error;
mod ops;
mod store;

use ::store::Db;
use pbx::Pbx;
use web::OpenApiRouter;

pub use error::Error;
pub use ops::{COLUMNS, Changes, Contact, Duplicates, Imported, NewContact};
pub use store::Order;

/// The people an account knows. Clones share one state.
#[derive(Clone)]
pub struct Contacts {
    db: Db,
}

impl Contacts {
    pub const fn open(db: Db) -> Self {
        Self { db }
    }

    /// Returns the room's routes; `pbx` knows the calls of its people.
    pub fn routes(&self, pbx: &Pbx) -> OpenApiRouter {
        api::routes(self.clone(), pbx.clone())
    }
}
