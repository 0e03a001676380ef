use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Weak};

use super::stun::Check;
use super::tcp::{Inlet, connection_of, name_of};
use super::{Credentials, NAME, Sockets, WebRtcPort};

/// Addresses that one leg is reached from; the oldest goes for a new one. A browser has one for each of its networks.
const ADDRESSES: usize = 16;
/// Names that one leg answers to: that of now and that of before the last restart.
const NAMES: usize = 2;
/// Checks of one leg that are answered in a second: a browser makes some fifty at first and one in two seconds later.
const CHECKS: u32 = 200;
/// What stands before a packet that is brought to a leg on another thread.
pub(super) const LABEL: usize = 20;

/// Who is reached through the port of one media thread, and how.
pub(crate) struct Desk {
    sockets: Arc<Sockets>,
    places: HashMap<u64, Place>,
    names: HashMap<[u8; NAME], u64>,
    addresses: HashMap<SocketAddr, u64>,
    /// Far ends that came by TCP.
    pub(crate) inlet: Inlet,
    /// Packets for nobody since this was last asked.
    strangers: u64,
}

struct Place {
    owner: Owner,
    /// The newest last.
    names: Vec<Credentials>,
    /// The latest proved last.
    addresses: Vec<SocketAddr>,
    /// The second, and the checks in it.
    checks: (u64, u32),
}

enum Owner {
    /// A leg of this thread.
    Leg(usize),
    /// A leg that was moved; it takes its packets out of the other end, while it lives.
    Away(UnixDatagram, Weak<()>),
}

/// What a packet means for a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// DTLS, RTP or RTCP from a proved address.
    Packet,
    /// The address has just been proved, and maybe chosen.
    Check { nominates: bool },
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// To a leg of this thread.
    Leg(usize, Ready),
    /// It was sent on, answered or dropped.
    Done,
}

impl Desk {
    pub(crate) fn new(port: &WebRtcPort, inlet: Inlet) -> Self {
        Self {
            sockets: Arc::clone(&port.sockets),
            places: HashMap::new(),
            names: HashMap::new(),
            addresses: HashMap::new(),
            inlet,
            strangers: 0,
        }
    }

    pub(crate) fn sockets(&self) -> &Arc<Sockets> {
        &self.sockets
    }

    /// Gives a leg of this thread its place.
    pub(crate) fn add(&mut self, place: u64, credentials: Credentials, leg: usize) {
        let new = Place { owner: Owner::Leg(leg), names: Vec::new(), addresses: Vec::new(), checks: (0, 0) };
        self.places.insert(place, new);
        self.rename(place, credentials);
    }

    /// Has a leg answer to another name as well (RFC 8445 §9: a restart of ICE); the one before is forgotten with the
    /// next.
    pub(crate) fn rename(&mut self, place: u64, credentials: Credentials) {
        let Some(found) = self.places.get_mut(&place) else { return };
        if found.names.len() == NAMES {
            let old = found.names.remove(0);
            self.names.remove(&old.name);
        }
        self.names.insert(credentials.name, place);
        found.names.push(credentials);
    }

    pub(crate) fn remove(&mut self, place: u64) {
        let Some(gone) = self.places.remove(&place) else { return };
        for known in gone.names {
            self.names.remove(&known.name);
        }
        for address in gone.addresses {
            self.addresses.remove(&address);
            if let Some(connection) = connection_of(address) {
                self.inlet.close(connection);
            }
        }
    }

    /// A connection is over.
    pub(crate) fn hang_up(&mut self, connection: u64) {
        self.inlet.close(connection);
        let name = name_of(connection);
        if let Some(place) = self.addresses.remove(&name).and_then(|place| self.places.get_mut(&place)) {
            place.addresses.retain(|known| *known != name);
        }
    }

    /// Finds whom a packet is for that a connection brought.
    pub(crate) fn find_by_tcp(&mut self, packet: &[u8], connection: u64, second: u64) -> (Found, SocketAddr) {
        let name = name_of(connection);
        (self.find(packet, name, second), name)
    }

    /// A leg leaves the thread: returns where it finds its packets from now on.
    pub(crate) fn send_away(&mut self, place: u64, alive: &Arc<()>) -> Option<UnixDatagram> {
        let found = self.places.get_mut(&place)?;
        let pair = UnixDatagram::pair().and_then(|(here, there)| {
            here.set_nonblocking(true)?;
            there.set_nonblocking(true)?;
            Ok((here, there))
        });
        match pair {
            Ok((here, there)) => {
                found.owner = Owner::Away(here, Arc::downgrade(alive));
                Some(there)
            }
            Err(error) => {
                tracing::error!(%error, "a WebRTC leg cannot be moved");
                self.remove(place);
                None
            }
        }
    }

    /// A leg is back.
    pub(crate) fn settle(&mut self, place: u64, leg: usize) {
        if let Some(found) = self.places.get_mut(&place) {
            found.owner = Owner::Leg(leg);
        }
    }

