//! Settings of the SIP edge.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use sip_proto::{endpoint::Realm, timers::Timings};

/// How and where SIP is spoken.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to bind for UDP; port 0 picks a free one.
    pub udp: Vec<SocketAddr>,
    /// Addresses to bind for TCP.
    pub tcp: Vec<SocketAddr>,
    /// The address in Via and Contact; that of the first listener (or of the default route) if absent.
    pub external: Option<IpAddr>,
    pub realm: Realm,
    /// The value of User-Agent and Server.
    pub user_agent: String,
    pub timings: Timings,
    pub limits: Limits,
}

impl Config {
    /// Returns a configuration that listens on one address for UDP and TCP.
    pub fn on(address: SocketAddr) -> Self {
        Self { udp: vec![address], tcp: vec![address], ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            udp: Vec::new(),
            tcp: Vec::new(),
            external: None,
            realm: Realm::RequestHost,
            user_agent: "Zorio".to_owned(),
            timings: Timings::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on what strangers and peers may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages a second from one stranger's network (/24 or /48), and how many at once.
    pub stranger_rate: u32,
    pub stranger_burst: u32,
    /// Networks whose rate is remembered; the one unseen longest is forgotten first.
    pub stranger_networks: usize,
    /// Wrong logins of whatever users from one source within the window; beyond it only users that signed in from
    /// there before are listened to.
    pub guesses_per_source: u32,
    pub guess_window: Duration,
    /// Unauthenticated connections per source address.
    pub connections_per_source: usize,
    /// Connections in all.
    pub connections: usize,
    /// From the accept to the first full message.
    pub first_message: Duration,
    /// Silence on a connection that never authenticated.
    pub unauthenticated_idle: Duration,
    /// Silence on an authenticated connection.
    pub idle: Duration,
    /// Messages waiting to be written to one connection; beyond it the connection is closed.
    pub write_queue: usize,
    /// Events waiting for the rest of the program; beyond it new requests get 503.
    pub events: usize,
    /// Commands waiting for the endpoint.
    pub commands: usize,
    /// Legs at once.
    pub legs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stranger_rate: 50,
            stranger_burst: 100,
            stranger_networks: 65_536,
            guesses_per_source: 50,
            guess_window: Duration::from_secs(300),
            connections_per_source: 64,
            connections: 10_000,
            first_message: Duration::from_secs(10),
            unauthenticated_idle: Duration::from_secs(30),
            idle: Duration::from_secs(3_900),
            write_queue: 256,
            events: 4_096,
            commands: 65_536,
            legs: 50_000,
        }
    }
}
