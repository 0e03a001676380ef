//! What is true: ids, events, principals, numbers, and the machines and rules that decide.
//!
//! Nothing here does IO, reads a clock or draws a random number: time and chance are arguments.

pub mod agent;
pub mod app;
pub mod call;
pub mod cause;
pub mod event;
pub mod grid;
pub mod guard;
pub mod hours;
pub mod ids;
pub mod limiter;
pub mod number;
pub mod pace;
pub mod principal;
pub mod queue;
pub mod retry;
pub mod rotation;
pub mod routing;
pub mod time;

pub use event::{Event, EventName};
pub use ids::{CallId, LegId, TenantId, UserId};
pub use principal::{Permission, Principal};
pub use time::Timestamp;
