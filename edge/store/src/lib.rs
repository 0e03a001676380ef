#![doc = include_str!("../README.md")]

extern crate self as store;

pub mod audit;
mod clock;
mod db;
mod error;
pub mod jobs;
mod migrate;
mod query;
mod row;
pub mod secrets;
mod sqlite;
pub mod testing;
mod tx;
mod value;

pub use audit::audit;
pub use clock::{Clock, ManualClock};
pub use db::{DatabaseUrl, Db, Engine, Options};
pub use error::Error;
pub use migrate::{drop_partitions, ensure_partitions};
pub use query::{Query, containing, insert_many, many, many_returning, sql, sql_for};
pub use row::{Cell, Column, FromRow, Row};
pub use secrets::Secrets;
pub use store_derive::FromRow;
pub use tx::Tx;
pub use value::{Bind, Kind, Value};

#[cfg(test)]
mod tests;