    /// Forgets legs that ended elsewhere; returns how many packets were for nobody.
    pub(crate) fn tidy(&mut self, second: u64) -> u64 {
        self.inlet.expire(second);
        let over = |place: &Place| matches!(&place.owner, Owner::Away(_, alive) if alive.strong_count() == 0);
        let gone: Vec<u64> = self.places.iter().filter(|(_, place)| over(place)).map(|(&key, _)| key).collect();
        for place in gone {
            self.remove(place);
        }
        std::mem::take(&mut self.strangers)
    }

    /// Finds whom a packet is for that came by UDP. `second` counts seconds.
    pub(crate) fn find_by_udp(&mut self, packet: &[u8], source: SocketAddr, second: u64) -> Found {
        if connection_of(source).is_some() {
            // Nobody is at such an address: it is forged.
            self.strangers += 1;
            return Found::Done;
        }
        self.find(packet, source, second)
    }

    /// RFC 7983 tells the protocols apart.
    fn find(&mut self, packet: &[u8], source: SocketAddr, second: u64) -> Found {
        let found = match packet.first() {
            Some(0..=3) => self.check(packet, source, second),
            Some(20..=63 | 128..=191) => self.addresses.get(&source).map(|&place| (place, Ready::Packet)),
            _ => None,
        };
        let Some((key, ready)) = found else {
            self.strangers += 1;
            return Found::Done;
        };
        match self.places.get(&key).map(|place| &place.owner) {
            Some(Owner::Leg(leg)) => Found::Leg(*leg, ready),
            Some(Owner::Away(socket, _)) => {
                // A leg that does not fetch its packets loses them, as at any other socket.
                let _ = socket.send(&[&label(source, ready)[..], packet].concat());
                Found::Done
            }
            None => Found::Done,
        }
    }

    /// Answers a check of somebody who proves a password; nobody else hears from us.
    fn check(&mut self, packet: &[u8], source: SocketAddr, second: u64) -> Option<(u64, Ready)> {
        let check = Check::parse(packet)?;
        let name: [u8; NAME] = check.for_whom.try_into().ok()?;
        let key = *self.names.get(&name)?;
        let place = self.places.get_mut(&key)?;
        place.checks = if place.checks.0 == second { (second, place.checks.1.saturating_add(1)) } else { (second, 1) };
        if place.checks.1 > CHECKS {
            return None;
        }
        let known = place.names.iter().find(|known| known.name == name)?;
        if !check.proves(&known.password) {
            return None;
        }
        let connection = connection_of(source);
        let seen_from = connection.and_then(|connection| self.inlet.peer(connection)).unwrap_or(source);
        self.sockets.send(&check.answer(seen_from, &known.password), source);
        if let Some(connection) = connection {
            self.inlet.prove(connection);
        }
        if !check.is_agreed() {
            return None;
        }
        if place.addresses.last() != Some(&source) {
            place.addresses.retain(|known| *known != source);
            if place.addresses.len() == ADDRESSES {
                let oldest = place.addresses.remove(0);
                self.addresses.remove(&oldest);
            }
            place.addresses.push(source);
            // Two legs of one browser never share an address: the later one is who is there now.
            if let Some(other) = self.addresses.insert(source, key).filter(|other| *other != key)
                && let Some(other) = self.places.get_mut(&other)
            {
                other.addresses.retain(|known| *known != source);
            }
        }
        Some((key, Ready::Check { nominates: check.nominates }))
    }
}

/// Returns what stands before a packet that is brought to another thread.
fn label(source: SocketAddr, ready: Ready) -> [u8; LABEL] {
    let mut label = [0; LABEL];
    label[0] = match ready {
        Ready::Packet => 0,
        Ready::Check { nominates: false } => 1,
        Ready::Check { nominates: true } => 2,
    };
    label[1] = u8::from(source.is_ipv6());
    label[2..4].copy_from_slice(&source.port().to_be_bytes());
    let ip = match source.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    label[4..].copy_from_slice(&ip.octets());
    label
}

/// Reads it again.
pub(super) fn read_label(label: &[u8; LABEL]) -> (SocketAddr, Ready) {
    let [kind, v6, a, b, ip @ ..] = *label;
    let ip = Ipv6Addr::from(ip);
    let ip = if v6 == 1 { IpAddr::V6(ip) } else { IpAddr::V6(ip).to_canonical() };
    let ready = match kind {
        0 => Ready::Packet,
        kind => Ready::Check { nominates: kind == 2 },
    };
    (SocketAddr::new(ip, u16::from_be_bytes([a, b])), ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_a_packet_is_read_again() {
        for source in ["192.0.2.1:4000", "[2001:db8::1]:5000", "[::ffff:192.0.2.1]:6000"] {
            let source: SocketAddr = source.parse().unwrap();
            for ready in [Ready::Packet, Ready::Check { nominates: false }, Ready::Check { nominates: true }] {
                assert_eq!(read_label(&label(source, ready)), (source, ready));
            }
        }
    }
}
