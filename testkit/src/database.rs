//! A fresh database per test: SQLite in the data folder, or PostgreSQL where the run asks for it.

use std::{path::Path, str::FromStr, thread};

use anyhow::Context;
use rand::RngExt;
use sqlx::{ConnectOptions, Executor, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

/// The variable that names a PostgreSQL server to test on: `postgres://user@host:port/database`.
const VARIABLE: &str = "ZORIO_TEST_DATABASE_URL";

/// The database of one test.
#[derive(Debug)]
pub enum Database {
    /// The server's default under its data folder.
    Sqlite,
    /// A database of its own, dropped with this value.
    Postgres { url: String, name: String, server: Box<PgConnectOptions> },
}

impl Database {
    /// Makes the database: PostgreSQL if `ZORIO_TEST_DATABASE_URL` is set, else SQLite.
    pub async fn fresh() -> anyhow::Result<Self> {
        let Ok(address) = std::env::var(VARIABLE) else {
            return Ok(Self::Sqlite);
        };
        let server =
            PgConnectOptions::from_str(&address).with_context(|| format!("{VARIABLE} is no PostgreSQL URL"))?;
        let name = format!("zorio_test_{:016x}", rand::rng().random::<u64>());
        let mut connection = server.connect().await.with_context(|| format!("no PostgreSQL at {VARIABLE}"))?;
        connection.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await?;
        let mut url = url::Url::parse(&address)?;
        url.set_path(&name);
        Ok(Self::Postgres { url: url.into(), name, server: Box::new(server) })
    }

    /// Returns what to set `database.url` to; `None` for the default.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres { url, .. } => Some(url),
        }
    }

    /// Reads pairs of texts beside the running server, which has its default files in `folder`.
    pub async fn rows(&self, folder: &Path, query: &'static str) -> anyhow::Result<Vec<(String, String)>> {
        match self {
            Self::Sqlite => {
                let options = SqliteConnectOptions::new().filename(folder.join("zorio.db")).read_only(true);
                Ok(sqlx::query_as(query).fetch_all(&mut options.connect().await?).await?)
            }
            Self::Postgres { url, .. } => {
                let mut connection = PgConnectOptions::from_str(url)?.connect().await?;
                // Row-level security shows nothing to whoever names no account.
                connection.execute("select set_config('zorio.tenant', '*', false)").await?;
                Ok(sqlx::query_as(query).fetch_all(&mut connection).await?)
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Postgres { name, server, .. } = self else {
            return;
        };
        let (name, server) = (name.clone(), server.clone());
        // A thread with a runtime of its own: the test's may be ending.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = server.connect().await?;
                connection.execute(sqlx::AssertSqlSafe(format!("drop database {name} with (force)"))).await
            })?;
            anyhow::Ok(())
        });
        let _ = dropping.join();
    }
}
