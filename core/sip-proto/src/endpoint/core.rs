//! Transactions in their slots, the timers and the way out.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use slab::Slab;

use super::{
    config::{Config, MAX_CHALLENGES},
    flow::{Destination, Flow, Transport},
    ids::{Ids, Token},
    io::{Event, Output},
};
use crate::{
    message::{Message, Method, Name, RequestBuilder, ResponseBuilder, parse},
    session::{LegEvent, TrunkCredentials, TrustedSource},
    timers::{Timer, Timers},
    transaction::{Client, Kind, Server, client, server},
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
    /// The response matters only to the transaction: BYE, CANCEL.
    Nobody,
}

/// Which of its requests a leg hears about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegRequest {
    Invite,
    Reinvite,
    Info,
}

/// Who answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerUser {
    Leg(Slot),
    Register,
    Nobody,
}

pub(crate) struct ClientSlot {
    machine: Client,
    generation: u32,
    random: u128,
    armed: Option<Instant>,
    pub(crate) to: Destination,
    pub(crate) method: Method,
    /// The request while it may be sent again, then the ACK.
    pub(crate) bytes: Bytes,
    pub(crate) user: User,
    credentials: Option<Arc<TrunkCredentials>>,
    challenges: u8,
    /// The CANCEL of this INVITE: it has the same branch.
    cancel: Option<u32>,
    /// Hashes of the To tags whose 2xx were acknowledged; the first one is the call.
    pub(crate) accepted: Vec<u64>,
}

pub(crate) struct ServerSlot {
    pub(crate) machine: Server,
    generation: u32,
    key: u64,
    merged: u64,
    armed: Option<Instant>,
    pub(crate) flow: Flow,
    pub(crate) reply_to: Destination,
    /// The last response.
    response: Bytes,
    pub(crate) user: ServerUser,
    /// Kept until the final response.
    pub(crate) request: Option<Message>,
}

/// A new request and what belongs to its transaction.
pub(crate) struct Outgoing {
    pub(crate) token: Token,
    pub(crate) method: Method,
    pub(crate) message: Message,
    pub(crate) to: Destination,
    pub(crate) user: User,
    pub(crate) credentials: Option<Arc<TrunkCredentials>>,
}

/// What became of a response.
pub(crate) enum Heard {
    Nothing,
    Pass { client: u32, user: User },
    /// The request was sent again with credentials; the user notes slot and CSeq.
    Retried { user: User, client: u32, cseq: u32 },
}

/// What became of a deadline of a client transaction.
pub(crate) enum Ended {
    Nothing,
    TimedOut(User),
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
    generation: u32,
}

