//! Every statement of the code prepares on both databases: our check at compile time.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use super::files;
use super::macros::Macros;
use super::statements::{Statement, statements};
use crate::{run, test};

/// Functions that PostgreSQL's migrations define for edge/store alone: SQLite needs no partitions.
const POSTGRES_ONLY: &[&str] = &["ensure_partitions(", "drop_partitions("];

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for (name, migration) in migrations("sqlite") {
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(migration)))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let mut refused = Vec::new();
    let both = all().into_iter().filter(|statement| !POSTGRES_ONLY.iter().any(|name| statement.sqlite.contains(name)));
    for Statement { place, sqlite: text, .. } in both {
        // `explain` compiles the statement and runs nothing.
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(format!("explain {text}"))).execute(&mut connection).await {
            refused.push(format!("{place}: {error}\n    {text}"));
        }
    }
    assert!(refused.is_empty(), "SQLite refuses:\n{}", refused.join("\n"));
}

/// Runs when a PostgreSQL is at hand, as in the second half of `cargo xtask test`.
#[tokio::test]
async fn every_statement_prepares_on_postgresql() {
    let Some(url) = std::env::var_os(test::DATABASE_VARIABLE) else { return };
    let mut connection = PgConnection::connect(url.to_str().unwrap()).await.unwrap();
    // A schema of its own keeps it apart from what other tests make of the same database.
    connection.execute("drop schema if exists statements cascade; create schema statements").await.unwrap();
    connection.execute("set search_path to statements").await.unwrap();
    for (name, migration) in migrations("postgres") {
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(migration)))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let mut refused = Vec::new();
    for (number, Statement { place, postgres: text, .. }) in all().into_iter().enumerate() {
        let prepare = format!("prepare statement_{number} as {text}");
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await {
            refused.push(format!("{place}: {error}\n    {text}"));
        }
    }
    connection.execute("drop schema statements cascade").await.unwrap();
    assert!(refused.is_empty(), "PostgreSQL refuses:\n{}", refused.join("\n"));
}

fn all() -> Vec<Statement> {
    let files = files(&run::workspace_root()).unwrap();
    let macros = Macros::read(&files);
    files.iter().flat_map(|file| statements(file, &macros)).collect()
}

fn migrations(engine: &str) -> Vec<(String, String)> {
    let folder = format!("edge/store/migrations/{engine}/");
    let files = files(&run::workspace_root()).unwrap();
    files.into_iter().filter(|file| file.path.starts_with(&folder)).map(|file| (file.path, file.text)).collect()
}
