//! A network of endpoints and raw peers: seeded loss, duplication and reordering; time moves only when told.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sip_proto::{
    digest::{Algorithm, ha1},
    endpoint::{Command, Config, Destination, Endpoint, Event, Flow, Input, Output, RegisterAnswer, Transport},
    message::{Message, parse},
    session::{Invite, LegCommand, LegEvent, LegEventKind, LegKey, TrustedSource},
};

pub(crate) const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

pub(crate) fn sdp() -> Bytes {
    Bytes::from_static(SDP.as_bytes())
}

pub(crate) fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A small generator of numbers; the same seed gives the same run.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How bad the network is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) twice: u64,
    /// Milliseconds of random delay: what is sent later may arrive earlier.
    pub(crate) jitter: u64,
}

struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    transport: Transport,
    bytes: Bytes,
}

type React<'a> = &'a mut dyn FnMut(&mut Net, SocketAddr, Event);

pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) events: VecDeque<Event>,
}

pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) nodes: BTreeMap<SocketAddr, Node>,
    /// What reached an address without an endpoint.
    pub(crate) raw: BTreeMap<SocketAddr, VecDeque<Message>>,
    /// Everything that was sent: who to whom, and what.
    pub(crate) log: Vec<(SocketAddr, SocketAddr, Message)>,
    pub(crate) keep_log: bool,
    pub(crate) weather: Weather,
    pub(crate) chance: Chance,
    flying: BinaryHeap<Reverse<(Instant, u64)>>,
    packets: BTreeMap<u64, Packet>,
    sent: u64,
    next_leg: u64,
}

