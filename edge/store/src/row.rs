//! Rows and how fields are read from them.

use std::net::IpAddr;

use domain::{
    CallId, LegId, TenantId, Timestamp, UserId,
    ids::{TokenId, TrunkId, WebhookId},
};
use rusqlite::types::Value as Stored;
use sqlx::{
    Decode, Postgres, Row as _, Sqlite, TypeInfo, ValueRef,
    postgres::{PgRow, PgValueRef},
    sqlite::{SqliteRow, SqliteValueRef},
};
use uuid::Uuid;

use crate::{Error, sqlite::LocalRow};

/// One row of an answer.
pub struct Row(pub(crate) Inner);

pub(crate) enum Inner {
    Local(LocalRow),
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A struct or tuple that a row can become. Structs derive it: `#[derive(store::FromRow)]`.
pub trait FromRow: Sized {
    fn from_row(row: &Row) -> Result<Self, Error>;
}

/// A type that a column can become. Rooms implement it for their enums, over [`Cell::text`].
pub trait Column: Sized {
    /// Reads the cell; the error is the reason alone.
    fn from_cell(cell: Cell<'_>) -> Result<Self, String>;
}

/// One value of a row.
pub struct Cell<'r>(CellInner<'r>);

enum CellInner<'r> {
    Local(&'r Stored),
    Sqlite(SqliteValueRef<'r>),
    Postgres(PgValueRef<'r>),
}

impl Row {
    /// Returns the column of that name.
    pub fn get<T: Column>(&self, name: &str) -> Result<T, Error> {
        let cell = match &self.0 {
            Inner::Local(row) => {
                row.get(name).map(CellInner::Local).ok_or_else(|| sqlx::Error::ColumnNotFound(name.to_owned()))
            }
            Inner::Sqlite(row) => row.try_get_raw(name).map(CellInner::Sqlite),
            Inner::Postgres(row) => row.try_get_raw(name).map(CellInner::Postgres),
        };
        Self::read(cell, || name.to_owned())
    }

    /// Returns the column at that place, counted from 0.
    pub fn at<T: Column>(&self, index: usize) -> Result<T, Error> {
        let cell = match &self.0 {
            Inner::Local(row) => {
                row.at(index).map(CellInner::Local).ok_or_else(|| sqlx::Error::ColumnNotFound(format!("#{index}")))
            }
            Inner::Sqlite(row) => row.try_get_raw(index).map(CellInner::Sqlite),
            Inner::Postgres(row) => row.try_get_raw(index).map(CellInner::Postgres),
        };
        Self::read(cell, || format!("#{index}"))
    }

    fn read<T: Column>(cell: Result<CellInner<'_>, sqlx::Error>, name: impl Fn() -> String) -> Result<T, Error> {
        let cell = cell.map_err(|error| Error::Column { column: name(), reason: error.to_string() })?;
        T::from_cell(Cell(cell)).map_err(|reason| Error::Column { column: name(), reason })
    }
}

impl<'r> Cell<'r> {
    pub fn is_null(&self) -> bool {
        match &self.0 {
            CellInner::Local(value) => matches!(value, Stored::Null),
            CellInner::Sqlite(value) => value.is_null(),
            CellInner::Postgres(value) => value.is_null(),
        }
    }

    /// Reads an integer of any width.
    pub fn int(self) -> Result<i64, String> {
        match self.not_null()?.0 {
            CellInner::Local(Stored::Integer(value)) => return Ok(*value),
            CellInner::Local(other) => return Err(odd(other, "an integer")),
            CellInner::Sqlite(value) => <i64 as Decode<Sqlite>>::decode(value),
            CellInner::Postgres(value) => {
                let kind = value.type_info().name().to_owned();
                match kind.as_str() {
                    "INT8" => <i64 as Decode<Postgres>>::decode(value),
                    "INT4" => <i32 as Decode<Postgres>>::decode(value).map(i64::from),
                    "INT2" => <i16 as Decode<Postgres>>::decode(value).map(i64::from),
                    other => return Err(format!("{other} is no integer: cast it to bigint")),
                }
            }
        }
        .map_err(|error| error.to_string())
    }

    pub fn float(self) -> Result<f64, String> {
        match self.not_null()?.0 {
            CellInner::Local(Stored::Real(value)) => return Ok(*value),
            CellInner::Local(Stored::Integer(value)) => return Ok(*value as f64),
            CellInner::Local(other) => return Err(odd(other, "a number")),
            CellInner::Sqlite(value) => <f64 as Decode<Sqlite>>::decode(value),
            CellInner::Postgres(value) => match value.type_info().name() {
                "FLOAT8" => <f64 as Decode<Postgres>>::decode(value),
                other => return Err(format!("{other} is no float: cast it to double precision")),
            },
        }
        .map_err(|error| error.to_string())
    }

    pub fn bool(self) -> Result<bool, String> {
        match self.not_null()?.0 {
            CellInner::Local(Stored::Integer(value)) => return Ok(*value != 0),
            CellInner::Local(other) => return Err(odd(other, "a boolean")),
            CellInner::Sqlite(value) => <i64 as Decode<Sqlite>>::decode(value).map(|v| v != 0),
            CellInner::Postgres(value) => <bool as Decode<Postgres>>::decode(value),
        }
        .map_err(|error| error.to_string())
    }

    pub fn text(self) -> Result<&'r str, String> {
        match self.not_null()?.0 {
            CellInner::Local(Stored::Text(value)) => return Ok(value),
            CellInner::Local(other) => return Err(odd(other, "a text")),
            CellInner::Sqlite(value) => <&str as Decode<Sqlite>>::decode(value),
            CellInner::Postgres(value) => <&str as Decode<Postgres>>::decode(value),
        }
        .map_err(|error| error.to_string())
    }

    pub fn bytes(self) -> Result<&'r [u8], String> {
        match self.not_null()?.0 {
            CellInner::Local(Stored::Blob(value)) => return Ok(value),
            CellInner::Local(Stored::Text(value)) => return Ok(value.as_bytes()),
            CellInner::Local(other) => return Err(odd(other, "bytes")),
            CellInner::Sqlite(value) => <&[u8] as Decode<Sqlite>>::decode(value),
            CellInner::Postgres(value) => <&[u8] as Decode<Postgres>>::decode(value),
        }
        .map_err(|error| error.to_string())
    }

    fn not_null(self) -> Result<Self, String> {
        if self.is_null() { Err("unexpected null".to_owned()) } else { Ok(self) }
    }
}

fn odd(value: &Stored, wanted: &str) -> String {
    format!("{} is not {wanted}", value.data_type())
}

impl<T: Column> Column for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        if cell.is_null() { Ok(None) } else { T::from_cell(cell).map(Some) }
    }
}

