//! A sans-IO SIP user agent: it turns transactions, dialogs and sessions, and never reads a clock or a socket.

pub mod config;
pub mod flow;
pub mod io;

pub use config::{Config, Realm};
pub use flow::{Destination, Flow, Transport};
pub use io::{Command, Event, IncomingRegister, Input, OutOfDialog, Output, RegisterAnswer, RequestFailed, RequestKey};
mod ids;

/// The machine.
pub struct Endpoint;

impl Endpoint {
    pub fn new(_config: Config, _now: std::time::Instant) -> Self {
        Self
    }
    pub fn handle(&mut self, _input: Input, _now: std::time::Instant) {}
    pub fn handle_timeout(&mut self, _now: std::time::Instant) {}
    pub fn next_timeout(&self) -> Option<std::time::Instant> {
        None
    }
    pub fn poll(&mut self) -> Option<Output> {
        None
    }
}
