//! Where messages come from and go to.

use std::{fmt, net::SocketAddr};

/// A SIP transport. TLS, WS and WSS join here when their edges exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// Returns whether the transport itself retransmits, so that timers A, E and G stay off (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Returns the token used in Via: `UDP`, `TCP`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// Reads `udp` or `tcp` in any case.
    pub fn from_token(token: &[u8]) -> Option<Self> {
        if token.eq_ignore_ascii_case(b"udp") {
            Some(Self::Udp)
        } else if token.eq_ignore_ascii_case(b"tcp") {
            Some(Self::Tcp)
        } else {
            None
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
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

/// Where a request is sent: over `flow` if there is one, else to `addr` by `transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    pub addr: SocketAddr,
    pub transport: Transport,
    pub flow: Option<Flow>,
}

impl Destination {
    /// Returns the destination by UDP without a fixed socket.
    pub fn udp(addr: SocketAddr) -> Self {
        Self { addr, transport: Transport::Udp, flow: None }
    }

    /// Returns the destination by TCP, over an open connection to `addr` if there is one.
    pub fn tcp(addr: SocketAddr) -> Self {
        Self { addr, transport: Transport::Tcp, flow: None }
    }
}

impl From<Flow> for Destination {
    fn from(flow: Flow) -> Self {
        Self { addr: flow.peer, transport: flow.transport, flow: Some(flow) }
    }
}
