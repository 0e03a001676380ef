//! The real engine, real files, and programs that misbehave.

#![expect(clippy::unwrap_used, reason = "tests")]

mod decode;
mod engine;
mod packs;
mod speech;
mod vendors;
