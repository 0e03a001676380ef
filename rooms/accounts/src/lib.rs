#![doc = include_str!("../README.md")]

mod api;
mod authenticate;
mod cookies;
mod door;
mod error;
mod guard;
mod idempotency;
mod model;
mod oauth;
mod ops;
mod password;
mod store;
#[cfg(test)]
mod tests;
mod totp;

use std::{sync::Arc, time::Duration};

use ::store::{Db, Secrets};
use web::{Limits, OpenApiRouter};

pub use authenticate::{authenticate, host};
pub use error::Error;
pub use idempotency::idempotent;
pub use model::{
    Account, Networks, Scopes, Token, TokenKind, User,
    session::{FRESH, NewSession, Session, SessionId, SessionInfo, SignIn, SignedIn, Stage, Visit},
    settings::{AccountSettings, ChangeSettings},
};
pub use ops::{
    accounts::{Bootstrap, Bootstrapped, NewAccount},
    audit::{AuditFilter, AuditLine},
    links::{Link, LinkInfo, LinkKind},
    origins::Origin,
    second_factor::{RecoveryCodes, TotpOffer},
    teams::Team,
    tokens::{NewToken, Scope, TokenFilter, TokenLine},
    users::{ChangeUser, NewUser, UserFilter},
};

/// How often the times of last use of tokens and sessions are written.
const FLUSH_EVERY: Duration = Duration::from_secs(30);
/// How often what is over is removed, in flushes.
const PURGE_EVERY: u32 = 20;

/// Accounts, their users and tokens, and sign-in. Clones share one state.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    limits: Limits,
    secrets: Secrets,
    passwords: password::Passwords,
    guard: guard::Guard,
    bearers: authenticate::Bearers,
    cookies: cookies::Cookies,
    keys: idempotency::Keys,
}

impl Accounts {
    /// Opens the room; computes one password hash (some 20 ms) to compare unknown users with.
    pub async fn open(db: Db, limits: Limits, secrets: Secrets) -> Result<Self, Error> {
        let passwords = password::Passwords::open().await?;
        let (guard, bearers, cookies, keys) = Default::default();
        Ok(Self { inner: Arc::new(Inner { db, limits, secrets, passwords, guard, bearers, cookies, keys }) })
    }

    pub fn routes(&self) -> OpenApiRouter {
        api::routes(self.clone()).merge(oauth::routes(self.clone()))
    }

    /// Writes the times of last use now and then, and removes what is over; never returns. Call [`Accounts::flush`] after
    /// stopping it.
    pub async fn run(&self) {
        let mut turn = 0_u32;
        loop {
            tokio::time::sleep(FLUSH_EVERY).await;
            self.flush().await;
            turn = turn.wrapping_add(1);
            if turn.is_multiple_of(PURGE_EVERY) {
                self.sweep().await;
            }
        }
    }

    /// Writes the times of last use that wait in memory.
    pub async fn flush(&self) {
        for written in [self.write_last_used().await, self.write_seen().await] {
            if let Err(error) = written {
                tracing::warn!(%error, "the times of last use could not be written; they are tried again");
            }
        }
    }

    /// Removes old sessions, access tokens and answers kept for repeated requests.
    pub async fn sweep(&self) {
        for purged in [self.purge().await, self.purge_keys().await] {
            if let Err(error) = purged {
                tracing::warn!(%error, "what is over could not be removed; it is tried again");
            }
        }
    }

    /// Forgets what is in memory of tokens and sessions, after something ended.
    fn forget(&self) {
        self.inner.bearers.forget();
        self.inner.cookies.forget();
    }
}
