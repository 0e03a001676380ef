#![doc = include_str!("../README.md")]

extern crate self as store;

mod clock;
mod db;
mod error;
mod migrate;
mod query;
mod row;
mod tx;
mod value;
mod writer;

pub use clock::{Clock, ManualClock};
pub use db::{DatabaseUrl, Db, Engine, Options};
pub use error::Error;
pub use query::{Query, insert_many, many, sql, sql_for};
pub use row::{Cell, Column, FromRow, Row};
pub use store_derive::FromRow;
pub use tx::Tx;
pub use value::{Bind, Kind, Value};
