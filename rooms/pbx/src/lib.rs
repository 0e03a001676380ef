//! The telephone exchange (being written).

mod api;
mod changes;
pub mod error;
pub mod model;
pub mod ops;
mod store;

use std::{path::PathBuf, sync::Arc};

use changes::Changes;

/// Settings of the room.
#[derive(Clone, Debug)]
pub struct Config {
    pub public_url: String,
    pub realm: String,
    pub recordings_dir: PathBuf,
}

/// The telephone exchange. Cheap to clone.
#[derive(Clone)]
pub struct Pbx {
    pub(crate) db: ::store::Db,
    pub(crate) bus: bus::Bus,
    pub(crate) secrets: ::store::Secrets,
    pub(crate) changes: Changes,
    pub(crate) config: Arc<Config>,
}
