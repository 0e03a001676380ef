//! A transaction of one account, or of all of them.

use std::{sync::Arc, time::Duration};

use domain::{TenantId, Timestamp};
use sqlx::{Postgres, Sqlite, pool::PoolConnection};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{Engine, Error, sqlite::Lease};

/// What runs once the transaction is on disk.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// An open transaction. Dropping it undoes everything.
///
/// Never begin a second write transaction while holding one: on SQLite there is a single writer.
pub struct Tx {
    pub(crate) connection: Connection,
    pub(crate) failed: bool,
    tenant: Option<TenantId>,
    now: Timestamp,
    hooks: Vec<Hook>,
    background: Background,
}

/// What a transaction needs of its database once it is committed.
#[derive(Clone, Default)]
pub(crate) struct Background {
    pub(crate) tracker: TaskTracker,
    pub(crate) job_added: Arc<Notify>,
}

/// The one place where the engines' connections differ; [`crate::query`] is where their answers do.
pub(crate) enum Connection {
    SqliteWriter(Lease),
    SqliteReader(PoolConnection<Sqlite>),
    PostgresWriter(sqlx::Transaction<'static, Postgres>),
    PostgresReader(PoolConnection<Postgres>),
}

impl Tx {
    pub(crate) const fn new(
        connection: Connection,
        tenant: Option<TenantId>,
        now: Timestamp,
        background: Background,
    ) -> Self {
        Self { connection, failed: false, tenant, now, hooks: Vec::new(), background }
    }

    /// Returns the account, `None` for a transaction of any account.
    pub const fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }

    /// Returns the time at which the transaction began: every row it writes bears the same.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    pub const fn engine(&self) -> Engine {
        match self.connection {
            Connection::SqliteWriter(_) | Connection::SqliteReader(_) => Engine::Sqlite,
            Connection::PostgresWriter(_) | Connection::PostgresReader(_) => Engine::Postgres,
        }
    }

    pub(crate) fn job_added(&self) -> Arc<Notify> {
        Arc::clone(&self.background.job_added)
    }

    /// Registers what runs right after the commit, in order of registration, and never without it.
    /// It runs inside the writer's task: hand over to a channel, do not work.
    pub fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }

    /// Refuses to go on after a failed statement: PostgreSQL would, and SQLite may have left the transaction.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.failed { Err(Error::Commit("a statement failed before".to_owned())) } else { Ok(()) }
    }

    /// Makes everything durable. On an error nothing is stored.
    ///
    /// After a statement failed the whole transaction is refused, on both databases alike.
    pub async fn commit(self) -> Result<(), Error> {
        self.check()?;
        let hooks = self.hooks;
        match self.connection {
            Connection::SqliteWriter(lease) => lease.commit(hooks).await,
            Connection::PostgresWriter(transaction) => {
                // A task of its own: a caller that goes away must not part the commit from its hooks.
                let task = self.background.tracker.spawn(async move {
                    transaction.commit().await?;
                    hooks.into_iter().for_each(|hook| hook());
                    Ok(())
                });
                task.await.unwrap_or_else(|_| Err(Error::Commit("the database is closed".to_owned())))
            }
            Connection::SqliteReader(_) | Connection::PostgresReader(_) => {
                hooks.into_iter().for_each(|hook| hook());
                Ok(())
            }
        }
    }

    /// Like [`Tx::commit`], for what nobody waits for: on SQLite it may take up to `patience` longer, to share the sync
    /// of others.
    pub async fn commit_patiently(self, patience: Duration) -> Result<(), Error> {
        self.check()?;
        match self {
            Self { connection: Connection::SqliteWriter(lease), hooks, .. } => {
                lease.commit_patiently(hooks, patience).await
            }
            other => other.commit().await,
        }
    }
}
