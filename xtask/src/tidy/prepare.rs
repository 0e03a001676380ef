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
    for Statement { place, postgres: text, .. } in all() {
        if let Err(error) = prepare(&mut connection, &text).await {
            refused.push(format!("{place}: {error}\n    {text}"));
        }
    }
    let open: Vec<String> = sqlx::query_scalar(UNGUARDED).fetch_all(&mut connection).await.unwrap();
    connection.execute("drop schema statements cascade").await.unwrap();
    assert!(refused.is_empty(), "PostgreSQL refuses:\n{}", refused.join("\n"));
    assert!(open.is_empty(), "row-level security does not guard {}", open.join(", "));
}

/// Tables that hold rows of tenants and that row-level security does not guard, even against their owner.
/// Partitions are reached through their table only.
const UNGUARDED: &str = "select relname::text from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = 'statements'::regnamespace and relkind in ('r', 'p') and not relispartition
      and attname = 'tenant_id' and not (relrowsecurity and relforcerowsecurity)";

/// Prepares a statement as the product would, which names the type of every value it sends.
/// Here most types are left to PostgreSQL; the two it cannot find out are those of values that the statement
/// does not use, and those of a list of values that is read from like a table.
async fn prepare(connection: &mut PgConnection, text: &str) -> Result<(), sqlx::Error> {
    let values = (1..=64).take_while(|n| text.contains(&format!("${n}"))).count();
    let mut types = vec!["unknown"; values];
    loop {
        let Err(error) = prepare_with(connection, text, &types).await else { return Ok(()) };
        let message = error.to_string();
        let unused =
            message.split_once("determine data type of parameter $").and_then(|(_, rest)| rest.split(' ').next());
        match unused.and_then(|number| types.get_mut(number.parse::<usize>().ok()? - 1)) {
            Some(unused) if *unused == "unknown" => *unused = "text",
            _ if text.contains("(values ($1") => break,
            _ => return Err(error),
        }
    }
    let mut result = Ok(());
    for choice in 0..1 << values.min(10) {
        let types: Vec<_> = (0..values).map(|n| if choice >> n & 1 == 1 { "bigint" } else { "text" }).collect();
        result = prepare_with(connection, text, &types).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn prepare_with(connection: &mut PgConnection, text: &str, types: &[&str]) -> Result<(), sqlx::Error> {
    let types = if types.is_empty() { String::new() } else { format!(" ({})", types.join(", ")) };
    let prepare = format!("deallocate all; prepare checked{types} as {text}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(connection).await.map(|_| ())
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
