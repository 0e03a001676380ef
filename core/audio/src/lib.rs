#![doc = include_str!("../README.md")]

pub mod dtmf;
pub mod g711;
pub mod tone;

pub use g711::Codec;

/// Samples per second of everything in this crate.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in one packet of 20 ms.
pub const FRAME: usize = 160;
