//! Forward-only migrations, embedded in the binary, and the day partitions that PostgreSQL needs ahead of time.

use domain::Timestamp;
use sqlx::migrate::Migrator;

use crate::{Db, Engine, Error, db::Backend, sql};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Days ahead for which partitions exist; rows beyond fall into the default partition.
const DAYS_AHEAD: i64 = 7;

pub(crate) async fn run(db: &Db) -> Result<(), Error> {
    match db.backend() {
        Backend::Sqlite { writer, .. } => writer.migrate(&SQLITE).await?,
        Backend::Postgres { writers, .. } => {
            POSTGRES.run(writers).await.map_err(|error| Error::Migrate(error.to_string()))?;
        }
    }
    ensure_partitions(db).await
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
