//! Settings of the SIP edge.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
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
    /// Addresses to bind for TLS, which needs [`Config::tls_server`].
    pub tls: Vec<SocketAddr>,
    /// Addresses to bind for WebSocket without TLS, such as behind a proxy.
    pub ws: Vec<SocketAddr>,
    /// Addresses to bind for WebSocket over TLS, which needs [`Config::tls_server`].
    pub wss: Vec<SocketAddr>,
    /// Our certificates, picked by the name that the peer asks for.
    pub tls_server: Option<Arc<rustls::ServerConfig>>,
    /// Whose certificates we trust when we connect; without it there is no TLS to others.
    pub tls_client: Option<Arc<rustls::ClientConfig>>,
    /// DNS servers to ask instead of the host's.
    pub dns_servers: Vec<SocketAddr>,
    /// The address in Via and Contact for peers of its family; that of the first listener (or of the default route) for
    /// others, and for all if absent.
    pub external: Option<IpAddr>,
    /// The same for peers with IPv6, where `external` is an IPv4 address.
    pub external_v6: Option<Ipv6Addr>,
    pub realm: Realm,
    /// The value of User-Agent and Server.
    pub user_agent: String,
    pub timings: Timings,
    /// Seconds that a session may live without a refresh (RFC 4028), as far as we choose it; not at all if absent.
    pub session_expires: Option<u32>,
    /// The shortest such time that is accepted; less than 90 s is for tests.
    pub min_session: u32,
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
            tls: Vec::new(),
            ws: Vec::new(),
            wss: Vec::new(),
            tls_server: None,
            tls_client: None,
            dns_servers: Vec::new(),
            external: None,
            external_v6: None,
            realm: Realm::RequestHost,
            user_agent: "Zorio".to_owned(),
            timings: Timings::default(),
            session_expires: Some(1800),
            min_session: 90,
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
    /// The longest TLS handshake.
    pub handshake: Duration,
    /// From the end of that to the first full message, or to the end of a WebSocket handshake.
    pub first_message: Duration,
    /// Silence on a connection that never authenticated.
    pub unauthenticated_idle: Duration,
    /// Silence on an authenticated connection.
    pub idle: Duration,
    /// Silence after which an authenticated WebSocket is pinged.
    pub ping: Duration,
    /// Silence after which TCP and TLS peers are sent a double CRLF (RFC 5626 §4.4.1); the kernel watches them anyway.
    pub stream_ping: Option<Duration>,
    /// How long a ping may stay unanswered by a peer that answers pings.
    pub pong: Duration,
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
            handshake: Duration::from_secs(5),
            first_message: Duration::from_secs(10),
            unauthenticated_idle: Duration::from_secs(30),
            idle: Duration::from_secs(3_900),
            ping: Duration::from_secs(15),
            stream_ping: None,
            pong: Duration::from_secs(10),
            write_queue: 256,
            events: 4_096,
            commands: 65_536,
            legs: 50_000,
        }
    }
}
