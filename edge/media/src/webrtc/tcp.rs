//! WebRTC over TCP, for networks that let no UDP out: far ends connect to us (RFC 6544, passive), packets are framed
//! by their length (RFC 4571).
//!
//! A connection has a name in the form of an address that no packet comes from; everything else treats it as a source.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use audio::rtp::MAX_PACKET;

/// Connections of one thread on which nobody has proved a password; the oldest makes room.
const STRANGERS: usize = 64;
/// Connections of one thread at all.
const MOST: usize = 1_024;
/// Seconds that a stranger may take to prove one.
const PATIENCE: u64 = 10;
/// Bytes that wait for a slow reader; packets beyond are lost, as they would be at any full queue.
const WAITING: usize = 32 << 10;
/// Bytes of the length in front of a packet.
const FRAME: usize = 2;

/// Connections by their names, shared with whoever sends.
#[derive(Default)]
pub(crate) struct Connections {
    known: Mutex<HashMap<u64, Arc<Connection>>>,
}

pub(crate) struct Connection {
    stream: TcpStream,
    /// What the socket did not take yet.
    waiting: Mutex<Vec<u8>>,
}

/// The receiving end of all connections of a thread.
pub(crate) struct Inlet {
    pub(super) listeners: Vec<TcpListener>,
    shared: Arc<Connections>,
    open: HashMap<u64, Open>,
    next: u64,
}

struct Open {
    connection: Arc<Connection>,
    peer: SocketAddr,
    /// A frame that is not whole yet.
    begun: Vec<u8>,
    /// The second in which it was opened; nothing once somebody proved a password on it.
    since: Option<u64>,
}

/// What a connection brought.
pub(crate) enum Brought {
    Packets(Vec<Vec<u8>>),
    /// It is over.
    End,
}

/// Returns the address that stands for a connection: of the prefix that is never routed (RFC 6666).
pub(super) fn name_of(id: u64) -> SocketAddr {
    let [a, b, c, d, e, f, g, h] = id.to_be_bytes();
    let ip = Ipv6Addr::from([1, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]);
    SocketAddr::new(ip.into(), 9)
}

/// Returns the connection that an address stands for.
pub(super) fn connection_of(name: SocketAddr) -> Option<u64> {
    let IpAddr::V6(ip) = name.ip() else { return None };
    let [1, 0, 0, 0, 0, 0, 0, 0, id @ ..] = ip.octets() else { return None };
    Some(u64::from_be_bytes(id))
}

impl Connections {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a packet; false if it was lost.
    pub(super) fn send(&self, id: u64, packet: &[u8]) -> bool {
        let connection = self.lock().get(&id).cloned();
        connection.is_some_and(|connection| connection.send(packet))
    }
}

impl Connection {
    fn send(&self, packet: &[u8]) -> bool {
        let Ok(length) = u16::try_from(packet.len()) else { return false };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + FRAME + packet.len() > WAITING {
            return false;
        }
        waiting.extend(length.to_be_bytes());
        waiting.extend(packet);
        // What does not go now goes with the next packet: there are fifty in a second.
        if let Ok(written) = (&self.stream).write(&waiting) {
            waiting.drain(..written);
        }
        true
    }
}

impl Inlet {
    pub(super) fn new(listeners: Vec<TcpListener>, shared: Arc<Connections>) -> Self {
        Self { listeners, shared, open: HashMap::new(), next: 1 }
    }

    pub(crate) fn listeners(&self) -> &[TcpListener] {
        &self.listeners
    }

    /// Takes the connections that wait at a listener; returns their numbers and sockets, to be watched.
    pub(crate) fn accept(&mut self, listener: usize, second: u64) -> Vec<(u64, Arc<Connection>)> {
        let mut new = Vec::new();
        while let Some(Ok((stream, peer))) = self.listeners.get(listener).map(TcpListener::accept) {
            self.expire(second);
            let strangers = self.open.values().filter(|open| open.since.is_some()).count();
            if strangers >= STRANGERS || self.open.len() >= MOST {
                let oldest = self.open.iter().filter_map(|(&id, open)| open.since.map(|since| (since, id))).min();
                let Some((_, oldest)) = oldest else { continue };
                self.close(oldest);
            }
            if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_err() {
                continue;
            }
            let connection = Arc::new(Connection { stream, waiting: Mutex::default() });
            let id = self.next;
            self.next += 1;
            let open = Open { connection: Arc::clone(&connection), peer, begun: Vec::new(), since: Some(second) };
            self.open.insert(id, open);
            self.shared.lock().insert(id, Arc::clone(&connection));
            new.push((id, connection));
        }
        new
    }

    /// Reads what a connection brings.
    pub(crate) fn read(&mut self, id: u64, buffer: &mut [u8]) -> Brought {
        let Some(open) = self.open.get_mut(&id) else { return Brought::End };
        let length = match (&open.connection.stream).read(buffer) {
            Ok(0) => return Brought::End,
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(_) => return Brought::End,
        };
        open.begun.extend(&buffer[..length]);
        let mut packets = Vec::new();
        while let Some(&[high, low]) = open.begun.first_chunk::<FRAME>() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if length > MAX_PACKET {
                // Not what is spoken here.
                return Brought::End;
            }
            if open.begun.len() < FRAME + length {
                break;
            }
            packets.push(open.begun[FRAME..FRAME + length].to_vec());
            open.begun.drain(..FRAME + length);
        }
        Brought::Packets(packets)
    }

    /// Returns where a connection comes from.
    pub(super) fn peer(&self, id: u64) -> Option<SocketAddr> {
        self.open.get(&id).map(|open| open.peer)
    }

    /// Somebody proved a password on it.
    pub(super) fn prove(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.since = None;
        }
    }

    /// Closes a connection; the socket goes with the last who holds it.
    pub(crate) fn close(&mut self, id: u64) {
        self.shared.lock().remove(&id);
        if let Some(open) = self.open.remove(&id) {
            let _ = open.connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Closes connections on which nobody proved anything in time.
    pub(super) fn expire(&mut self, second: u64) {
        let late = |open: &Open| open.since.is_some_and(|since| second.saturating_sub(since) > PATIENCE);
        let gone: Vec<u64> = self.open.iter().filter(|(_, open)| late(open)).map(|(&id, _)| id).collect();
        for id in gone {
            self.close(id);
        }
    }
}

impl std::os::fd::AsFd for Connection {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_by_its_name() {
        for id in [1, 77, u64::MAX] {
            assert_eq!(connection_of(name_of(id)), Some(id));
        }
        for address in ["192.0.2.1:9", "[2001:db8::1]:9", "[::1]:9", "[64:ff9b::1]:9"] {
            assert_eq!(connection_of(address.parse().unwrap()), None);
        }
    }
}
