use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use super::tcp::{Connections, Inlet, connection_of};
use super::{Candidate, CandidateTransport, Identity};
use crate::socket;

/// Room for what comes in while the thread does something else, as far as the system grants it.
const BUFFER: usize = 4 << 20;

/// The port of one media thread: a socket for each family that we have an address of.
pub(crate) struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    tcp: Arc<Connections>,
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
    pub(crate) fn bind(
        addresses: &[(IpAddr, IpAddr)],
        port: u16,
        identity: &Arc<Identity>,
    ) -> io::Result<(Self, Inlet)> {
        let mut sockets = Sockets { v4: None, v6: None, tcp: Arc::default() };
        let (mut candidates, mut by_tcp, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
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
            match listen(SocketAddr::new(bind, address.port())) {
                Ok(listener) => {
                    listeners.push(listener);
                    by_tcp.push(Candidate { address, transport: CandidateTransport::Tcp });
                }
                // Nobody is the worse for it who can be reached by UDP.
                Err(error) => tracing::warn!(%address, %error, "no WebRTC over TCP: the port cannot be listened on"),
            }
        }
        candidates.extend(by_tcp);
        let inlet = Inlet::new(listeners, Arc::clone(&sockets.tcp));
        let port = Self { sockets: Arc::new(sockets), identity: Arc::clone(identity), candidates };
        Ok((port, inlet))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(64)?;
    Ok(socket.into())
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
        if let Some(connection) = connection_of(to) {
            return self.tcp.send(connection, packet);
        }
        self.of(to.is_ipv6()).is_some_and(|socket| socket.send_to(packet, to).is_ok())
    }
}
