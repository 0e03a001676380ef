//! Names to destinations (RFC 3263): NAPTR, SRV with weights, A and AAAA.
//!
//! Names are asked for by whoever wants to send; the endpoint's task never waits for one.

mod order;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::{RData, RecordType},
};
use tokio::time::{Instant, timeout};

use self::order::{Rule, Server};
use crate::{Destination, Transport, transport::tls::Names};

/// The longest wait for all answers about one host.
const PATIENCE: Duration = Duration::from_secs(5);
/// The wait for one answer of one DNS server, and how often it is asked.
const ASK: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
/// Answers of DNS that are remembered for as long as they say.
const CACHE: u64 = 4_096;
/// Destinations of one host; more are not tried.
const MOST: usize = 16;
/// Rules and servers of one host that are looked at.
const RECORDS: usize = 16;
/// Hosts whose last destinations are remembered for a time without DNS, and how long.
const LAST_KNOWN: usize = 1_024;
const LAST_KNOWN_FOR: Duration = Duration::from_secs(3_600);

/// Whom to reach: the host part of a SIP URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target<'a> {
    /// A name, or an address; an IPv6 one with or without brackets.
    pub host: &'a str,
    pub port: Option<u16>,
    /// If absent, DNS says it: by NAPTR, else by SRV, else it is UDP.
    pub transport: Option<Transport>,
}

/// Why a host cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    #[error("{0} has no address")]
    NoAddress(String),
    #[error("DNS did not answer for {0}")]
    Silent(String),
}

/// Asks DNS. Clones share the cache.
#[derive(Clone)]
pub(crate) struct Resolver {
    dns: Option<TokioResolver>,
    names: Names,
    last: Arc<Mutex<HashMap<Asked, Known>>>,
}

type Asked = (String, Option<u16>, Option<Transport>);
type Known = (Vec<Destination>, Instant);

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// Asks the host's DNS servers, or the given ones.
    pub(crate) fn open(servers: &[SocketAddr], names: Names) -> Self {
        let builder = if servers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        };
        let dns = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            (options.timeout, options.attempts, options.cache_size) = (ASK, ATTEMPTS, CACHE);
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.build()
        });
        let dns = dns.inspect_err(|error| tracing::warn!(%error, "no DNS: trunks need addresses instead of names"));
        Self { dns: dns.ok(), names, last: Arc::default() }
    }

    /// Returns where to send, in the order in which it is to be tried.
    pub(crate) async fn resolve(&self, target: Target<'_>) -> Result<Vec<Destination>, Unresolved> {
        let host = target.host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        if let Ok(ip) = host.parse::<IpAddr>() {
            let transport = target.transport.unwrap_or(Transport::Udp);
            let port = target.port.unwrap_or_else(|| transport.default_port());
            return Ok(vec![Destination::new(SocketAddr::new(ip, port), transport)]);
        }
        let asked: Asked = (host.to_ascii_lowercase(), target.port, target.transport);
        match timeout(PATIENCE, self.look_up(host, target)).await {
            Ok(found) if !found.is_empty() => {
                self.remember(asked, &found);
                Ok(found)
            }
            outcome => {
                let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                match last.get(&asked).filter(|(_, at)| at.elapsed() < LAST_KNOWN_FOR) {
                    // Calls go on while DNS is away.
                    Some((known, _)) => Ok(known.clone()),
                    None if outcome.is_ok() => Err(Unresolved::NoAddress(host.to_owned())),
                    None => Err(Unresolved::Silent(host.to_owned())),
                }
            }
        }
    }

    async fn look_up(&self, host: &str, target: Target<'_>) -> Vec<Destination> {
        let mut found = Vec::new();
        if let Some(port) = target.port {
            // A port of its own: neither NAPTR nor SRV is asked (RFC 3263 §4.1, §4.2).
            self.addresses(host, port, target.transport.unwrap_or(Transport::Udp), host, &mut found).await;
            return found;
        }
        let services: Vec<(Transport, String)> = match target.transport {
            Some(transport) => vec![(transport, order::service(transport, host))],
            None => match self.rules(host).await {
                rules if rules.is_empty() => [Transport::Udp, Transport::Tcp, Transport::Tls]
                    .map(|transport| (transport, order::service(transport, host)))
                    .to_vec(),
                rules => rules.into_iter().map(|rule| (rule.transport, rule.replacement)).collect(),
            },
        };
        for (transport, service) in services {
            for server in self.servers(&service).await {
                if found.len() < MOST {
                    self.addresses(&server.target, server.port, transport, host, &mut found).await;
                }
            }
        }
        if found.is_empty() {
            let transport = target.transport.unwrap_or(Transport::Udp);
            self.addresses(host, transport.default_port(), transport, host, &mut found).await;
        }
        found
    }

    /// Adds the addresses of a server. By TLS its certificate has to bear the name that was asked for, not the server's
    /// own (RFC 5922 §4).
    async fn addresses(&self, server: &str, port: u16, transport: Transport, host: &str, found: &mut Vec<Destination>) {
        let Some(dns) = &self.dns else { return };
        let Ok(answer) = dns.lookup_ip(absolute(server)).await else { return };
        let host = if transport.is_secure() { self.names.key(host) } else { None };
        if transport.is_secure() && host.is_none() {
            return;
        }
        for ip in answer.iter() {
            let to = Destination { host, ..Destination::new(SocketAddr::new(ip, port), transport) };
            if found.len() < MOST && !found.contains(&to) {
                found.push(to);
            }
        }
    }

    async fn rules(&self, host: &str) -> Vec<Rule> {
        let Some(dns) = &self.dns else { return Vec::new() };
        let Ok(answer) = dns.lookup(absolute(host), RecordType::NAPTR).await else { return Vec::new() };
        let rules = answer.answers().iter().filter_map(|record| match &record.data {
            RData::NAPTR(rule) if rule.flags.eq_ignore_ascii_case(b"s") && rule.regexp.is_empty() => Some(Rule {
                order: rule.order,
                preference: rule.preference,
                transport: order::transport_of(&rule.services)?,
                replacement: rule.replacement.to_string(),
            }),
            _ => None,
        });
        order::rules(rules.take(RECORDS).collect())
    }

    async fn servers(&self, service: &str) -> Vec<Server> {
        let Some(dns) = &self.dns else { return Vec::new() };
        let Ok(answer) = dns.lookup(absolute(service), RecordType::SRV).await else { return Vec::new() };
        let servers = answer.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(server) => Some(Server {
                priority: server.priority,
                weight: server.weight,
                port: server.port,
                // A single dot says that there is no such service: it has no address either.
                target: server.target.to_string(),
            }),
            _ => None,
        });
        order::servers(servers.take(RECORDS).collect(), |most| rand::random_range(0..=most))
    }

    fn remember(&self, asked: Asked, found: &[Destination]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= LAST_KNOWN && !last.contains_key(&asked) {
            last.retain(|_, (_, at)| at.elapsed() < LAST_KNOWN_FOR);
            if last.len() >= LAST_KNOWN {
                return;
            }
        }
        last.insert(asked, (found.to_vec(), Instant::now()));
    }
}

/// A name as it is: the host's search domains are for people.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let on_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(on_port).to_vec();
    NameServerConfig::new(address.ip(), true, connections)
}
