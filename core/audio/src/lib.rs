#![doc = include_str!("../README.md")]

pub mod align;
pub mod codec;
pub mod compare;
pub mod conceal;
pub mod convert;
pub mod detect;
pub mod dtmf;
pub mod g711;
pub mod jitter;
pub mod level;
pub mod measure;
pub mod mix;
pub mod music;
pub mod quality;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod stream;
pub mod tone;
pub mod wav;

pub use codec::{Codec, Decoder, Encoder, Rate};
pub use g711::Law;

/// Samples per second of telephone sound, and of all counts of time in this crate.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in one packet of 20 ms.
pub const FRAME: usize = 160;
