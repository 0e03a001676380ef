//! The sockets. Streams end in [`crate::connections`]; TLS and WebSocket join beside `tcp`.

pub(crate) mod tcp;
pub(crate) mod udp;
