//! Statements and rows of the writer's connection.

use std::sync::Arc;

use rusqlite::{
    CachedStatement, Connection, ToSql,
    types::{ToSqlOutput, Value as Stored, ValueRef},
};

use crate::{Error, Value};

/// A row that has left the connection.
pub(crate) struct LocalRow {
    names: Arc<[Box<str>]>,
    values: Vec<Stored>,
}

impl LocalRow {
    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        let place = self.names.iter().position(|own| own.eq_ignore_ascii_case(name))?;
        self.values.get(place)
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Stored> {
        self.values.get(index)
    }
}

pub(super) fn run(connection: &Connection, text: &str, values: &[Value], in_order: bool) -> Result<u64, Error> {
    let mut statement = prepare(connection, text, values, in_order)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    drop(rows);
    // What a statement that only reads leaves there is the count of the one before.
    Ok(if statement.readonly() { 0 } else { connection.changes() })
}

pub(super) fn all(
    connection: &Connection,
    text: &str,
    values: &[Value],
    in_order: bool,
) -> Result<Vec<LocalRow>, Error> {
    let mut statement = prepare(connection, text, values, in_order)?;
    let names: Arc<[Box<str>]> = statement.column_names().into_iter().map(Box::from).collect();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..names.len()).map(|index| row.get::<_, Stored>(index)).collect::<rusqlite::Result<_>>()?;
        found.push(LocalRow { names: Arc::clone(&names), values });
    }
    Ok(found)
}

/// Returns the statement with its values. To SQLite `$7` is a name; to us it is the seventh value. It looks names up
/// one after the other, which costs the square of their number: texts that are long have theirs `in_order`.
fn prepare<'c>(
    connection: &'c Connection,
    text: &str,
    values: &[Value],
    in_order: bool,
) -> Result<CachedStatement<'c>, Error> {
    let mut statement = connection.prepare_cached(text)?;
    for index in 1..=statement.parameter_count() {
        let name = if in_order { None } else { statement.parameter_name(index) };
        let place = match name {
            Some(name) => name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()),
            None => Some(index),
        };
        let value = place.and_then(|place| values.get(place.checked_sub(1)?));
        let value = value.ok_or_else(|| Error::Config(format!("a value is not bound in: {text}")))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(statement)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null(_) => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Float(value) => ValueRef::Real(*value),
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}
