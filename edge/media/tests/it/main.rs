//! Media over loopback with real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attack;
mod phone;
mod play;
mod record;
mod relay;
