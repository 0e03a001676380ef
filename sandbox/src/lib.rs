#![doc = include_str!("../README.md")]

pub mod agent;
pub mod carrier;
mod clock;
pub mod crm;
pub mod outcome;
pub mod phone;
pub mod receiver;
pub mod speech;

pub use agent::Agent;
pub use carrier::Carrier;
pub use crm::Crm;
pub use outcome::{Expected, Outcome};
pub use phone::{Call, Reaction, Says, Talk};
pub use receiver::Receiver;
pub use speech::Voice;
