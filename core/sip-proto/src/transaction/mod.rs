//! Transactions (RFC 3261 §17 with the Accepted states of RFC 6026), as state machines without messages.
//!
//! The owner keeps the bytes, tells a machine what arrived and does what it answers.

pub mod client;
pub mod server;

pub use self::{client::Client, server::Server};

/// INVITE transactions live by other rules than all the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invite,
    Other,
}
