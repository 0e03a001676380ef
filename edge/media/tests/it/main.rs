//! Media over loopback with real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attack;
#[expect(unreachable_pub, reason = "it is the testkit's")]
#[path = "../../../../testkit/src/browser.rs"]
mod browser;
mod message;
mod mix;
mod moving;
mod phone;
mod play;
mod record;
mod relay;
mod srtp;
mod webrtc;
