#![doc = include_str!("../README.md")]

mod api;
mod authenticate;
mod cors;
mod embed;
mod error;
mod files;
mod ice;
mod ops;
mod token;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::store::{Db, Secrets};
use accounts::Accounts;
use axum::{Router, routing::get};
use domain::TenantId;
use pbx::Pbx;
use tokio::time::Instant;
use web::OpenApiRouter;

pub use authenticate::authenticate;
pub use cors::cors;
pub use error::Error;
pub use ice::Turn;
pub use ops::{EmbedToken, NewToken};

/// Settings of the room.
#[derive(Clone, Debug)]
pub struct Config {
    /// How clients reach the server, such as `https://pbx.example.com`.
    pub public_url: String,
    /// The path of SIP over WebSocket.
    pub sip_path: &'static str,
    /// How long a SIP login of a session lives.
    pub session: Duration,
    /// STUN servers, such as `stun:stun.example.com:3478`.
    pub stun: Vec<String>,
    /// TURN servers, if there are some.
    pub turn: Option<Turn>,
}

/// What the room is built on.
pub struct Deps {
    pub db: Db,
    pub secrets: Secrets,
    pub accounts: Accounts,
    pub pbx: Pbx,
    pub config: Config,
}

/// The webphone. Clones share one state.
#[derive(Clone)]
pub struct Webphone {
    inner: Arc<Inner>,
}

/// An account's origins, or under no account those of all, with when they were read.
type Known = (Instant, Arc<[String]>);

struct Inner {
    db: Db,
    secrets: Secrets,
    accounts: Accounts,
    pbx: Pbx,
    config: Config,
    origins: Mutex<HashMap<Option<TenantId>, Known>>,
    /// Embed tokens that were used, with their ends.
    used: Mutex<HashMap<String, i64>>,
}

impl Webphone {
    pub fn open(deps: Deps) -> Self {
        let Deps { db, secrets, accounts, pbx, config } = deps;
        let (origins, used) = Default::default();
        Self { inner: Arc::new(Inner { db, secrets, accounts, pbx, config, origins, used }) }
    }

    /// Returns the documented routes.
    pub fn routes(&self) -> OpenApiRouter {
        api::routes(self.clone())
    }

    /// Returns the page for frames and the SDK's files.
    pub fn pages(&self) -> Router {
        Router::new()
            .route("/webphone-embed", get(embed::page))
            .with_state(self.clone())
            .merge(files::routes(self.clone()))
    }

    /// Returns where the SDK's file of that name lies for as long as the program runs; `None` if the SDK was not built.
    pub fn file(name: &str) -> Option<String> {
        files::lasting_path(name)
    }
}
