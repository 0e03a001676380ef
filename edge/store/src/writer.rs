//! The one SQLite writer and its group commit.
//!
//! ```text
//! begin() ──▶ queue ──▶ actor: begin immediate ─ savepoint ─▶ lease ─▶ Tx … commit or drop ─▶ release or rollback to
//!                         ▲                                                                          │
//!                         └──── somebody waits and the group is below its limit ◀────────────────────┤
//!                                                                       nobody waits: commit, fsync, answer all
//! ```
//!
//! The actor owns the connection whenever no transaction holds it, so a future that is dropped at any await
//! can never leave the connection in an unknown state.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::{Error, tx::Hook};

/// Transactions that share one commit at most.
const GROUP_LIMIT: usize = 256;
/// Transactions that may wait for the writer before [`Error::Busy`].
const QUEUE_LIMIT: usize = 4096;
/// How long a transaction waits for its turn before [`Error::Busy`].
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// A transaction open for longer is reported: all other writes wait for it.
const SLOW: Duration = Duration::from_secs(2);

/// The sender's side of the writer.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Request>);

type Waiter = oneshot::Sender<Result<Lease, Error>>;

enum Request {
    Begin(Waiter),
    Migrate(&'static Migrator, oneshot::Sender<Result<(), Error>>),
    Close(oneshot::Sender<()>),
}

/// The connection, lent to one transaction. Dropping it rolls back.
pub(crate) struct Lease(Option<(Box<SqliteConnection>, oneshot::Sender<Return>)>);

struct Return {
    connection: Box<SqliteConnection>,
    end: End,
}

enum End {
    Rollback,
    Commit(Member),
}

/// A transaction that is done and waits for the group's commit.
struct Member {
    hooks: Vec<Hook>,
    reply: oneshot::Sender<Result<(), Error>>,
}

impl Writer {
    pub(crate) async fn open(options: SqliteConnectOptions, tracker: &TaskTracker) -> Result<Self, Error> {
        let connection = Box::new(SqliteConnection::connect_with(&options).await?);
        let (sender, requests) = mpsc::channel(QUEUE_LIMIT);
        tracker.spawn(Actor { options, connection: Some(connection), requests }.run());
        Ok(Self(sender))
    }

    /// Waits for the turn and lends the connection, at a fresh savepoint.
    pub(crate) async fn lease(&self) -> Result<Lease, Error> {
        let (sender, receiver) = oneshot::channel();
        self.0.try_send(Request::Begin(sender)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy("too many transactions wait for the writer"),
            mpsc::error::TrySendError::Closed(_) => Error::Busy("the database is closed"),
        })?;
        match tokio::time::timeout(TURN_TIMEOUT, receiver).await {
            Ok(Ok(lease)) => lease,
            Ok(Err(_)) => Err(Error::Busy("the database is closed")),
            Err(_) => Err(Error::Busy("another transaction holds the writer")),
        }
    }

    /// Runs the migrations that the file lacks.
    pub(crate) async fn migrate(&self, migrator: &'static Migrator) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        self.0.send(Request::Migrate(migrator, sender)).await.ok();
        receiver.await.unwrap_or(Err(Error::Busy("the database is closed")))
    }

    /// Finishes what was begun and closes the file.
    pub(crate) async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.0.send(Request::Close(sender)).await.is_ok() {
            receiver.await.ok();
        }
    }
}

impl Lease {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0.as_mut().expect("taken only by `commit` and `drop`, which end the lease").0
    }

    /// Hands the transaction to the group and waits until the group is on disk. The hooks run then, even if the
    /// caller no longer waits.
    pub(crate) async fn commit(mut self, hooks: Vec<Hook>) -> Result<(), Error> {
        let (reply, result) = oneshot::channel();
        if let Some((connection, back)) = self.0.take() {
            back.send(Return { connection, end: End::Commit(Member { hooks, reply }) }).ok();
        }
        result.await.unwrap_or_else(|_| Err(Error::Commit("the database is closed".to_owned())))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((connection, back)) = self.0.take() {
            back.send(Return { connection, end: End::Rollback }).ok();
        }
    }
}

struct Actor {
    options: SqliteConnectOptions,
    /// `None` only while lent, or after the connection was lost.
    connection: Option<Box<SqliteConnection>>,
    requests: mpsc::Receiver<Request>,
}

