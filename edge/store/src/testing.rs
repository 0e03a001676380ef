//! A database for one test: SQLite in a folder of its own, or a schema of its own in the PostgreSQL
//! that `ZORIO_TEST_DATABASE_URL` names. The whole test suite runs on both.

use std::ops::Deref;

use domain::{TenantId, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{Clock, DatabaseUrl, Db, ManualClock, Options, Secrets};

/// 2026-02-03T04:05:06.000Z, where every test's clock starts.
pub const START: Timestamp = Timestamp::from_millis(1_770_091_506_000);

/// An account for tests that need only one.
pub const TENANT: TenantId = TenantId(1);

/// A migrated, empty database that goes away with the value.
pub struct TestDb {
    db: Db,
    /// Moves the time of this database.
    pub clock: ManualClock,
    /// Seals with a key of this test's own.
    pub secrets: Secrets,
    url: DatabaseUrl,
    options: Options,
    folder: TempDir,
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl TestDb {
    /// Opens the same database once more, as a second process or a restart would.
    pub async fn reopen(&self) -> Db {
        Db::open(&self.url, self.options.clone()).await.expect("it opened before")
    }

    /// Returns a folder that lives as long as the database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// Opens a fresh database whose clock stands at [`START`].
pub async fn test_db() -> TestDb {
    let (clock, hand) = Clock::manual(START);
    let folder = TempDir::new().expect("a temporary folder");
    let mut options = Options { clock, ..Options::default() };
    #[expect(clippy::disallowed_methods, reason = "tests have no settings")]
    let url = match std::env::var("ZORIO_TEST_DATABASE_URL") {
        Ok(url) => {
            options.schema = Some(fresh_schema(&url).await);
            DatabaseUrl::Postgres(url)
        }
        Err(_) => DatabaseUrl::Sqlite(folder.path().join("test.db")),
    };
    let db = Db::open(&url, options.clone()).await.expect("the test database opens");
    db.migrate().await.expect("the migrations run from empty");
    let secrets = Secrets::open(&folder.path().join("master.key")).expect("a new key file");
    secrets.unlock(&db).await.expect("a fresh database has no data key yet");
    TestDb { db, clock: hand, secrets, url, options, folder }
}

async fn fresh_schema(url: &str) -> String {
    let schema = format!("test_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(url).await.expect("the test server answers");
    // Safe: the name was made here.
    sqlx::raw_sql(AssertSqlSafe(format!("create schema {schema}")))
        .execute(&mut connection)
        .await
        .expect("the test user may create schemas");
    schema
}
