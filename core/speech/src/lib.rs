#![doc = include_str!("../README.md")]

mod amount;
#[cfg(test)]
mod cases;
mod clean;
mod guess;
mod lexicon;
mod numeral;
mod reading;
pub mod segment;
pub mod slot;
pub mod template;
pub mod tree;

pub use guess::normalise;
pub use numeral::{cardinal, spell_digits};
pub use reading::{Reading, Region, VERSION};
pub use segment::{Joint, Key, Segment, Voice};
pub use slot::{Kind, Value};
pub use template::{Plan, Template};
