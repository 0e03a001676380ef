//! Media over loopback with real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attack;
mod message;
mod mix;
mod moving;
mod phone;
mod play;
mod record;
mod relay;
mod srtp;
