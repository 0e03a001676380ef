//! One SQL text for two engines. Whatever differs between them in running a statement is in this file.

use std::fmt::Write as _;

use futures_util::TryFutureExt as _;
use sqlx::{
    Arguments as _, AssertSqlSafe, PgConnection, SqlSafeStr as _, SqlStr, SqliteConnection, postgres::PgArguments,
    sqlite::SqliteArguments,
};

use crate::{
    Bind, Engine, Error, FromRow, Row, Tx, Value, db::STATEMENT_TIMEOUT, row::Inner, tx::Connection, value::Kind,
};

/// Values in one statement at most; SQLite allows 32,766 and PostgreSQL 65,535.
const MAX_VALUES: usize = 16_384;
/// Rows in one statement at most.
const MAX_ROWS: usize = 256;

/// A statement with its values, ready to run.
#[must_use = "a statement does nothing until it is run"]
pub struct Query {
    sqlite: SqlStr,
    postgres: SqlStr,
    values: Vec<Value>,
    /// The text names its values in their order, each once: they need not be looked up by name.
    is_in_order: bool,
}

/// Returns a statement that both databases understand, with `$1`, `$2`, … for values.
pub fn sql(text: &'static str) -> Query {
    sql_for(text, text)
}

/// Returns a statement whose text differs between the databases. Rooms have no need of it.
pub fn sql_for(sqlite: &'static str, postgres: &'static str) -> Query {
    Query {
        sqlite: SqlStr::from_static(sqlite),
        postgres: SqlStr::from_static(postgres),
        values: Vec::new(),
        is_in_order: false,
    }
}

impl Query {
    /// Binds the next `$n`.
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.values.push(value.into_value());
        self
    }

    /// Returns every row.
    pub async fn all<T: FromRow>(self, tx: &mut Tx) -> Result<Vec<T>, Error> {
        self.rows(tx).await?.iter().map(T::from_row).collect()
    }

    /// Returns the first row, if there is one.
    pub async fn first<T: FromRow>(self, tx: &mut Tx) -> Result<Option<T>, Error> {
        self.rows(tx).await?.first().map(T::from_row).transpose()
    }

    /// Returns the first row; [`Error::NotFound`] if there is none.
    pub async fn one<T: FromRow>(self, tx: &mut Tx) -> Result<T, Error> {
        self.first(tx).await?.ok_or(Error::NotFound)
    }

    /// Runs it and returns how many rows it changed.
    pub async fn run(self, tx: &mut Tx) -> Result<u64, Error> {
        tx.check()?;
        let result = match &mut tx.connection {
            Connection::SqliteWriter(lease) => lease.run(self.sqlite.as_str(), &self.values, self.is_in_order).await,
            Connection::SqliteReader(connection) => self.run_sqlite(connection).await,
            Connection::PostgresWriter(connection) => self.run_postgres(connection).await,
            Connection::PostgresReader(connection) => self.run_postgres(connection).await,
        };
        tx.failed |= result.is_err();
        result
    }

    async fn rows(self, tx: &mut Tx) -> Result<Vec<Row>, Error> {
        tx.check()?;
        let result = match &mut tx.connection {
            Connection::SqliteWriter(lease) => {
                let rows = lease.rows(self.sqlite.as_str(), &self.values, self.is_in_order).await;
                rows.map(|rows| rows.into_iter().map(|row| Row(Inner::Local(row))).collect())
            }
            Connection::SqliteReader(connection) => {
                // PostgreSQL has a timeout of its own.
                match tokio::time::timeout(STATEMENT_TIMEOUT, self.rows_sqlite(connection)).await {
                    Ok(rows) => rows,
                    Err(_) => {
                        // It still works for the statement that nobody waits for.
                        connection.close_on_drop();
                        Err(Error::Busy("a statement took too long"))
                    }
                }
            }
            Connection::PostgresWriter(connection) => self.rows_postgres(connection).await,
            Connection::PostgresReader(connection) => self.rows_postgres(connection).await,
        };
        tx.failed |= result.is_err();
        result
    }

    async fn run_sqlite(self, connection: &mut SqliteConnection) -> Result<u64, Error> {
        let arguments = sqlite_arguments(self.values)?;
        let done = sqlx::query_with(self.sqlite, arguments).execute(connection).await?;
        Ok(done.rows_affected())
    }

    async fn run_postgres(self, connection: &mut PgConnection) -> Result<u64, Error> {
        let arguments = postgres_arguments(self.values)?;
        let done = sqlx::query_with(self.postgres, arguments).execute(connection).await?;
        Ok(done.rows_affected())
    }

    async fn rows_sqlite(self, connection: &mut SqliteConnection) -> Result<Vec<Row>, Error> {
        let arguments = sqlite_arguments(self.values)?;
        let rows = sqlx::query_with(self.sqlite, arguments).fetch_all(connection).map_err(Error::from).await?;
        Ok(rows.into_iter().map(|row| Row(Inner::Sqlite(row))).collect())
    }

    async fn rows_postgres(self, connection: &mut PgConnection) -> Result<Vec<Row>, Error> {
        let arguments = postgres_arguments(self.values)?;
        let rows = sqlx::query_with(self.postgres, arguments).fetch_all(connection).map_err(Error::from).await?;
        Ok(rows.into_iter().map(|row| Row(Inner::Postgres(row))).collect())
    }
}

