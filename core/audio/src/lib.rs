#![doc = include_str!("../README.md")]

pub mod align;
pub mod dtmf;
pub mod g711;
pub mod measure;
pub mod mix;
pub mod quality;
pub mod rtcp;
pub mod rtp;
pub mod stream;
pub mod tone;
pub mod wav;

pub use g711::Codec;

/// Samples per second of everything in this crate.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in one packet of 20 ms.
pub const FRAME: usize = 160;
