//! Forward-only migrations, embedded in the binary, and the day partitions that PostgreSQL needs ahead of time.

use domain::Timestamp;
use sqlx::{PgPool, migrate::Migrator};

use crate::{Db, Engine, Error, db::Backend, sql};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Days ahead for which partitions exist; rows beyond fall into the default partition.
const DAYS_AHEAD: i64 = 7;

/// Limits of a connection that migrates.
const PATIENTLY: &str = "set lock_timeout = '60s'; set statement_timeout = '10min'";

pub(crate) async fn run(db: &Db) -> Result<(), Error> {
    match db.backend() {
        Backend::Sqlite { writer, .. } => writer.migrate(&SQLITE).await?,
        Backend::Postgres { writers, .. } => migrate_postgres(writers).await?,
    }
    ensure_partitions(db).await
}

/// Migrates under one advisory lock, so that several nodes may start at once: who comes second waits for the first, and a
/// large table takes its time, both longer than a statement of the daily work may.
async fn migrate_postgres(writers: &PgPool) -> Result<(), Error> {
    let mut connection = writers.acquire().await?;
    sqlx::raw_sql(PATIENTLY).execute(&mut *connection).await?;
    let migrated = POSTGRES.run(&mut *connection).await;
    // Back to what the connection was opened with; one that failed in between is of no further use.
    if migrated.is_err()
        || sqlx::raw_sql("reset lock_timeout; reset statement_timeout").execute(&mut *connection).await.is_err()
    {
        connection.close().await.ok();
    }
    migrated.map_err(|error| Error::Migrate(error.to_string()))
}

/// Creates the day partitions from yesterday to a week ahead. Run at the start and once a day.
pub async fn ensure_partitions(db: &Db) -> Result<(), Error> {
    if db.engine() == Engine::Sqlite {
        return Ok(());
    }
    let mut tx = db.begin_any_tenant().await?;
    let today = tx.now().day();
    sql("select ensure_partitions($1, $2)").bind(today - 1).bind(today + DAYS_AHEAD).run(&mut tx).await?;
    tx.commit().await
}

/// Drops the partitions of a table that lie wholly before `before`. On SQLite there are none: delete in batches there.
pub async fn drop_partitions(db: &Db, table: &'static str, before: Timestamp) -> Result<(), Error> {
    if db.engine() == Engine::Sqlite {
        return Ok(());
    }
    let mut tx = db.begin_any_tenant().await?;
    sql("select drop_partitions($1, $2)").bind(table).bind(before.day()).run(&mut tx).await?;
    tx.commit().await
}
