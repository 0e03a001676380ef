//! Transactions in their slots, the timers and the way out.

mod again;
mod client;
mod server;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use slab::Slab;

pub(crate) use self::client::{Ended, Heard, Moved, Outgoing};
use self::{client::ClientSlot, server::ServerSlot};
use super::{
    config::Config,
    flow::{Destination, Flow, Transport},
    ids::Ids,
    io::{Event, Output},
};
use crate::{
    message::{Message, Wire},
    session::{LegEvent, TrustedSource},
    timers::Timers,
};

/// A slot and its generation: a slot that was used again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Who waits for the responses to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Leg(Slot, LegRequest),
    OutOfDialog(u64),
    /// A NOTIFY of a subscription.
    Subscription(Slot),
    /// The response matters only to the transaction: BYE, CANCEL.
    Nobody,
}

/// Which of its requests a leg hears about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegRequest {
    Invite,
    Reinvite,
    /// An UPDATE with an offer.
    Update,
    /// An UPDATE without one: a sign of life.
    Refresh,
    Refer,
    /// INFO, NOTIFY and PRACK: whatever is answered, nothing follows from it.
    News,
}

/// Who answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerUser {
    Leg(Slot),
    Register,
    Subscribe,
    Nobody,
}

/// Keys are keyed hashes already.
#[derive(Default)]
pub(crate) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*chunk);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

pub(crate) type Keyed<V> = HashMap<u64, V, BuildHasherDefault<Ready>>;

/// Everything below the legs.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) ids: Ids,
    pub(crate) timers: Timers,
    pub(crate) out: VecDeque<Output>,
    clients: Slab<ClientSlot>,
    servers: Slab<ServerSlot>,
    keys: Keyed<u32>,
    merged: Keyed<u64>,
    /// Flows that carried requests of ours: closing another one ends nothing.
    used_flows: HashSet<u64>,
    pub(crate) trusted: HashSet<TrustedSource>,
    /// Domains in lower case whose realm is their own name.
    pub(crate) domains: HashSet<String>,
    /// Our Contact for peers with IPv4 and with IPv6 addresses, by transport.
    contacts: [[Arc<str>; 5]; 2],
    agent: Arc<str>,
    generation: u32,
}

impl Core {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            ids: Ids::new(config.seed),
            contacts: [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)].map(|family| {
                let host = |transport| config.hosts.of(transport, SocketAddr::new(family, 0));
                Transport::ALL.map(|transport| format!("<sip:{}{}>", host(transport), transport.parameter()).into())
            }),
            agent: config.user_agent.as_str().into(),
            config,
            timers: Timers::default(),
            out: VecDeque::new(),
            clients: Slab::new(),
            servers: Slab::new(),
            keys: Keyed::default(),
            merged: Keyed::default(),
            used_flows: HashSet::new(),
            trusted: HashSet::new(),
            domains: HashSet::new(),
            generation: 0,
        }
    }

    pub(crate) fn send(&mut self, to: Destination, bytes: Wire) {
        self.out.push_back(Output::Send { to, bytes });
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    pub(crate) fn leg_event(&mut self, event: LegEvent) {
        self.event(Event::Leg(event));
    }

    pub(crate) fn next_generation(&mut self) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        self.generation
    }

    /// Returns our `host:port` for Via, as it is seen from there.
    pub(crate) fn host(&self, to: Destination) -> &str {
        self.config.hosts.of(to.transport, to.addr)
    }

    /// Returns our Contact for a dialog with a peer there.
    pub(crate) fn contact(&self, to: Destination) -> Arc<str> {
        let [v4, v6] = &self.contacts;
        let [udp, tcp, tls, ws, wss] = if to.addr.ip().to_canonical().is_ipv6() { v6 } else { v4 };
        Arc::clone(match to.transport {
            Transport::Udp => udp,
            Transport::Tcp => tcp,
            Transport::Tls => tls,
            Transport::Ws => ws,
            Transport::Wss => wss,
        })
    }

    /// Returns the value of User-Agent and Server.
    pub(crate) fn agent(&self) -> Arc<str> {
        Arc::clone(&self.agent)
    }

    pub(crate) fn is_trusted(&self, flow: &Flow) -> bool {
        let ip = flow.peer.ip().to_canonical();
        self.trusted.contains(&TrustedSource { ip, port: None })
            || self.trusted.contains(&TrustedSource { ip, port: Some(flow.peer.port()) })
    }

    pub(crate) fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Returns whether no further transaction may begin.
    pub(crate) fn is_full(&self) -> bool {
        self.transactions() >= self.config.max_transactions
    }
}

/// Where responses go (RFC 3261 §18.2.2, RFC 3581): the source, at the Via's port if `rport` is not asked for.
pub(crate) fn reply_to(flow: Flow, request: &Message) -> Destination {
    let mut to = Destination::from(flow);
    if flow.transport == Transport::Udp
        && let Some(via) = request.via()
        && !via.wants_rport()
    {
        to.addr.set_port(via.port().unwrap_or(5060));
    }
    to
}

/// Compares addresses, an IPv4 one inside of IPv6 included.
pub(crate) fn same_ip(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}
