use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use crate::latch::canonical;
use crate::ports::{Lease, Ports};
use crate::webrtc::Line;

/// DSCP EF (46) in the upper six bits of the traffic class (RFC 3246).
const EXPEDITED: u32 = 46 << 2;

/// Ports of the range that somebody else has bound are passed over this often.
const BIND_ATTEMPTS: usize = 32;

/// The sockets of one leg: RTP on an even port, RTCP on the next.
pub(crate) struct Pair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    /// The sockets speak IPv6, and IPv4 in its clothes.
    pub(crate) v6: bool,
    /// Dropped after the sockets are closed: field order matters.
    lease: Lease,
}

impl Pair {
    pub(crate) fn bind(address: IpAddr, ports: &Arc<Ports>, now: Instant) -> Option<Self> {
        // Pairs that could not be bound are held until one could, so that none is tried twice.
        let mut taken = Vec::new();
        for _ in 0..BIND_ATTEMPTS {
            let lease = ports.draw(now)?;
            let port = lease.port();
            let bound = |port| open(SocketAddr::new(address, port), !address.is_unspecified());
            match (bound(port), bound(port + 1)) {
                (Ok(rtp), Ok(rtcp)) => return Some(Self { rtp, rtcp, v6: address.is_ipv6(), lease }),
                (Err(error), _) | (_, Err(error)) => {
                    tracing::warn!(port, %error, "media port cannot be bound");
                    taken.push(lease);
                }
            }
        }
        None
    }

    pub(crate) fn port(&self) -> u16 {
        self.lease.port()
    }

    /// Sends a packet; a network that does not take it loses it, like any other network.
    pub(crate) fn send(&self, packet: &[u8], destination: SocketAddr) -> bool {
        self.reach(destination).is_some_and(|destination| self.rtp.send_to(packet, destination).is_ok())
    }

    pub(crate) fn send_rtcp(&self, packet: &[u8], destination: SocketAddr) {
        if let Some(destination) = self.reach(destination) {
            let _ = self.rtcp.send_to(packet, destination);
        }
    }

    /// Returns an address as these sockets can send to it, `None` for the wrong family.
    fn reach(&self, address: SocketAddr) -> Option<SocketAddr> {
        match (address, self.v6) {
            (SocketAddr::V4(v4), true) => Some(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()),
            (SocketAddr::V6(_), false) => None,
            _ => Some(address),
        }
    }
}

/// How a leg is reached.
pub(crate) enum Ways {
    Ports(Pair),
    WebRtc(Box<Line>),
}

impl Ways {
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Ports(pair) => pair.port(),
            Self::WebRtc(line) => line.port(),
        }
    }

    /// Returns an address as SDP writes it.
    pub(crate) fn plain(&self, source: SocketAddr) -> SocketAddr {
        match self {
            Self::Ports(pair) if pair.v6 => canonical(source),
            _ => source,
        }
    }

    pub(crate) fn send(&self, packet: &[u8], destination: SocketAddr) -> bool {
        match self {
            Self::Ports(pair) => pair.send(packet, destination),
            Self::WebRtc(line) => line.send(packet, destination),
        }
    }

    pub(crate) fn send_rtcp(&self, packet: &[u8], destination: SocketAddr) {
        match self {
            Self::Ports(pair) => pair.send_rtcp(packet, destination),
            Self::WebRtc(line) => drop(line.send(packet, destination)),
        }
    }
}

/// Binds a socket; one with IPv6 takes IPv4 in its clothes unless told not to.
pub(crate) fn open(address: SocketAddr, only_v6: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
        socket.set_tclass_v6(EXPEDITED)?;
    } else {
        socket.set_tos_v4(EXPEDITED)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}
