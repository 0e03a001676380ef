#![doc = include_str!("../README.md")]

mod clock;
pub mod outcome;
pub mod receiver;
pub mod speech;

pub use outcome::{Expected, Outcome};
pub use receiver::Receiver;
pub use speech::Voice;