impl Core {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            ids: Ids::new(config.seed),
            config,
            timers: Timers::default(),
            out: VecDeque::new(),
            clients: Slab::new(),
            servers: Slab::new(),
            keys: Keyed::default(),
            merged: Keyed::default(),
            used_flows: HashSet::new(),
            trusted: HashSet::new(),
            generation: 0,
        }
    }

    pub(crate) fn send(&mut self, to: Destination, bytes: Bytes) {
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

    /// Returns `host:port` for Via and Contact.
    pub(crate) fn host(&self, transport: Transport) -> &str {
        match transport {
            Transport::Udp => &self.config.udp_host,
            Transport::Tcp => &self.config.tcp_host,
        }
    }

    /// Returns our Contact for a dialog over this transport.
    pub(crate) fn contact(&self, transport: Transport) -> String {
        match transport {
            Transport::Udp => format!("<sip:{}>", self.config.udp_host),
            Transport::Tcp => format!("<sip:{};transport=tcp>", self.config.tcp_host),
        }
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

    // Client transactions.

    /// Returns the token of the next client transaction; its branch goes into the request.
    pub(crate) fn client_token(&mut self) -> Token {
        let slot = u32::try_from(self.clients.vacant_key()).unwrap_or(u32::MAX);
        Token { random: self.ids.random128(), slot }
    }

    /// Starts a request with Via and Max-Forwards.
    pub(crate) fn begin(&self, method: &Method, uri: &str, token: Token, to: Destination, hops: u8) -> RequestBuilder {
        RequestBuilder::new(method, uri)
            .via(to.transport.token(), self.host(to.transport), &self.ids.branch(token))
            .header(Name::MaxForwards, hops)
    }

    /// Sends a request and waits for its responses.
    pub(crate) fn start(&mut self, request: Outgoing, now: Instant) -> u32 {
        let Outgoing { token, method, message, to, user, credentials } = request;
        let kind = if method == Method::Invite { Kind::Invite } else { Kind::Other };
        let machine = Client::new(kind, to.transport.is_reliable(), &self.config.timings, now);
        let bytes = message.bytes().clone();
        self.send(to, bytes.clone());
        if let Some(flow) = to.flow.filter(|flow| flow.transport.is_reliable()) {
            self.used_flows.insert(flow.id);
        }
        let generation = self.next_generation();
        let index = self.clients.insert(ClientSlot {
            machine,
            generation,
            random: token.random,
            armed: None,
            to,
            method,
            bytes,
            user,
            credentials,
            challenges: 0,
            cancel: None,
            accepted: Vec::new(),
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.arm_client(index);
        index
    }

    pub(crate) fn client(&mut self, index: u32) -> Option<&mut ClientSlot> {
        self.clients.get_mut(usize::try_from(index).ok()?)
    }

    /// Returns whether a token of ours names a client transaction that lives: what carries it came from us.
    pub(crate) fn is_ours(&self, branch: &str) -> bool {
        self.ids.parse_branch(branch).and_then(|token| self.find_client(token)).is_some()
    }

    fn find_client(&self, token: Token) -> Option<u32> {
        let slot = self.clients.get(usize::try_from(token.slot).ok()?)?;
        (slot.random == token.random).then_some(token.slot)
    }

    /// Cancels an INVITE (RFC 3261 §9.1); its transaction ends 64 × T1 from now at the latest.
    pub(crate) fn cancel(&mut self, invite: u32, reason: Option<String>, now: Instant) {
        let end = now + self.config.timings.t1x64();
        let Some(slot) = self.client(invite) else {
            return;
        };
        slot.machine.end_by(end);
        let (to, bytes, random) = (slot.to, slot.bytes.clone(), slot.random);
        self.arm_client(invite);
        let Ok(request) = parse(bytes) else {
            return;
        };
        let token = Token { random, slot: invite };
        let uri = String::from_utf8_lossy(request.raw_request_uri().unwrap_or_default()).into_owned();
        let mut builder = self.begin(&Method::Cancel, &uri, token, to, super::config::MAX_FORWARDS);
        builder = copy(builder, &request, &[Name::Route, Name::From, Name::To, Name::CallId]);
        builder = builder.header(Name::CSeq, format_args!("{} CANCEL", request.cseq().0));
        if let Some(reason) = reason {
            builder = builder.header(Name::Reason, reason);
        }
        let outgoing = Outgoing {
            token: Token { random: self.ids.random128(), slot: 0 },
            method: Method::Cancel,
            message: builder.finish(),
            to,
            user: User::Nobody,
            credentials: None,
        };
        let cancel = self.start(outgoing, now);
        if let Some(slot) = self.client(invite) {
            slot.cancel = Some(cancel);
        }
    }

    /// Gives a response to its transaction.
    pub(crate) fn on_response(&mut self, flow: Flow, response: &Message, now: Instant) -> Heard {
        let Some(mut index) = response
            .via()
            .and_then(|via| self.ids.parse_branch(via.branch()?))
            .and_then(|token| self.find_client(token))
        else {
            return Heard::Nothing;
        };
        let (status, method) = (response.status().unwrap_or_default(), response.method());
        if *method == Method::Cancel {
            match self.client(index).and_then(|slot| slot.cancel) {
                Some(cancel) => index = cancel,
                None => return Heard::Nothing,
            }
        }
        let timings = self.config.timings;
        let Some(slot) = self.client(index) else {
            return Heard::Nothing;
        };
        let from_there = slot.to.addr.ip().to_canonical() == flow.peer.ip().to_canonical();
        if slot.method != *method || !from_there || response.via_count() != 1 {
            return Heard::Nothing;
        }
        let user = slot.user;
        let verdict = slot.machine.on_response(status, &timings, now);
        let (to, bytes) = (slot.to, slot.bytes.clone());
        match verdict {
            client::Verdict::Drop => return Heard::Nothing,
            client::Verdict::AckAgain => {
                self.send(to, bytes);
                return Heard::Nothing;
            }
            client::Verdict::AckAndPass => self.acknowledge_failure(index, response, to, bytes.clone()),
            client::Verdict::Pass => {}
        }
        let heard = match self.retry_with_credentials(index, flow, response, bytes, now) {
            Some((client, cseq)) => Heard::Retried { user, client, cseq },
            None => Heard::Pass { client: index, user },
        };
        self.end_or_arm_client(index, now);
        heard
    }

    /// Sends the ACK of a failure, which belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
    fn acknowledge_failure(&mut self, index: u32, response: &Message, to: Destination, bytes: Bytes) {
        let Ok(request) = parse(bytes) else {
            return;
        };
        let Some(random) = self.client(index).map(|slot| slot.random) else {
            return;
        };
        let uri = String::from_utf8_lossy(request.raw_request_uri().unwrap_or_default()).into_owned();
        let token = Token { random, slot: index };
        let mut ack = self.begin(&Method::Ack, &uri, token, to, super::config::MAX_FORWARDS);
        ack = copy(ack, &request, &[Name::Route, Name::From]);
        ack = copy(ack, response, &[Name::To]);
        ack = copy(ack, &request, &[Name::CallId]);
        let ack = ack.header(Name::CSeq, format_args!("{} ACK", request.cseq().0)).finish();
        self.send(to, ack.bytes().clone());
        if let Some(slot) = self.client(index) {
            slot.bytes = ack.bytes().clone();
        }
    }

    /// Answers a challenge, if it comes from where the request went and names the pinned realm.
    fn retry_with_credentials(
        &mut self,
        index: u32,
        flow: Flow,
        response: &Message,
        request: Bytes,
        now: Instant,
    ) -> Option<(u32, u32)> {
        let status = response.status()?;
        let slot = self.clients.get(usize::try_from(index).ok()?)?;
        let challenges = slot.challenges;
        let credentials = slot.credentials.clone()?;
        let (to, user, method) = (slot.to, slot.user, slot.method.clone());
        if !matches!(status, 401 | 407) || challenges >= MAX_CHALLENGES || flow.peer != to.addr {
            return None;
        }
        let request = parse(request).ok()?;
        let nonce_seed = self.ids.random64();
        let (name, answer) = super::auth::answer(&request, response, &credentials, challenges, nonce_seed)?;
        let cseq = request.cseq().0.checked_add(1)?;
        let token = self.client_token();
        let uri = String::from_utf8_lossy(request.raw_request_uri()?).into_owned();
        let via = self.ids.branch(token);
        let mut again = RequestBuilder::new(&method, &uri).via(to.transport.token(), self.host(to.transport), &via);
        let mut vias = 0;
        for (id, written, value) in request.named_headers() {
            match id {
                Name::Via if vias == 0 => vias = 1,
                Name::CSeq | Name::ContentLength | Name::ContentType => {}
                Name::Authorization | Name::ProxyAuthorization if id == name => {}
                Name::Other => {
                    again = again.custom(&String::from_utf8_lossy(written), String::from_utf8_lossy(value));
                }
                known => again = again.header_bytes(known, value),
            }
        }
        again = again.header(Name::CSeq, format_args!("{cseq} {method}")).header(name, answer);
        if let Some(kind) = request.content_type() {
            again = again.body(kind, request.body());
        }
        let message = again.finish();
        let outgoing = Outgoing { token, method, message, to, user, credentials: Some(credentials) };
        let client = self.start(outgoing, now);
        self.client(client)?.challenges = challenges + 1;
        Some((client, cseq))
    }

    fn end_or_arm_client(&mut self, index: u32, now: Instant) {
        let due = self.client(index).and_then(|slot| slot.machine.next_timeout()).is_some_and(|at| at <= now);
        if due {
            // A lingering time of zero: reliable transports.
            self.client_due(index, now);
        } else {
            self.arm_client(index);
        }
    }

    fn arm_client(&mut self, index: u32) {
        let Some(slot) = self.clients.get_mut(index as usize) else {
            return;
        };
        if let Some(at) = slot.machine.next_timeout()
            && slot.armed.is_none_or(|armed| armed > at)
        {
            slot.armed = Some(at);
            self.timers.add(at, Timer::Client(index, slot.generation));
        }
    }

    /// Looks at a client transaction whose timer came up.
    pub(crate) fn on_client_timer(&mut self, index: u32, generation: u32, now: Instant) -> Ended {
        match self.client(index) {
            Some(slot) if slot.generation == generation => slot.armed = None,
            _ => return Ended::Nothing,
        }
        self.client_due(index, now)
    }

    fn client_due(&mut self, index: u32, now: Instant) -> Ended {
        let timings = self.config.timings;
        let Some(slot) = self.client(index) else {
            return Ended::Nothing;
        };
        match slot.machine.on_timeout(&timings, now) {
            client::Expiry::Nothing => self.arm_client(index),
            client::Expiry::Retransmit => {
                let (to, bytes) = (slot.to, slot.bytes.clone());
                self.send(to, bytes);
                self.arm_client(index);
            }
            client::Expiry::TimedOut => {
                let user = slot.user;
                self.clients.remove(index as usize);
                return Ended::TimedOut(user);
            }
            client::Expiry::Terminated => {
                self.clients.remove(index as usize);
            }
        }
        Ended::Nothing
    }

    /// Forgets the requests that went where nothing can be sent any more and returns who waits for them.
    pub(crate) fn fail_clients(&mut self, gone: impl Fn(&Destination) -> bool) -> Vec<User> {
        let mut users = Vec::new();
        self.clients.retain(|_, slot| {
            let fails = gone(&slot.to)
                && matches!(slot.machine.state(), client::State::Trying | client::State::Proceeding);
            if fails {
                users.push(slot.user);
            }
            !fails
        });
        users
    }

    /// Returns whether a flow carried requests of ours, and forgets it.
    pub(crate) fn take_used_flow(&mut self, flow: Flow) -> bool {
        self.used_flows.remove(&flow.id)
    }

    // Server transactions.

    /// Returns the key of a request's server transaction (RFC 3261 §17.2.3); ACK and CANCEL find their INVITE's.
    pub(crate) fn server_key(&self, request: &Message) -> u64 {
        let method = match request.method() {
            Method::Ack | Method::Cancel => Method::Invite.as_str(),
            other => other.as_str(),
        };
        let Some(via) = request.via() else {
            return 0;
        };
        let port = via.port().unwrap_or(5060).to_be_bytes();
        match via.branch() {
            Some(branch) if branch.starts_with(crate::message::BRANCH_COOKIE) => {
                self.ids.hash(&[branch.as_bytes(), via.host_str().as_bytes(), &port, method.as_bytes()])
            }
            _ => self.ids.hash(&[
                via.as_bytes(),
                request.from_tag().unwrap_or_default().as_bytes(),
                request.call_id().as_bytes(),
                &request.cseq().0.to_be_bytes(),
                method.as_bytes(),
            ]),
        }
    }

    /// Returns the key by which the same request over another path is known (RFC 3261 §8.2.2.2).
    pub(crate) fn merged_key(&self, request: &Message) -> u64 {
        self.ids.hash(&[
            request.call_id().as_bytes(),
            request.from_tag().unwrap_or_default().as_bytes(),
            &request.cseq().0.to_be_bytes(),
            request.method().as_str().as_bytes(),
        ])
    }

    pub(crate) fn find_server(&self, key: u64) -> Option<u32> {
        self.keys.get(&key).copied()
    }

    /// Returns whether the same request came by another path before.
    pub(crate) fn is_merged(&self, merged: u64, key: u64) -> bool {
        self.merged.get(&merged).is_some_and(|known| *known != key)
    }

    pub(crate) fn server(&mut self, index: u32) -> Option<&mut ServerSlot> {
        self.servers.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn server_slot(&mut self, slot: Slot) -> Option<&mut ServerSlot> {
        self.server(slot.index).filter(|found| found.generation == slot.generation)
    }

    /// Takes a request into a transaction.
    pub(crate) fn serve(&mut self, flow: Flow, request: Message, user: ServerUser) -> Slot {
        let (key, merged) = (self.server_key(&request), self.merged_key(&request));
        let kind = if *request.method() == Method::Invite { Kind::Invite } else { Kind::Other };
        let generation = self.next_generation();
        let index = self.servers.insert(ServerSlot {
            machine: Server::new(kind, flow.transport.is_reliable()),
            generation,
            key,
            merged,
            armed: None,
            flow,
            reply_to: reply_to(flow, &request),
            response: Bytes::new(),
            user,
            request: Some(request),
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.keys.insert(key, index);
        self.merged.insert(merged, key);
        Slot { index, generation }
    }

    /// Answers a request that came again.
    pub(crate) fn answer_again(&mut self, index: u32) {
        if let Some(slot) = self.server(index)
            && slot.machine.answers_again()
            && !slot.response.is_empty()
        {
            let (to, bytes) = (slot.reply_to, slot.response.clone());
            self.send(to, bytes);
        }
    }

    /// Sends a response in its transaction and returns its bytes; nothing if there was a final response before.
    pub(crate) fn respond(
        &mut self,
        slot: Slot,
        status: u16,
        tag: &str,
        fill: impl FnOnce(ResponseBuilder<'_>) -> ResponseBuilder<'_>,
        now: Instant,
    ) -> Option<Bytes> {
        let timings = self.config.timings;
        let found = self.server_slot(slot)?;
        let request = found.request.clone()?;
        if !found.machine.on_response(status, &timings, now) {
            return None;
        }
        let builder = ResponseBuilder::for_request(&request, status, "").source(found.flow.peer);
        let builder = if status == 100 { builder } else { builder.to_tag(tag) };
        let bytes = fill(builder).finish().bytes().clone();
        let accepted = found.machine.state() == server::State::Accepted;
        if status >= 200 {
            found.request = None;
        }
        found.response = if accepted { Bytes::new() } else { bytes.clone() };
        let to = found.reply_to;
        self.send(to, bytes.clone());
        if found_is_due(&self.servers, slot.index, now) {
            self.on_server_due(slot.index, now);
        } else {
            self.arm_server(slot.index);
        }
        Some(bytes)
    }

    /// Gives the ACK of a failure to its INVITE's transaction.
    pub(crate) fn acknowledged(&mut self, index: u32, now: Instant) {
        let timings = self.config.timings;
        if let Some(slot) = self.server(index) {
            slot.machine.on_ack(&timings, now);
            if found_is_due(&self.servers, index, now) {
                self.on_server_due(index, now);
            } else {
                self.arm_server(index);
            }
        }
    }

    /// Sends a response without keeping anything, never one larger than `bound`.
    pub(crate) fn respond_statelessly(&mut self, flow: Flow, request: &Message, response: &Message, bound: usize) {
        if response.bytes().len() <= bound {
            let to = reply_to(flow, request);
            self.send(to, response.bytes().clone());
        }
    }

    /// Returns the To tag for responses without a dialog: the same for the same request.
    pub(crate) fn stateless_tag(&self, request: &Message) -> String {
        let via = request.via();
        let branch = via.as_ref().and_then(|via| via.branch()).unwrap_or_default();
        format!("{:016x}", self.ids.hash(&[request.call_id().as_bytes(), branch.as_bytes()]))
    }

    fn arm_server(&mut self, index: u32) {
        let Some(slot) = self.servers.get_mut(index as usize) else {
            return;
        };
        if let Some(at) = slot.machine.next_timeout()
            && slot.armed.is_none_or(|armed| armed > at)
        {
            slot.armed = Some(at);
            self.timers.add(at, Timer::Server(index, slot.generation));
        }
    }

    /// Looks at a server transaction whose timer came up.
    pub(crate) fn on_server_timer(&mut self, index: u32, generation: u32, now: Instant) {
        match self.server(index) {
            Some(slot) if slot.generation == generation => slot.armed = None,
            _ => return,
        }
        self.on_server_due(index, now);
    }

    fn on_server_due(&mut self, index: u32, now: Instant) {
        let timings = self.config.timings;
        let Some(slot) = self.server(index) else {
            return;
        };
        match slot.machine.on_timeout(&timings, now) {
            server::Expiry::Nothing => self.arm_server(index),
            server::Expiry::Retransmit => {
                let (to, bytes) = (slot.reply_to, slot.response.clone());
                self.send(to, bytes);
                self.arm_server(index);
            }
            server::Expiry::Terminated => {
                let slot = self.servers.remove(index as usize);
                self.keys.remove(&slot.key);
                if self.merged.get(&slot.merged) == Some(&slot.key) {
                    self.merged.remove(&slot.merged);
                }
            }
        }
    }
}

fn found_is_due(servers: &Slab<ServerSlot>, index: u32, now: Instant) -> bool {
    servers.get(index as usize).and_then(|slot| slot.machine.next_timeout()).is_some_and(|at| at <= now)
}

/// Copies header fields as they were written.
pub(crate) fn copy(mut builder: RequestBuilder, from: &Message, names: &[Name]) -> RequestBuilder {
    for name in names {
        for value in from.headers(*name) {
            builder = builder.header_bytes(*name, value);
        }
    }
    builder
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
