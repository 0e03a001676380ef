//! The handle of a database.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use domain::{TenantId, Timestamp};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    Clock, Error, Tx,
    sqlite::Writer,
    tx::{Background, Connection},
};

/// How long a statement may run and a connection may be waited for.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
pub(crate) const STATEMENT_CACHE: usize = 512;

/// Stands between a node's name and what makes each of its runs another.
const RUN: char = '/';

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) backend: Backend,
    clock: Clock,
    node: String,
    background: Background,
}

pub(crate) enum Backend {
    Sqlite { writer: Writer, readers: SqlitePool },
    Postgres { writers: PgPool, readers: PgPool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Where the database is: `sqlite:path/to/file.db` or `postgres://user:password@host/name`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

/// How to open it.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: Clock,
    /// Connections for reading, 1 or more.
    pub readers: u32,
    /// Connections for writing on PostgreSQL, 1 or more. SQLite has one.
    pub writers: u32,
    /// The PostgreSQL schema to live in; `public` if none.
    pub schema: Option<String>,
    /// What this node is called, the same after a restart; empty if it does not matter.
    pub node: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Clock::system(), readers: 4, writers: 16, schema: None, node: String::new() }
    }
}

impl FromStr for DatabaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(":memory:") {
                return Err(Error::Config("sqlite: needs the path of a file".to_owned()));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(Error::Config("the database is sqlite:PATH or postgres://…".to_owned()))
    }
}

impl std::fmt::Debug for DatabaseUrl {
    /// Never shows the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl Db {
    /// Opens the database; a missing SQLite file is created. Run [`Db::migrate`] next.
    pub async fn open(url: &DatabaseUrl, options: Options) -> Result<Self, Error> {
        let background = Background::default();
        let backend = match url {
            DatabaseUrl::Sqlite(path) => open_sqlite(path, &options)?,
            DatabaseUrl::Postgres(url) => open_postgres(url, &options).await?,
        };
        let run = Uuid::new_v4();
        let node = if options.node.is_empty() { run.to_string() } else { format!("{}{RUN}{run}", options.node) };
        Ok(Self(Arc::new(Shared { backend, clock: options.clock, node, background })))
    }

    /// Brings the schema up to date. Safe to run on every start and by several nodes at once.
    pub async fn migrate(&self) -> Result<(), Error> {
        crate::migrate::run(self).await
    }

    /// Begins a write transaction of one account.
    pub async fn begin(&self, tenant: TenantId) -> Result<Tx, Error> {
        self.write(Some(tenant)).await
    }

    /// Begins a write transaction over all accounts: background work only.
    pub async fn begin_any_tenant(&self) -> Result<Tx, Error> {
        self.write(None).await
    }

    /// Returns a reader of one account. Each statement sees what is committed when it runs.
    pub async fn read(&self, tenant: TenantId) -> Result<Tx, Error> {
        self.reader(Some(tenant)).await
    }

    /// Returns a reader over all accounts: sign-in and background work only.
    pub async fn read_any_tenant(&self) -> Result<Tx, Error> {
        self.reader(None).await
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn engine(&self) -> Engine {
        match self.0.backend {
            Backend::Sqlite { .. } => Engine::Sqlite,
            Backend::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Returns the name under which this process leases work; new at every start.
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// Returns whether that name is of an earlier run of this very node: what it leased is free, nobody works on it.
    pub fn is_earlier_run(&self, node: &str) -> bool {
        let name = |node: &str| node.rsplit_once(RUN).map(|(name, _)| name.to_owned());
        node != self.0.node && name(node).is_some_and(|earlier| name(&self.0.node) == Some(earlier))
    }

    /// Returns whether a process of that name has surely ended: what it leased is free.
    pub fn has_ended(&self, node: &str) -> bool {
        // With an embedded database every other process is one that ended.
        node != self.0.node && (self.engine() == Engine::Sqlite || self.is_earlier_run(node))
    }

    /// Finishes what is being committed and closes every connection.
    pub async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Backend::Postgres { writers, readers } => {
                self.0.background.tracker.close();
                self.0.background.tracker.wait().await;
                readers.close().await;
                writers.close().await;
            }
        }
    }

    /// Wakes when a job was added by this process.
    pub(crate) fn job_added(&self) -> Arc<Notify> {
        Arc::clone(&self.0.background.job_added)
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }

    async fn write(&self, tenant: Option<TenantId>) -> Result<Tx, Error> {
        let connection = match &self.0.backend {
            Backend::Sqlite { writer, .. } => Connection::SqliteWriter(writer.lease().await?),
            Backend::Postgres { writers, .. } => {
                // One round trip. Safe: the text is ours and the account is a number.
                let text = format!("begin; select set_config('zorio.tenant', '{}', true)", scope(tenant));
                Connection::PostgresWriter(writers.begin_with(AssertSqlSafe(text)).await?)
            }
        };
        Ok(Tx::new(connection, tenant, self.now(), self.0.background.clone()))
    }

    async fn reader(&self, tenant: Option<TenantId>) -> Result<Tx, Error> {
        let connection = match &self.0.backend {
            Backend::Sqlite { readers, .. } => Connection::SqliteReader(readers.acquire().await?),
            Backend::Postgres { readers, .. } => {
                let mut connection = readers.acquire().await?;
                sqlx::query("select set_config('zorio.tenant', $1, false)")
                    .bind(scope(tenant))
                    .execute(&mut *connection)
                    .await?;
                Connection::PostgresReader(connection)
            }
        };
        Ok(Tx::new(connection, tenant, self.now(), self.0.background.clone()))
    }
}

/// Returns what the row policies compare with: an account's number or `*`.
fn scope(tenant: Option<TenantId>) -> String {
    tenant.map_or_else(|| "*".to_owned(), |tenant| tenant.to_string())
}

fn open_sqlite(path: &PathBuf, options: &Options) -> Result<Backend, Error> {
    let base = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(STATEMENT_TIMEOUT)
        .pragma("trusted_schema", "off")
        .pragma("wal_autocheckpoint", "1000")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory")
        .statement_cache_capacity(STATEMENT_CACHE)
        .disable_statement_logging();
    let writer = Writer::open(path, base.clone())?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(STATEMENT_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(base.create_if_missing(false).pragma("query_only", "on"));
    Ok(Backend::Sqlite { writer, readers })
}

async fn open_postgres(url: &str, options: &Options) -> Result<Backend, Error> {
    let mut base = PgConnectOptions::from_str(url)
        .map_err(|error| Error::Config(error.to_string()))?
        .application_name("zorio")
        .statement_cache_capacity(STATEMENT_CACHE)
        .disable_statement_logging()
        .options([
            ("statement_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("lock_timeout", "2s"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ]);
    if let Some(schema) = &options.schema {
        base = base.options([("search_path", schema)]);
    }
    let pool = |connections: u32| {
        PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(STATEMENT_TIMEOUT)
            .test_before_acquire(false)
    };
    let writers = pool(options.writers).connect_with(base.clone()).await?;
    let readers = pool(options.readers).connect_lazy_with(base.options([("default_transaction_read_only", "on")]));
    Ok(Backend::Postgres { writers, readers })
}