impl Net {
    #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Instant::now(),
            nodes: BTreeMap::new(),
            raw: BTreeMap::new(),
            log: Vec::new(),
            keep_log: true,
            weather: Weather::default(),
            chance: Chance::new(seed),
            flying: BinaryHeap::new(),
            packets: BTreeMap::new(),
            sent: 0,
            next_leg: 0,
        }
    }

    /// Adds an endpoint that trusts everybody listed.
    pub(crate) fn add(&mut self, address: &str, trusted: &[&str]) -> SocketAddr {
        let address = self.add_with(address, |_| {});
        let sources = trusted.iter().map(|ip| TrustedSource::from(ip.parse::<std::net::IpAddr>().unwrap())).collect();
        self.input(address, Input::Command(Command::Trust(sources)));
        address
    }

    /// Adds an endpoint that trusts nobody and is configured further.
    pub(crate) fn add_with(&mut self, address: &str, configure: impl FnOnce(&mut Config)) -> SocketAddr {
        let address = at(address);
        let mut seed = [0; 32];
        for byte in &mut seed {
            *byte = self.chance.below(256) as u8;
        }
        let mut config = Config::new(&address.to_string(), seed);
        configure(&mut config);
        let endpoint = Endpoint::new(config, self.now);
        self.nodes.insert(address, Node { endpoint, events: VecDeque::new() });
        address
    }

    /// Two endpoints that trust each other.
    pub(crate) fn pair(seed: u64) -> (Self, SocketAddr, SocketAddr) {
        let mut net = Self::new(seed);
        let caller = net.add("10.0.0.1:5060", &["10.0.0.2", "10.0.0.9"]);
        let callee = net.add("10.0.0.2:5060", &["10.0.0.1", "10.0.0.9"]);
        (net, caller, callee)
    }

    pub(crate) fn input(&mut self, node: SocketAddr, input: Input) {
        let now = self.now;
        self.nodes.get_mut(&node).unwrap().endpoint.handle(input, now);
        self.collect();
    }

    pub(crate) fn command(&mut self, node: SocketAddr, leg: LegKey, command: LegCommand) {
        self.input(node, Input::Command(Command::Leg { leg, command }));
    }

    pub(crate) fn leg_key(&mut self) -> LegKey {
        self.next_leg += 2;
        LegKey(self.next_leg)
    }

    pub(crate) fn invite(&mut self, from: SocketAddr, to: SocketAddr) -> LegKey {
        let mut invite = Invite::new(format!("sip:200@{to}"), Destination::udp(to), "100", "example.com");
        invite.sdp = Some(sdp());
        self.invite_with(from, invite)
    }

    pub(crate) fn invite_with(&mut self, from: SocketAddr, invite: Invite) -> LegKey {
        let leg = self.leg_key();
        self.input(from, Input::Command(Command::Invite { leg, invite: Box::new(invite) }));
        leg
    }

    /// Sends bytes from an address without an endpoint.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: impl Into<Bytes>) {
        self.put(Packet { from, to, transport: Transport::Udp, bytes: bytes.into() });
    }

    /// Takes the next message that reached a raw address.
    pub(crate) fn heard(&mut self, address: SocketAddr) -> Option<Message> {
        self.raw.get_mut(&address)?.pop_front()
    }

    pub(crate) fn statuses(&mut self, address: SocketAddr) -> Vec<u16> {
        self.raw.remove(&address).unwrap_or_default().iter().filter_map(Message::status).collect()
    }

    pub(crate) fn load(&self, node: SocketAddr) -> (usize, usize) {
        let load = self.nodes[&node].endpoint.load();
        (load.legs, load.transactions)
    }

    /// Takes the events of one leg.
    pub(crate) fn leg_events(&mut self, node: SocketAddr, key: LegKey) -> Vec<LegEventKind> {
        let events = &mut self.nodes.get_mut(&node).unwrap().events;
        let (of_leg, others): (Vec<Event>, Vec<Event>) =
            events.drain(..).partition(|event| matches!(event, Event::Leg(LegEvent { leg, .. }) if *leg == key));
        events.extend(others);
        of_leg
            .into_iter()
            .filter_map(|event| if let Event::Leg(LegEvent { kind, .. }) = event { Some(kind) } else { None })
            .collect()
    }

    /// Takes the next incoming call.
    pub(crate) fn incoming(&mut self, node: SocketAddr) -> Option<sip_proto::session::IncomingInvite> {
        let events = &mut self.nodes.get_mut(&node).unwrap().events;
        let place = events.iter().position(|event| matches!(event, Event::Incoming(_)))?;
        match events.remove(place) {
            Some(Event::Incoming(incoming)) => Some(*incoming),
            _ => None,
        }
    }

    /// Sets a call up and returns both legs.
    pub(crate) fn connect(&mut self, caller: SocketAddr, callee: SocketAddr) -> (LegKey, LegKey) {
        let ours = self.invite(caller, callee);
        self.pass(100);
        let theirs = self.incoming(callee).unwrap().leg;
        self.command(callee, theirs, LegCommand::Answer { sdp: sdp() });
        self.pass(100);
        assert!(matches!(self.leg_events(caller, ours).last(), Some(LegEventKind::Answered { .. })));
        assert_eq!(self.leg_events(callee, theirs), [LegEventKind::Confirmed { sdp: None }]);
        (ours, theirs)
    }

    /// Lets milliseconds pass.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.run(milliseconds, None);
    }

    /// Lets milliseconds pass; `react` is asked about every event and gives it back by leaving it in the node.
    pub(crate) fn pass_with(&mut self, milliseconds: u64, mut react: impl FnMut(&mut Self, SocketAddr, Event)) {
        self.run(milliseconds, Some(&mut react));
    }

    fn run(&mut self, milliseconds: u64, mut react: Option<React<'_>>) {
        let end = self.now + Duration::from_millis(milliseconds);
        loop {
            self.collect();
            if let Some(react) = &mut react {
                self.react(react);
            }
            let timeout = self.nodes.values().filter_map(|node| node.endpoint.next_timeout()).min();
            let packet = self.flying.peek().map(|Reverse((at, _))| *at);
            let Some(next) = [timeout, packet].into_iter().flatten().min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some(Reverse((at, number))) = self.flying.peek().copied() {
                if at > self.now {
                    break;
                }
                self.flying.pop();
                let packet = self.packets.remove(&number).unwrap();
                self.deliver(packet);
            }
            let now = self.now;
            for node in self.nodes.values_mut() {
                node.endpoint.handle_timeout(now);
            }
        }
        self.now = end;
    }

    fn react(&mut self, react: React<'_>) {
        let addresses: Vec<SocketAddr> = self.nodes.keys().copied().collect();
        for address in addresses {
            while let Some(event) = self.nodes.get_mut(&address).unwrap().events.pop_front() {
                react(self, address, event);
                self.collect();
            }
        }
    }

    fn deliver(&mut self, packet: Packet) {
        let Packet { from, to, transport, bytes } = packet;
        match self.nodes.get_mut(&to) {
            Some(node) => {
                let flow = Flow { transport, id: if transport == Transport::Udp { 0 } else { 7 }, peer: from };
                node.endpoint.handle(Input::Received { flow, bytes }, self.now);
                self.collect();
            }
            None => self.raw.entry(to).or_default().push_back(parse(bytes).unwrap()),
        }
    }

    /// Takes what the endpoints want done.
    fn collect(&mut self) {
        let addresses: Vec<SocketAddr> = self.nodes.keys().copied().collect();
        for from in addresses {
            while let Some(output) = self.nodes.get_mut(&from).unwrap().endpoint.poll() {
                match output {
                    Output::Event(event) => self.nodes.get_mut(&from).unwrap().events.push_back(event),
                    Output::Send { to, bytes } => {
                        if self.keep_log {
                            self.log.push((from, to.addr, parse(Bytes::copy_from_slice(&bytes)).unwrap()));
                        }
                        let bytes = Bytes::copy_from_slice(&bytes);
                        self.put(Packet { from, to: to.addr, transport: to.transport, bytes });
                    }
                }
            }
        }
    }

    fn put(&mut self, packet: Packet) {
        let reliable = packet.transport.is_reliable();
        if !reliable && self.chance.percent(self.weather.loss) {
            return;
        }
        let copies = if !reliable && self.chance.percent(self.weather.twice) { 2 } else { 1 };
        for _ in 0..copies {
            let jitter = if reliable { 0 } else { self.chance.below(self.weather.jitter + 1) };
            let at = self.now + Duration::from_millis(1 + jitter);
            self.sent += 1;
            self.flying.push(Reverse((at, self.sent)));
            let Packet { from, to, transport, ref bytes } = packet;
            self.packets.insert(self.sent, Packet { from, to, transport, bytes: bytes.clone() });
        }
    }
}

/// Answers REGISTER for user 100 with the password `secret`.
pub(crate) fn registrar(net: &mut Net, node: SocketAddr, event: Event) {
    if let Event::Register(register) = event {
        let login = register.credentials.as_ref().unwrap();
        let secret = ha1(Algorithm::Md5, "100", login.realm(), "secret");
        let answer = if login.username() == "100" && login.verify("REGISTER", &secret) {
            let bindings = register.contacts.iter().map(|c| (c.uri.clone(), register.expires.unwrap_or(60)));
            RegisterAnswer::Accept(bindings.collect())
        } else {
            RegisterAnswer::Challenge
        };
        net.input(node, Input::Command(Command::Register { request: register.request, answer }));
    }
}
