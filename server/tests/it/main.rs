//! The integration tests: the real server, a real database, real clients. Folders mirror the URLs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod alerts;
mod api;
mod calls;
mod chaos;
mod console;
mod hostile;
mod http;
mod interop;
mod keys;
mod loss;
mod openapi;
mod operations;
mod relay;
mod signatures;
mod support;
mod webphone;
mod webrtc;
