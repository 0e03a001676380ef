#![doc = include_str!("../README.md")]

mod api;
mod error;
mod ops;
mod store;

use ::store::Db;
use web::OpenApiRouter;

pub use error::Error;
pub use ops::{Contact, NewContact};

/// The people an account knows. Clones share one state.
#[derive(Clone)]
pub struct Contacts {
    db: Db,
}

impl Contacts {
    pub const fn open(db: Db) -> Self {
        Self { db }
    }

    pub fn routes(&self) -> OpenApiRouter {
        api::routes(self.clone())
    }
}
