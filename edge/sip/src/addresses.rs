//! Our own addresses as others see them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sip_proto::endpoint::Hosts;

use crate::{Transport, connections::Local};

/// Returns what Via and Contact say: for peers of each family the first listener of that family.
pub(crate) fn hosts(local: &Local, external: &[IpAddr]) -> Hosts {
    let mut hosts = Hosts::default();
    for is_v6 in [false, true] {
        let of_family = |address: &&(Transport, SocketAddr)| address.1.is_ipv6() == is_v6;
        let Some((_, first)) = local.iter().find(of_family) else { continue };
        let host =
            external.iter().copied().find(|external| external.is_ipv6() == is_v6).unwrap_or_else(|| reachable(*first));
        for transport in Transport::ALL {
            let listener = local.iter().filter(of_family).find(|(its, _)| *its == transport);
            let port = listener.map_or_else(|| transport.default_port(), |(_, address)| address.port());
            hosts.set(transport, is_v6, SocketAddr::new(host, port).to_string());
        }
    }
    if local.is_empty() {
        let host = external.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        return Hosts::all(&SocketAddr::new(host, Transport::Udp.default_port()).to_string());
    }
    hosts
}

/// Returns the address that peers reach: that of the listener, or of the default route if it listens everywhere.
fn reachable(listener: SocketAddr) -> IpAddr {
    if !listener.ip().is_unspecified() {
        return listener.ip();
    }
    let (outside, nobody): (_, IpAddr) = match listener {
        SocketAddr::V4(_) => ("192.0.2.1:9", Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(_) => ("[2001:db8::1]:9", Ipv6Addr::LOCALHOST.into()),
    };
    // Connecting a UDP socket sends nothing; it only asks the kernel for the route.
    let routed = std::net::UdpSocket::bind((listener.ip(), 0)).and_then(|socket| {
        socket.connect(outside)?;
        socket.local_addr()
    });
    routed.map_or(nobody, |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_reads_its_own_listener() {
        let at = |transport, address: &str| (transport, address.parse().unwrap());
        let local = vec![
            at(Transport::Udp, "192.0.2.7:5070"),
            at(Transport::Udp, "[2001:db8::7]:5080"),
            at(Transport::Tls, "192.0.2.7:5071"),
        ];
        let hosts = hosts(&local, &["203.0.113.1".parse().unwrap()]);
        for (transport, peer, host) in [
            (Transport::Udp, "198.51.100.1:1", "203.0.113.1:5070"),
            (Transport::Tls, "198.51.100.1:1", "203.0.113.1:5071"),
            (Transport::Tcp, "198.51.100.1:1", "203.0.113.1:5060"),
            (Transport::Udp, "[2001:db8::1]:1", "[2001:db8::7]:5080"),
            (Transport::Tls, "[2001:db8::1]:1", "[2001:db8::7]:5061"),
        ] {
            assert_eq!(hosts.of(transport, peer.parse().unwrap()), host, "{transport} {peer}");
        }
    }
}
