//! Phones in browsers: tokens, configuration, other sites, the page for frames, the SDK's files, and SIP over WebSocket.

mod calls;
mod files;
mod lost;
mod phone;
mod sites;
mod tokens;
