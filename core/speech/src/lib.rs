#![doc = include_str!("../README.md")]

mod amount;
#[cfg(test)]
mod cases;
mod clean;
mod guess;
mod lexicon;
mod numeral;
mod reading;

pub use guess::normalise;
pub use numeral::{cardinal, spell_digits};
pub use reading::{Reading, Region, VERSION};
