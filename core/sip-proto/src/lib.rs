#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod limits;
pub mod message;
pub mod registration;
pub mod sdp;
pub mod session;
mod text;
pub mod timers;
pub mod transaction;
pub mod uri;
pub mod websocket;
