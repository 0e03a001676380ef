//! UDP: large buffers, datagrams in batches, a count of what the kernel dropped.

use std::{
    future::poll_fn,
    io::{self, IoSlice, IoSliceMut},
    net::SocketAddr,
    os::fd::AsRawFd,
    task::Poll,
};

use bytes::Bytes;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use sip_proto::message::Wire;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{io::Interest, net::UdpSocket};

use crate::Destination;

/// The default of 208 KiB loses calls when the program stalls for a second.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// Datagrams per system call.
const BATCH: usize = 16;
/// The largest UDP payload is 65,507 bytes.
const DATAGRAM: usize = 65_536;
/// DSCP CS3 for signalling, in the place of the old TOS byte.
const TOS_CS3: u32 = 0x60;

/// All UDP sockets of the edge.
pub(crate) struct UdpSockets {
    sockets: Vec<UdpPort>,
    buffer: Box<[u8]>,
    /// Lent to the caller of [`UdpSockets::receive`], so that its memory is used again.
    pub(crate) received: Vec<(SocketAddr, Bytes)>,
}

struct UdpPort {
    socket: UdpSocket,
    address: SocketAddr,
    outgoing: Vec<(SocketAddr, Wire)>,
    /// Datagrams the kernel dropped, as it counted last.
    overflow: u32,
}

impl UdpSockets {
    pub(crate) fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let sockets = addresses.iter().map(|address| UdpPort::bind(*address)).collect::<io::Result<Vec<_>>>()?;
        let size = if sockets.is_empty() { 0 } else { BATCH * DATAGRAM };
        Ok(Self { sockets, buffer: vec![0; size].into_boxed_slice(), received: Vec::new() })
    }

    pub(crate) fn local(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|socket| socket.address)
    }

    /// Waits until a socket has something to read and returns its number.
    pub(crate) async fn readable(&self) -> io::Result<usize> {
        poll_fn(|context| {
            for (number, socket) in self.sockets.iter().enumerate() {
                match socket.socket.poll_recv_ready(context) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Ok(number)),
                    Poll::Ready(Err(failed)) => return Poll::Ready(Err(failed)),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Reads one batch from a socket.
    pub(crate) fn receive(&mut self, number: usize, into: &mut Vec<(SocketAddr, Bytes)>) {
        let Some(socket) = self.sockets.get_mut(number) else {
            return;
        };
        let (before, mut overflow) = (into.len(), socket.overflow);
        let buffer = &mut self.buffer;
        // Fewer datagrams than asked for: the queue is empty. Saying so spares the call that would find it empty.
        let _ = socket.socket.try_io(Interest::READABLE, || {
            receive_batch(&socket.socket, buffer, into, &mut overflow)?;
            if into.len() - before < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if overflow != socket.overflow {
            let lost = overflow.wrapping_sub(socket.overflow);
            metrics::counter!("sip_udp_overflow_total").increment(u64::from(lost));
            socket.overflow = overflow;
        }
    }

    /// Queues a datagram until [`UdpSockets::flush`]. Returns false if no socket leads there.
    pub(crate) fn send(&mut self, to: Destination, bytes: Wire) -> bool {
        let number = to.flow.and_then(|flow| usize::try_from(flow.id).ok());
        let socket = match number {
            Some(number) => self.sockets.get_mut(number),
            None => self.sockets.iter_mut().find(|socket| socket.address.is_ipv4() == to.addr.is_ipv4()),
        };
        let Some(socket) = socket else { return false };
        socket.outgoing.push((to.addr, bytes));
        if socket.outgoing.len() >= BATCH {
            socket.flush();
        }
        true
    }

    /// Sends what is queued. A datagram that the kernel does not take is lost, as UDP may.
    pub(crate) fn flush(&mut self) {
        for socket in &mut self.sockets {
            socket.flush();
        }
    }
}

impl UdpPort {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // The kernel cuts these down to net.core.rmem_max and wmem_max; as root it does not.
        if setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
            let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        }
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        if address.is_ipv4() {
            let _ = socket.set_tos_v4(TOS_CS3);
        }
        let _ = setsockopt(&socket, sockopt::RxqOvfl, &1);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, outgoing: Vec::with_capacity(BATCH), overflow: 0 })
    }

    fn flush(&mut self) {
        let lost = match self.outgoing.as_slice() {
            [] => return,
            [(to, bytes)] => usize::from(!send_one(&self.socket, *to, bytes)),
            many => send_batch(&self.socket, many),
        };
        if lost > 0 {
            metrics::counter!("sip_udp_unsent_total").increment(lost as u64);
        }
        self.outgoing.clear();
    }
}

fn receive_batch(
    socket: &UdpSocket,
    buffer: &mut [u8],
    into: &mut Vec<(SocketAddr, Bytes)>,
    overflow: &mut u32,
) -> io::Result<()> {
    // The kernel writes lengths into the headers, so they are made anew for each call.
    let space = nix::cmsg_space!(u32);
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(space));
    let mut slices: Vec<[IoSliceMut<'_>; 1]> =
        buffer.chunks_mut(DATAGRAM).map(|chunk| [IoSliceMut::new(chunk)]).collect();
    let results = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
    for message in results {
        if let Ok(controls) = message.cmsgs() {
            for control in controls {
                if let ControlMessageOwned::RxqOvfl(count) = control {
                    *overflow = count;
                }
            }
        }
        let Some(source) = message.address.as_ref().and_then(address) else {
            continue;
        };
        let bytes = message.iovs().next().map(Bytes::copy_from_slice).unwrap_or_default();
        into.push((source, bytes));
    }
    Ok(())
}

/// Returns how many datagrams were not taken.
fn send_batch(socket: &UdpSocket, many: &[(SocketAddr, Wire)]) -> usize {
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(many.len(), None);
    let slices: Vec<[IoSlice<'_>; 1]> = many.iter().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
    let addresses: Vec<Option<SockaddrStorage>> = many.iter().map(|(to, _)| Some((*to).into())).collect();
    let no_controls: [nix::sys::socket::ControlMessage<'_>; 0] = [];
    let sent = sendmmsg(socket.as_raw_fd(), &mut headers, &slices, &addresses, no_controls, MsgFlags::MSG_DONTWAIT)
        .map_or(0, Iterator::count);
    // The first refused datagram ends a batch: the others are tried one by one.
    many.iter().skip(sent).filter(|(to, bytes)| !send_one(socket, *to, bytes)).count()
}

fn send_one(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) -> bool {
    SockRef::from(socket).send_to(bytes, &to.into()).is_ok()
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}
