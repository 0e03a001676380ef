use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::{Candidate, CandidateTransport, Identity};
use crate::socket;

/// Room for what comes in while the thread does something else, as far as the system grants it.
const BUFFER: usize = 4 << 20;

/// The port of one media thread: a socket for each family that we have an address of.
pub(crate) struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
}

/// What a session needs to know of the port of a media thread.
#[derive(Clone)]
pub(crate) struct WebRtcPort {
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) candidates: Vec<Candidate>,
}

impl WebRtcPort {
    /// Binds the port on each of the addresses; `0` is a port of the system's choice. `addresses` are those to bind,
    /// each with the one that SDP shows for it.
    pub(crate) fn bind(addresses: &[(IpAddr, IpAddr)], port: u16, identity: &Arc<Identity>) -> io::Result<Self> {
        let mut sockets = Sockets { v4: None, v6: None };
        let mut candidates = Vec::new();
        for &(bind, shown) in addresses {
            let place = if bind.is_ipv6() { &mut sockets.v6 } else { &mut sockets.v4 };
            if place.is_some() {
                continue;
            }
            let bound = socket::open(SocketAddr::new(bind, port), true).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("the WebRTC port {} cannot be bound: {error}", SocketAddr::new(bind, port)),
                )
            })?;
            if let Err(error) = socket2::SockRef::from(&bound).set_recv_buffer_size(BUFFER) {
                tracing::debug!(%error, "the WebRTC port keeps its usual buffer");
            }
            let address = SocketAddr::new(shown, bound.local_addr()?.port());
            candidates.push(Candidate { address, transport: CandidateTransport::Udp });
            *place = Some(bound);
        }
        Ok(Self { sockets: Arc::new(sockets), identity: Arc::clone(identity), candidates })
    }
}

impl Sockets {
    pub(crate) fn all(&self) -> impl Iterator<Item = &UdpSocket> {
        self.v4.iter().chain(&self.v6)
    }

    /// Returns the socket of a family.
    pub(crate) fn of(&self, v6: bool) -> Option<&UdpSocket> {
        if v6 { self.v6.as_ref() } else { self.v4.as_ref() }
    }

    /// Sends a packet; a network that does not take it loses it.
    pub(crate) fn send(&self, packet: &[u8], to: SocketAddr) -> bool {
        self.of(to.is_ipv6()).is_some_and(|socket| socket.send_to(packet, to).is_ok())
    }
}
