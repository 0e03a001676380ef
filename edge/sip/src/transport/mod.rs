//! The sockets. Streams end in [`crate::connections`].

pub(crate) mod connection;
pub(crate) mod cut;
pub(crate) mod door;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod udp;
pub(crate) mod websocket;
