//! Where messages come from and go to.

use std::{fmt, net::SocketAddr, num::NonZeroU32};

/// A SIP transport (RFC 3261 §18, RFC 7118).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];

    /// Returns whether the transport itself retransmits, so that timers A, E and G stay off (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Returns whether nobody on the way can read along.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Returns whether messages travel in WebSocket frames.
    pub fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Returns the port that a URI without one means (RFC 3261 §19.1.2, RFC 7118 §5.4).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Returns the token used in Via: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Returns what a SIP URI says of the transport, its semicolon included; UDP needs no word.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            // RFC 3261 would have `sips:` instead; phones and carriers know this one, and it binds one hop only.
            Self::Tls => ";transport=tls",
            // RFC 7118 §5.2.4 knows one word for both.
            Self::Ws | Self::Wss => ";transport=ws",
        }
    }

    /// Reads `udp`, `tcp`, `tls`, `ws` or `wss` in any case.
    pub fn from_token(token: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| token.eq_ignore_ascii_case(transport.token().as_bytes()))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        })
    }
}

/// One way to a peer (RFC 5626): a connection, or for UDP a local socket and the peer's address.
///
/// `id` is the connection's number (never used twice while the program runs), or the number of the UDP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub transport: Transport,
    pub id: u64,
    pub peer: SocketAddr,
}

/// The host name that a peer's certificate must bear (RFC 5922 §4), as the driver numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostKey(pub NonZeroU32);

/// Where a request is sent: over `flow` if there is one, else to `addr` by `transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    pub addr: SocketAddr,
    pub transport: Transport,
    pub flow: Option<Flow>,
    /// Whose certificate is expected there; nothing for transports without one.
    pub host: Option<HostKey>,
}

impl Destination {
    /// Returns the destination without a fixed flow, over an open connection to `addr` if there is one.
    pub fn new(addr: SocketAddr, transport: Transport) -> Self {
        Self { addr, transport, flow: None, host: None }
    }

    /// Returns the destination by UDP without a fixed socket.
    pub fn udp(addr: SocketAddr) -> Self {
        Self::new(addr, Transport::Udp)
    }

    /// Returns the destination by TCP, over an open connection to `addr` if there is one.
    pub fn tcp(addr: SocketAddr) -> Self {
        Self::new(addr, Transport::Tcp)
    }
}

impl From<Flow> for Destination {
    fn from(flow: Flow) -> Self {
        Self { addr: flow.peer, transport: flow.transport, flow: Some(flow), host: None }
    }
}

/// `host:port` of our own for Via and Contact, by transport and by the peer's address family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    v4: [String; 5],
    v6: [String; 5],
}

impl Hosts {
    /// Returns the same `host:port` for everything.
    pub fn all(host: &str) -> Self {
        let same = || std::array::from_fn(|_| host.to_owned());
        Self { v4: same(), v6: same() }
    }

    /// Sets what peers of one family read for one transport.
    pub fn set(&mut self, transport: Transport, is_v6: bool, host: String) {
        let list = if is_v6 { &mut self.v6 } else { &mut self.v4 };
        if let Some(slot) = list.get_mut(transport as usize) {
            *slot = host;
        }
    }

    /// Returns what a peer at `peer` reads; the other family's if there is none for its own.
    pub fn of(&self, transport: Transport, peer: SocketAddr) -> &str {
        let (own, other) = if peer.ip().to_canonical().is_ipv6() { (&self.v6, &self.v4) } else { (&self.v4, &self.v6) };
        let index = transport as usize;
        match own.get(index).map(String::as_str) {
            Some(host) if !host.is_empty() => host,
            _ => other.get(index).map_or("", String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_is_read_back_from_its_names() {
        for transport in Transport::ALL {
            assert_eq!(Transport::from_token(transport.token().as_bytes()), Some(transport));
            assert_eq!(Transport::from_token(transport.to_string().as_bytes()), Some(transport));
        }
        assert_eq!(Transport::from_token(b"sctp"), None);
    }

    #[test]
    fn a_peer_reads_our_address_of_its_own_family() {
        let mut hosts = Hosts::default();
        hosts.set(Transport::Tls, false, "192.0.2.1:5061".to_owned());
        hosts.set(Transport::Tls, true, "[2001:db8::1]:5061".to_owned());
        hosts.set(Transport::Udp, false, "192.0.2.1:5060".to_owned());
        for (transport, peer, host) in [
            (Transport::Tls, "198.51.100.1:1", "192.0.2.1:5061"),
            (Transport::Tls, "[2001:db8::9]:1", "[2001:db8::1]:5061"),
            (Transport::Tls, "[::ffff:198.51.100.1]:1", "192.0.2.1:5061"),
            (Transport::Udp, "[2001:db8::9]:1", "192.0.2.1:5060"),
            (Transport::Tcp, "198.51.100.1:1", ""),
        ] {
            assert_eq!(hosts.of(transport, peer.parse().expect("an address")), host, "{transport} {peer}");
        }
    }
}
