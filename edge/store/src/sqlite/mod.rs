//! The one SQLite writer.
//!
//! ```text
//! begin() ──▶ mutex ──▶ begin immediate ─▶ Lease: statements run where they are awaited ─▶ commit ─▶ mutex free
//!                                                                                              │
//!                                      hooks, answers ◀── fdatasync of the WAL, once for all ◀─┘  (thread `store-sync`)
//! ```
//!
//! A statement takes some microseconds, a hand-over to another thread as many again: so statements run on the
//! task's own thread. Only the disk is waited for elsewhere. The connection commits with `synchronous=normal`, which
//! keeps the file whole but not the last commits; what makes them last is our own `fdatasync`, and nothing is
//! acknowledged before it. While it runs, the next transactions go on and share the next one.

mod checkpoint;
mod rows;
mod sync;

use std::{
    cell::Cell,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use sqlx::{Connection as _, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use self::{checkpoint::Checkpoints, sync::Syncer};
use crate::{Error, Value, db::STATEMENT_CACHE, tx::Hook};

pub(crate) use rows::LocalRow;

/// Transactions that may wait for the writer before [`Error::Busy`].
const QUEUE_LIMIT: usize = 4096;
/// How long a transaction waits for its turn before [`Error::Busy`].
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before asking again for the file that another process writes to.
const OTHER_PROCESS: Duration = Duration::from_millis(2);
/// A transaction open for longer is reported: all other writes wait for it.
const SLOW: Duration = Duration::from_secs(2);

thread_local! {
    /// Pages in the WAL after the commit that this thread has just made.
    static WAL_PAGES: Cell<usize> = const { Cell::new(0) };
}

/// The sender's side of the writer.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

struct Shared {
    /// `None` once closed.
    connection: Arc<Mutex<Option<Connection>>>,
    waiting: AtomicUsize,
    syncer: Syncer,
    checkpoints: Checkpoints,
    options: SqliteConnectOptions,
}

/// The connection, lent to one transaction. Dropping it rolls back.
pub(crate) struct Lease {
    /// Taken by the end of the lease alone.
    guard: Option<OwnedMutexGuard<Option<Connection>>>,
    writer: Writer,
    since: Instant,
}

impl Writer {
    /// Opens or creates the file. `options` are for the connection that migrates.
    pub(crate) fn open(path: &Path, options: SqliteConnectOptions) -> Result<Self, Error> {
        let connection = connect(path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(usize::try_from(pages).unwrap_or_default());
            Ok(())
        }));
        let connection = Arc::new(Mutex::new(Some(connection)));
        let checkpoints = Checkpoints::start(connect(path)?, Arc::clone(&connection))?;
        let syncer = Syncer::start(path)?;
        Ok(Self(Arc::new(Shared { connection, waiting: AtomicUsize::new(0), syncer, checkpoints, options })))
    }

    /// Waits for the turn and begins a transaction.
    pub(crate) async fn lease(&self) -> Result<Lease, Error> {
        let guard = self.turn().await?;
        if guard.is_none() {
            return Err(Error::Busy("the database is closed"));
        }
        self.0.syncer.check()?;
        let lease = Lease { guard: Some(guard), writer: self.clone(), since: Instant::now() };
        loop {
            match lease.control("begin immediate") {
                Ok(_) => return Ok(lease),
                // The command line writes to the same file. To wait inside SQLite would hold up this thread.
                Err(error) if is_busy(&error) => {
                    if lease.since.elapsed() > TURN_TIMEOUT {
                        return Err(Error::Busy("another process holds the database"));
                    }
                    tokio::time::sleep(OTHER_PROCESS).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Runs the migrations that the file lacks.
    pub(crate) async fn migrate(&self, migrator: &'static Migrator) -> Result<(), Error> {
        let _nobody_writes = self.turn().await?;
        let mut connection = SqliteConnection::connect_with(&self.0.options).await?;
        let result = migrator.run_direct(None, &mut connection, false).await;
        connection.close().await?;
        result.map_err(|error| Error::Migrate(error.to_string()))
    }

    /// Finishes what was begun and closes the file.
    pub(crate) async fn close(&self) {
        let connection = self.0.connection.lock().await.take();
        self.0.checkpoints.stop();
        self.0.syncer.flush().await;
        // The last connection of all moves the WAL into the file, and that takes its time.
        let closed = tokio::task::spawn_blocking(|| connection.map(Connection::close)).await;
        if let Ok(Some(Err((_, error)))) = closed {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    async fn turn(&self) -> Result<OwnedMutexGuard<Option<Connection>>, Error> {
        let mutex = Arc::clone(&self.0.connection);
        if let Ok(guard) = Arc::clone(&mutex).try_lock_owned() {
            return Ok(guard);
        }
        let _place = Place::take(&self.0.waiting)?;
        let waited = tokio::time::timeout(TURN_TIMEOUT, mutex.lock_owned()).await;
        waited.map_err(|_| Error::Busy("another transaction holds the writer"))
    }
}

/// A place in the queue for the writer.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Error> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE_LIMIT {
            return Err(Error::Busy("too many transactions wait for the writer"));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lease {
    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn run(&mut self, text: &str, values: &[Value], in_order: bool) -> Result<u64, Error> {
        let changed = rows::run(self.connection()?, text, values, in_order);
        tokio::task::coop::consume_budget().await;
        changed
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn rows(&mut self, text: &str, values: &[Value], in_order: bool) -> Result<Vec<LocalRow>, Error> {
        let rows = rows::all(self.connection()?, text, values, in_order);
        tokio::task::coop::consume_budget().await;
        rows
    }

    /// Commits, frees the writer, and waits until the commit is on disk. The hooks run then, even if the caller no
    /// longer waits. A transaction that wrote nothing waits for what it may have read.
    pub(crate) async fn commit(mut self, hooks: Vec<Hook>) -> Result<(), Error> {
        let committed = match self.control("commit") {
            Ok(_) => self.writer.0.syncer.wait(hooks),
            Err(error) => return Err(Error::Commit(error.to_string())),
        };
        self.writer.0.checkpoints.grown(WAL_PAGES.get());
        self.end();
        committed.await.unwrap_or_else(|_| Err(Error::Commit("the database is closed".to_owned())))
    }

    /// Like [`Lease::commit`], but comes along with somebody else's sync if there is one before `patience` is over:
    /// half as many syncs if nobody waits for this one.
    pub(crate) async fn commit_patiently(mut self, hooks: Vec<Hook>, patience: Duration) -> Result<(), Error> {
        let mut committed = match self.control("commit") {
            Ok(_) => self.writer.0.syncer.wait_along(hooks),
            Err(error) => return Err(Error::Commit(error.to_string())),
        };
        self.writer.0.checkpoints.grown(WAL_PAGES.get());
        self.end();
        // Dropped too soon, it nudges all the same: the hooks run even if the caller no longer waits.
        let nudge = Nudge(&self.writer.0.syncer);
        let result = tokio::select! {
            biased;
            result = &mut committed => {
                std::mem::forget(nudge);
                result
            }
            () = tokio::time::sleep(patience) => {
                drop(nudge);
                committed.await
            }
        };
        result.unwrap_or_else(|_| Err(Error::Commit("the database is closed".to_owned())))
    }

    fn control(&self, text: &'static str) -> rusqlite::Result<()> {
        let connection = self.connection().map_err(|_| rusqlite::Error::InvalidQuery)?;
        connection.prepare_cached(text)?.raw_execute().map(|_| ())
    }

    fn connection(&self) -> Result<&Connection, Error> {
        self.guard.as_ref().and_then(|guard| guard.as_ref()).ok_or(Error::Busy("the database is closed"))
    }

    fn end(&mut self) {
        self.guard = None;
        let open = self.since.elapsed();
        if open > SLOW {
            tracing::warn!(?open, "a transaction held up all writes");
        }
    }
}

/// Asks for a sync when it is dropped.
struct Nudge<'a>(&'a Syncer);

impl Drop for Nudge<'_> {
    fn drop(&mut self) {
        self.0.nudge();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Ok(connection) = self.connection() {
            // SQLite has rolled back by itself after a full disk or an I/O error.
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("rollback")
            {
                tracing::error!(%error, "a transaction could not be rolled back");
            }
            self.end();
        }
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(TURN_TIMEOUT)?;
    // The pages that a checkpoint copies are synced by it; `normal` leaves out the sync of every commit alone.
    connection.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on; \
         pragma trusted_schema = off; pragma wal_autocheckpoint = 0; pragma journal_size_limit = 67108864; \
         pragma cache_size = -16384; pragma temp_store = memory; select count(*) from sqlite_master",
    )?;
    // Else a statement is compiled anew whenever a value is bound that its plan might depend on.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}
