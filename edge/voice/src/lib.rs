#![doc = include_str!("../README.md")]

mod cache;
mod clip;
mod config;
mod counters;
mod decode;
mod error;
mod espeak;
mod finish;
mod join;
mod pack;
mod paid;
pub mod provider;
mod text;
mod voices;

pub use cache::Pins;
pub use clip::{Clip, Message};
pub use config::Config;
pub use counters::Counters;
pub use decode::{Bounds, decode};
pub use error::Error;
pub use finish::Sound;
pub use join::join;
pub use pack::{Clips, PackProblem};
pub use paid::{Paid, Patience};
pub use provider::{Fault, Provider};
pub use voices::{Gender, VoiceInfo, Voices};

/// Speech has this active level, dB below full scale.
pub const LEVEL: u8 = 20;
/// No peak is higher, dB below full scale.
pub const PEAK: u8 = 3;