macro_rules! column {
    ($($type:ty: $read:ident, |$value:ident| $into:expr;)*) => {$(
        impl Column for $type {
            fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
                let $value = cell.$read()?;
                $into
            }
        }
    )*};
}

// A macro, because the impls differ in one expression each.
column! {
    i64: int, |v| Ok(v);
    i32: int, |v| Self::try_from(v).map_err(|e| e.to_string());
    i16: int, |v| Self::try_from(v).map_err(|e| e.to_string());
    u8: int, |v| Self::try_from(v).map_err(|e| e.to_string());
    u16: int, |v| Self::try_from(v).map_err(|e| e.to_string());
    u32: int, |v| Self::try_from(v).map_err(|e| e.to_string());
    f64: float, |v| Ok(v);
    bool: bool, |v| Ok(v);
    String: text, |v| Ok(v.to_owned());
    Vec<u8>: bytes, |v| Ok(v.to_vec());
    Uuid: text, |v| Self::parse_str(v).map_err(|e| e.to_string());
    IpAddr: text, |v| v.parse().map_err(|e: std::net::AddrParseError| e.to_string());
    Timestamp: int, |v| Ok(Self::from_millis(v));
    TenantId: int, |v| Ok(Self(v));
    UserId: int, |v| Ok(Self(v));
    TokenId: int, |v| Ok(Self(v));
    TrunkId: int, |v| Ok(Self(v));
    WebhookId: int, |v| Ok(Self(v));
    CallId: text, |v| v.parse().map_err(|e: uuid::Error| e.to_string());
    LegId: text, |v| v.parse().map_err(|e: uuid::Error| e.to_string());
}

macro_rules! tuples {
    ($(($($name:ident $index:literal),+);)*) => {$(
        impl<$($name: Column),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row) -> Result<Self, Error> {
                Ok(($(row.at::<$name>($index)?,)+))
            }
        }
    )*};
}

// A macro: Rust has no generics over the length of a tuple.
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
}