impl Actor {
    async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            match request {
                Request::Begin(first) => {
                    if let Some(done) = self.group(first).await {
                        done.send(()).ok();
                        break;
                    }
                }
                Request::Migrate(migrator, done) => {
                    done.send(self.migrate(migrator).await).ok();
                }
                Request::Close(done) => {
                    self.close().await;
                    done.send(()).ok();
                    break;
                }
            }
        }
        self.close().await;
    }

    async fn close(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    /// Runs one group from `begin` to `commit`. Returns who asked to close meanwhile.
    ///
    /// Ending one member and starting the next is one command to the database.
    async fn group(&mut self, first: Waiter) -> Option<oneshot::Sender<()>> {
        if let Err(error) = self.begin().await {
            self.recover().await;
            first.send(Err(error)).ok();
            return None;
        }
        let mut members = Vec::new();
        let mut closing = None;
        let mut waiter = first;
        let result = loop {
            let committed = match self.lend(waiter).await {
                Ok(End::Commit(member)) => {
                    members.push(member);
                    true
                }
                Ok(End::Rollback) => false,
                Err(error) => break Err(error),
            };
            let next = if members.len() < GROUP_LIMIT { self.next(&mut closing) } else { None };
            let text = match (committed, &next) {
                (true, Some(_)) => "release member; savepoint member",
                (false, Some(_)) => "rollback to member",
                // A commit releases the savepoint too.
                (true, None) => "commit",
                (false, None) if members.is_empty() => "rollback",
                (false, None) => "rollback to member; commit",
            };
            if let Err(error) = self.control(text).await {
                if let Some(next) = next {
                    next.send(Err(error.clone())).ok();
                }
                break Err(error);
            }
            match next {
                Some(next) => waiter = next,
                None => break Ok(()),
            }
        };
        if result.is_err() {
            self.recover().await;
        }
        metrics::histogram!("store_group_size").record(members.len() as f64);
        for member in members {
            if result.is_ok() {
                member.hooks.into_iter().for_each(|hook| hook());
            }
            member.reply.send(result.clone()).ok();
        }
        if closing.is_some() {
            self.close().await;
        }
        closing
    }

    /// Returns who waits for the turn, if anybody does.
    fn next(&mut self, closing: &mut Option<oneshot::Sender<()>>) -> Option<Waiter> {
        while closing.is_none() {
            match self.requests.try_recv().ok()? {
                Request::Begin(waiter) if waiter.is_closed() => {}
                Request::Begin(waiter) => return Some(waiter),
                Request::Migrate(_, done) => {
                    done.send(Err(Error::Migrate("migrate before anything is written".to_owned()))).ok();
                }
                Request::Close(done) => *closing = Some(done),
            }
        }
        None
    }

    /// Lends the connection and waits for it to come back.
    async fn lend(&mut self, waiter: Waiter) -> Result<End, Error> {
        let lost = || Error::Commit("the connection was lost".to_owned());
        let (back, mut returned) = oneshot::channel();
        let connection = self.connection.take().ok_or_else(lost)?;
        // A waiter that has gone drops the lease, and that returns the connection.
        waiter.send(Ok(Lease(Some((connection, back))))).ok();
        let answer = match tokio::time::timeout(SLOW, &mut returned).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::warn!("a transaction is open for more than 2 s and holds up all writes");
                returned.await
            }
        };
        let Return { connection, end } = answer.map_err(|_| lost())?;
        self.connection = Some(connection);
        Ok(end)
    }

    async fn migrate(&mut self, migrator: &'static Migrator) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            return Err(Error::Commit("the connection was lost".to_owned()));
        };
        migrator.run_direct(None, &mut **connection, false).await.map_err(|error| Error::Migrate(error.to_string()))
    }

    async fn begin(&mut self) -> Result<(), Error> {
        if self.connection.is_none() {
            self.connection = Some(Box::new(SqliteConnection::connect_with(&self.options).await?));
        }
        self.control("begin immediate; savepoint member").await
    }

    /// Leaves whatever transaction is left, or drops the connection so that the next group opens a new one.
    async fn recover(&mut self) {
        // Fails when the database has rolled back by itself (disk full, I/O error): nothing is left to undo.
        let undone = self.control("rollback").await;
        if let (Err(error), Some(connection)) = (undone, &mut self.connection)
            && connection.ping().await.is_err()
        {
            tracing::error!(%error, "the database connection was lost and will be opened again");
            self.connection = None;
        }
    }

    async fn control(&mut self, text: &'static str) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            return Err(Error::Commit("the connection was lost".to_owned()));
        };
        sqlx::query(text).execute(&mut **connection).await.map(|_| ()).map_err(|error| Error::Commit(error.to_string()))
    }
}
