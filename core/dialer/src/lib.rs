#![doc = include_str!("../README.md")]

pub mod attempts;
pub mod gate;
pub mod pacing;
pub mod simulate;
pub mod zone;
