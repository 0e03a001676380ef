//! Forward-only migrations, embedded in the binary.

use sqlx::migrate::Migrator;

use crate::{Db, Error, db::Backend};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

pub(crate) async fn run(db: &Db) -> Result<(), Error> {
    let fail = |error: sqlx::migrate::MigrateError| Error::Migrate(error.to_string());
    match db.backend() {
        Backend::Sqlite { writer, .. } => writer.migrate(&SQLITE).await?,
        Backend::Postgres { writers, .. } => POSTGRES.run(writers).await.map_err(fail)?,
    }
    Ok(())
}