/// Inserts rows in as few statements as the databases allow. `head` ends in `values`, `tail` is the rest
/// (`on conflict do nothing`) or empty. Returns how many rows were changed.
pub async fn insert_many(
    tx: &mut Tx,
    head: &'static str,
    tail: &'static str,
    rows: Vec<Vec<Value>>,
) -> Result<u64, Error> {
    many(tx, head, tail, rows).await
}

/// Runs `head ($1,$2),($3,$4) tail` over the rows in chunks, for any statement with a list of values:
/// `update t set a = v.column2 from (values` … `) as v where t.id = v.column1`.
pub async fn many(tx: &mut Tx, head: &'static str, tail: &'static str, rows: Vec<Vec<Value>>) -> Result<u64, Error> {
    let mut changed = 0;
    for query in chunks(head, tail, rows) {
        changed += query.run(tx).await?;
    }
    Ok(changed)
}

/// Like [`many`], for a statement that returns rows.
pub async fn many_returning<T: FromRow>(
    tx: &mut Tx,
    head: &'static str,
    tail: &'static str,
    rows: Vec<Vec<Value>>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    for query in chunks(head, tail, rows) {
        found.append(&mut query.all(tx).await?);
    }
    Ok(found)
}

/// Every chunk is a power of two in size, so that few texts exist and each stays prepared.
fn chunks(head: &'static str, tail: &'static str, rows: Vec<Vec<Value>>) -> impl Iterator<Item = Query> {
    let columns = rows.first().map_or(1, |row| row.len().max(1));
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let limit = MAX_ROWS.min(MAX_VALUES / columns).min(rows.len());
        let chunk = 1 << limit.checked_ilog2()?;
        let mut text = String::with_capacity(head.len() + tail.len() + chunk * columns * 6);
        text.push_str(head);
        for row in 0..chunk {
            for column in 0..columns {
                let before = match (row, column) {
                    (0, 0) => " (",
                    (_, 0) => "), (",
                    _ => ", ",
                };
                write!(text, "{before}${}", row * columns + column + 1).expect("a String takes everything");
            }
        }
        text.push_str(") ");
        text.push_str(tail);
        // Safe: static parts of ours and numbers counted here; values are bound.
        let text = AssertSqlSafe(text).into_sql_str();
        let values = rows.by_ref().take(chunk).flatten().collect();
        Some(Query { sqlite: text.clone(), postgres: text, values, is_in_order: true })
    })
}

fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Null(_) => arguments.add(None::<i64>),
            Value::Int(value) => arguments.add(value),
            Value::Float(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(|error| Error::Config(error.to_string()))?;
    }
    Ok(arguments)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), values.len() * 16);
    for value in values {
        match value {
            Value::Null(Kind::Int) => arguments.add(None::<i64>),
            Value::Null(Kind::Float) => arguments.add(None::<f64>),
            Value::Null(Kind::Bool) => arguments.add(None::<bool>),
            Value::Null(Kind::Text) => arguments.add(None::<String>),
            Value::Null(Kind::Bytes) => arguments.add(None::<Vec<u8>>),
            Value::Int(value) => arguments.add(value),
            Value::Float(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            // PostgreSQL's text cannot hold NUL.
            Value::Text(value) if value.contains('\0') => arguments.add(value.replace('\0', "\u{fffd}")),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(|error| Error::Config(error.to_string()))?;
    }
    Ok(arguments)
}

/// Returns the engine's placeholder-free text of `sql_for`, for the check that prepares every statement.
impl Query {
    pub fn text(&self, engine: Engine) -> &str {
        match engine {
            Engine::Sqlite => self.sqlite.as_str(),
            Engine::Postgres => self.postgres.as_str(),
        }
    }
}

/// Turns a search text into a `like` pattern (`escape '!'`) that finds it anywhere.
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_is_no_pattern() {
        assert_eq!(containing("50%_!"), "%50!%!_!!%");
    }
}
