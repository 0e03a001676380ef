#![doc = include_str!("../README.md")]

mod api;
mod authenticate;
mod error;
mod model;
mod ops;
mod password;
mod store;

use std::{sync::Arc, time::Duration};

use ::store::Db;
use web::{Limits, OpenApiRouter};

pub use authenticate::authenticate;
pub use error::Error;
pub use model::{
    Account, Networks, Scopes, Token, TokenKind, User,
    session::{FRESH, NewSession, Session, SessionId, SessionInfo, SignIn, SignedIn, Stage, Visit},
    settings::{AccountSettings, ChangeSettings},
};
pub use ops::{
    Bootstrap, Bootstrapped, NewAccount, NewToken, NewUser,
    audit::{AuditFilter, AuditLine},
    links::{Link, LinkInfo, LinkKind},
    origins::Origin,
    second_factor::{RecoveryCodes, TotpOffer},
    teams::Team,
    tokens::{Scope, TokenFilter, TokenLine},
    users::{ChangeUser, UserFilter},
};

/// How often the times of tokens' last use are written.
const FLUSH_EVERY: Duration = Duration::from_secs(30);

/// Accounts, their users and tokens, and sign-in. Clones share one state.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    limits: Limits,
    passwords: password::Passwords,
    bearers: authenticate::Bearers,
}

impl Accounts {
    /// Opens the room; computes one password hash (some 20 ms) to compare unknown users with.
    pub async fn open(db: Db, limits: Limits) -> Result<Self, Error> {
        let passwords = password::Passwords::open().await?;
        let bearers = authenticate::Bearers::default();
        Ok(Self { inner: Arc::new(Inner { db, limits, passwords, bearers }) })
    }

    pub fn routes(&self) -> OpenApiRouter {
        api::routes(self.clone())
    }

    /// Writes the times of tokens' last use now and then; never returns. Call [`Accounts::flush`] after stopping it.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(FLUSH_EVERY).await;
            self.flush().await;
        }
    }

    /// Writes the times of last use that wait in memory.
    pub async fn flush(&self) {
        if let Err(error) = self.write_last_used().await {
            tracing::warn!(%error, "the times of last use of tokens could not be written; they are tried again");
        }
    }
}
