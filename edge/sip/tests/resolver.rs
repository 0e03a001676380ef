//! Names to destinations, against a DNS server of the test's own.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../testkit/src/dns.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the test kit, of which this needs a part")]
mod dns;

use std::net::IpAddr;

use dns::{Dns, Record};
use sip::{Config, Destination, Sip, Target, Transport, Unresolved};

async fn sip(dns: &Dns) -> Sip {
    let config = Config { dns_servers: vec![dns.address()], ..Config::on("127.0.0.1:0".parse().unwrap()) };
    Sip::open(config).await.unwrap().0
}

fn target(host: &str, port: Option<u16>, transport: Option<Transport>) -> Target<'_> {
    Target { host, port, transport }
}

fn shown(found: &[Destination]) -> Vec<String> {
    found.iter().map(|to| format!("{} {}", to.transport, to.addr)).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn server(priority: u16, port: u16, target: &str) -> Record {
    Record::Service { priority, weight: 1, port, target: target.to_owned() }
}

#[tokio::test]
async fn an_address_is_not_asked_for() {
    let dns = Dns::open().await.unwrap();
    let sip = sip(&dns).await;
    for (host, port, transport, found) in [
        ("192.0.2.1", None, None, "udp 192.0.2.1:5060"),
        ("192.0.2.1", None, Some(Transport::Tls), "tls 192.0.2.1:5061"),
        ("[2001:db8::1]", Some(5070), Some(Transport::Tcp), "tcp [2001:db8::1]:5070"),
        ("2001:db8::1", None, Some(Transport::Udp), "udp [2001:db8::1]:5060"),
    ] {
        assert_eq!(shown(&sip.resolve(target(host, port, transport)).await.unwrap()), [found]);
    }
    assert_eq!(dns.asked("192.0.2.1"), 0);
}

#[tokio::test]
async fn a_port_asks_for_addresses_alone() {
    let dns = Dns::open().await.unwrap();
    dns.set_addresses("carrier.example", &[ip("192.0.2.1"), ip("2001:db8::1"), ip("192.0.2.2")]);
    dns.set("_sip._udp.carrier.example", vec![server(1, 5099, "elsewhere.example")]);
    let sip = sip(&dns).await;
    let found = sip.resolve(target("Carrier.example", Some(5070), Some(Transport::Udp))).await.unwrap();
    assert_eq!(shown(&found), ["udp 192.0.2.1:5070", "udp 192.0.2.2:5070", "udp [2001:db8::1]:5070"]);
    assert_eq!(dns.asked("_sip._udp.carrier.example"), 0);
}

#[tokio::test]
async fn a_transport_asks_for_its_servers_in_their_order() {
    let dns = Dns::open().await.unwrap();
    let second = server(20, 5062, "b.carrier.example");
    dns.set("_sip._tcp.carrier.example", vec![second, server(10, 5061, "a.carrier.example")]);
    dns.set_addresses("a.carrier.example", &[ip("192.0.2.1"), ip("192.0.2.2")]);
    dns.set_addresses("b.carrier.example", &[ip("192.0.2.3")]);
    let sip = sip(&dns).await;
    let found = sip.resolve(target("carrier.example", None, Some(Transport::Tcp))).await.unwrap();
    assert_eq!(shown(&found), ["tcp 192.0.2.1:5061", "tcp 192.0.2.2:5061", "tcp 192.0.2.3:5062"]);
    let asked = dns.asked("_sip._tcp.carrier.example");
    sip.resolve(target("carrier.example", None, Some(Transport::Tcp))).await.unwrap();
    assert_eq!(dns.asked("_sip._tcp.carrier.example"), asked, "the second time it is remembered");
}

#[tokio::test]
async fn without_a_transport_the_domain_says_which_it_prefers() {
    let dns = Dns::open().await.unwrap();
    let rule = |order, service: &str, replacement: &str| Record::Rule {
        order,
        preference: 1,
        service: service.to_owned(),
        replacement: replacement.to_owned(),
    };
    let rules = [
        rule(30, "SIP+D2U", "_sip._udp.carrier.example"),
        rule(10, "SIPS+D2T", "_sips._tcp.carrier.example"),
        rule(5, "SIP+D2S", "_sip._sctp.carrier.example"),
    ];
    dns.set("carrier.example", rules.to_vec());
    dns.set("_sips._tcp.carrier.example", vec![server(1, 5061, "a.carrier.example")]);
    dns.set("_sip._udp.carrier.example", vec![server(1, 5060, "a.carrier.example")]);
    dns.set_addresses("a.carrier.example", &[ip("192.0.2.1")]);
    let sip = sip(&dns).await;
    let found = sip.resolve(target("carrier.example", None, None)).await.unwrap();
    assert_eq!(shown(&found), ["tls 192.0.2.1:5061", "udp 192.0.2.1:5060"]);
    assert!(found[0].host.is_some() && found[1].host.is_none(), "TLS knows whose certificate is expected");
}

#[tokio::test]
async fn a_host_without_services_is_reached_at_its_addresses() {
    let dns = Dns::open().await.unwrap();
    dns.set_addresses("plain.example", &[ip("192.0.2.9")]);
    let sip = sip(&dns).await;
    for (transport, found) in [(None, "udp 192.0.2.9:5060"), (Some(Transport::Tls), "tls 192.0.2.9:5061")] {
        assert_eq!(shown(&sip.resolve(target("plain.example", None, transport)).await.unwrap()), [found]);
    }
    let nobody = sip.resolve(target("nobody.example", None, Some(Transport::Udp))).await;
    assert!(matches!(nobody, Err(Unresolved::NoAddress(_))), "{nobody:?}");
}
