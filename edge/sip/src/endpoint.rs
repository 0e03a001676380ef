//! The task that owns the endpoint machine and the UDP sockets.
//!
//! One loop: drain what the machine wants done, wait for a datagram, a frame, a command or a deadline, hand it over.
//! Datagrams do not change tasks between the socket and the machine.

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use domain::grid::Grid;
use sip_proto::{
    endpoint::{self as machine, Command, Endpoint, Hosts, Input, Output, RegisterAnswer, RequestKey, SubscribeAnswer},
    message::{Message, Wire},
    session::{IncomingInvite, LegCommand},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Destination, EndedBy, Event, Flow, Incoming, Leg, LegEvent, LegEventKind, LegKey, LegSink, RegisterRequest,
    RequestFailed, SubscribeRequest, Transport, addresses,
    connections::{Closed, Connections, FromStream, Local},
    guard::{Guard, Word},
    leg,
    orders::{Commands, Order},
    transport::{door::Door, tls::Names, udp::UdpSockets, websocket::Origins},
};

/// Events kept for a call that nobody took yet.
const MAX_WAITING_EVENTS: usize = 16;
/// Commands and frames handled before the sockets are looked at again.
const BATCH: usize = 128;

/// What [`open`] made.
pub(crate) struct Opened {
    pub(crate) commands: Commands,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) legs: Arc<AtomicUsize>,
    pub(crate) local: Local,
    pub(crate) hosts: Hosts,
    pub(crate) names: Names,
    pub(crate) origins: Origins,
    pub(crate) door: Arc<Door>,
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// Bytes that open a NAT's way and mean nothing to a phone (RFC 3261 §7.5).
const NOTHING: &[u8] = b"\r\n\r\n";

/// Binds the sockets and starts the task.
pub(crate) async fn open(config: Config) -> io::Result<Opened> {
    let sockets = UdpSockets::bind(&config.udp)?;
    let closing = CancellationToken::new();
    let tasks = TaskTracker::new();
    let (names, origins) = (Names::default(), Origins::default());
    let (connections, streams_at, streams) =
        Connections::listen(&config, names.clone(), &origins, tasks.clone(), closing.clone())?;
    let mut local: Local = sockets.local().map(|address| (Transport::Udp, address)).collect();
    local.extend(streams_at);
    let hosts = addresses::hosts(&local, config.external);
    let door = connections.door();
    let (order_sender, orders) = mpsc::channel(config.limits.commands);
    let (event_sender, events) = mpsc::channel(config.limits.events);
    let commands = Commands::new(order_sender);
    let legs = Arc::new(AtomicUsize::new(0));
    let machine = machine::Config {
        timings: config.timings,
        nonce_key: rand::random(),
        realm: config.realm.clone(),
        user_agent: config.user_agent.clone(),
        hosts: hosts.clone(),
        max_legs: config.limits.legs,
        session_expires: config.session_expires,
        min_session: config.min_session,
        ..machine::Config::new("", rand::random())
    };
    let task = Task {
        endpoint: Endpoint::new(machine, now()),
        sockets,
        connections,
        guard: Guard::new(config.limits),
        commands: commands.clone(),
        events: event_sender,
        sinks: HashMap::new(),
        replies: HashMap::new(),
        next_reply: 0,
        flows: HashMap::new(),
        registering: HashMap::new(),
        legs: legs.clone(),
        // What is due within a tenth of T1 (50 ms) costs one wake-up, not one each. No timer of SIP minds: T1 itself is
        // an estimate, and what lingers for 32 s may linger for a moment longer.
        deadlines: Grid::new(now(), config.timings.t1 / 10),
        backlog: Vec::new(),
        draining: false,
        overloaded: false,
    };
    tasks.spawn(task.run(orders, streams, closing.clone()));
    Ok(Opened { commands, events, legs, local, hosts, names, origins, door, closing, tasks })
}

/// The monotonic clock of the driver.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

enum Sink {
    Ready(LegSink),
    Waiting(Vec<LegEvent>),
}

struct Task {
    endpoint: Endpoint,
    sockets: UdpSockets,
    connections: Connections,
    guard: Guard,
    commands: Commands,
    events: mpsc::Sender<Event>,
    sinks: HashMap<LegKey, Sink>,
    replies: HashMap<u64, oneshot::Sender<Result<Message, RequestFailed>>>,
    next_reply: u64,
    /// The flow and user of incoming legs that nobody took yet.
    flows: HashMap<LegKey, (Flow, String)>,
    /// The user of REGISTER and SUBSCRIBE requests that wait for their answer.
    registering: HashMap<RequestKey, String>,
    legs: Arc<AtomicUsize>,
    deadlines: Grid,
    /// Events the full channel did not take; only closed flows and news of subscriptions are kept.
    backlog: Vec<Event>,
    draining: bool,
    overloaded: bool,
}

impl Task {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut streams: mpsc::Receiver<FromStream>,
        closing: CancellationToken,
    ) {
        let sleep = tokio::time::sleep_until(tokio::time::Instant::now());
        let closed = closing.cancelled();
        tokio::pin!(sleep, closed);
        let mut order_batch = Vec::with_capacity(BATCH);
        let mut frame_batch = Vec::with_capacity(BATCH);
        loop {
            self.drain_machine();
            let deadline = self.endpoint.next_timeout();
            if let Some(at) = deadline {
                let at = tokio::time::Instant::from_std(self.deadlines.up(at));
                if sleep.deadline() != at {
                    sleep.as_mut().reset(at);
                }
            }
            tokio::select! {
                () = &mut closed => break,
                ready = self.sockets.readable() => self.read_socket(ready),
                count = orders.recv_many(&mut order_batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    let now = now();
                    for order in order_batch.drain(..) {
                        self.obey(order, now);
                    }
                }
                count = streams.recv_many(&mut frame_batch, BATCH), if !streams.is_closed() => {
                    let now = now();
                    for frame in frame_batch.drain(..count) {
                        self.stream(frame, now);
                    }
                }
                () = sleep.as_mut(), if deadline.is_some() => {}
            }
            self.feed_time(now());
        }
        self.drain_machine();
        self.connections.close_all();
        for (_, reply) in self.replies.drain() {
            let _ = reply.send(Err(RequestFailed::Transport));
        }
    }

    fn read_socket(&mut self, ready: io::Result<usize>) {
        let Ok(socket) = ready else {
            return;
        };
        let now = now();
        let mut received = std::mem::take(&mut self.sockets.received);
        self.sockets.receive(socket, &mut received);
        for (source, bytes) in received.drain(..) {
            let flow = Flow { transport: Transport::Udp, id: socket as u64, peer: source };
            if !self.guard.admit(source.ip(), now) {
                metrics::counter!("sip_dropped_total", "why" => "budget").increment(1);
                continue;
            }
            self.feed(Input::Received { flow, bytes }, now);
            self.drain_machine_into_batch();
        }
        self.sockets.received = received;
    }

    fn stream(&mut self, frame: FromStream, now: Instant) {
        match frame {
            FromStream::Message { flow, bytes } => {
                if self.connections.is_authenticated(flow.id) || self.guard.admit(flow.peer.ip(), now) {
                    self.feed(Input::Received { flow, bytes }, now);
                } else {
                    metrics::counter!("sip_dropped_total", "why" => "budget").increment(1);
                }
            }
            FromStream::Accepted { flow, writer } => self.connections.accepted(flow, writer),
            FromStream::Closed { flow } => {
                let belonged = self.connections.is_authenticated(flow.id);
                let closed = self.connections.closed(flow.id);
                self.feed(Input::FlowClosed(flow), now);
                if closed == Closed::Ours {
                    // What waits for an answer over it named the address, not the flow.
                    self.feed(Input::Unreachable(Destination::new(flow.peer, flow.transport)), now);
                }
                if belonged {
                    self.tell(Event::FlowClosed(flow));
                }
            }
            FromStream::Unreachable { flow } => {
                self.connections.closed(flow.id);
                self.feed(Input::Unreachable(Destination::new(flow.peer, flow.transport)), now);
            }
        }
    }

    fn obey(&mut self, order: Order, now: Instant) {
        let command = match order {
            Order::Invite { leg, invite, sink } => {
                if self.draining {
                    let kind = LegEventKind::Ended { status: Some(503), reason: None, by: EndedBy::Us };
                    let _ = sink.0.try_send(LegEvent { leg, kind });
                    return;
                }
                self.guard.welcome(invite.destination.addr.ip(), now);
                self.sinks.insert(leg, Sink::Ready(sink));
                self.count_legs();
                Command::Invite { leg, invite }
            }
            Order::Leg(leg, command) => {
                if let Some((flow, user)) = self.flows.get(&leg) {
                    match &command {
                        LegCommand::Challenge => self.guard.failed(user, flow.peer.ip(), now),
                        LegCommand::Ring { .. } | LegCommand::Answer { .. } => self.welcome(leg, now),
                        _ => {}
                    }
                }
                let ends =
                    matches!(command, LegCommand::Reject { .. } | LegCommand::Challenge | LegCommand::Hangup { .. });
                if ends && matches!(self.sinks.get(&leg), Some(Sink::Waiting(_))) {
                    // Its owner refused it without listening.
                    self.forget(leg);
                }
                Command::Leg { leg, command }
            }
            Order::Sink(leg, sink) => {
                self.welcome(leg, now);
                self.take(leg, sink);
                return;
            }
            Order::HandOver { leg, sink, done } => {
                self.take(leg, sink);
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
                return;
            }
            Order::Register { request, flow, answer } => {
                let user = self.registering.remove(&request).unwrap_or_default();
                match &answer {
                    RegisterAnswer::Accept(_) => {
                        self.guard.proved(&user, flow.peer.ip(), now);
                        self.belongs(flow, now);
                    }
                    RegisterAnswer::Challenge => self.guard.failed(&user, flow.peer.ip(), now),
                    RegisterAnswer::Reject { .. } => {}
                }
                Command::Register { request, answer }
            }
            Order::Subscribe { request, flow, answer } => {
                let user = self.registering.remove(&request).unwrap_or_default();
                match &answer {
                    SubscribeAnswer::Accept { .. } => {
                        self.guard.proved(&user, flow.peer.ip(), now);
                        self.belongs(flow, now);
                    }
                    SubscribeAnswer::Challenge => self.guard.failed(&user, flow.peer.ip(), now),
                    SubscribeAnswer::Reject { .. } => {}
                }
                Command::Subscribe { request, answer }
            }
            Order::Notify { subscription, notification } => Command::Notify { subscription, notification },
            Order::Request { request, reply } => {
                self.guard.welcome(request.destination.addr.ip(), now);
                self.next_reply = self.next_reply.wrapping_add(1);
                self.replies.insert(self.next_reply, reply);
                Command::Request { id: self.next_reply, request }
            }
            Order::ByeOrphan { record, reason } => Command::ByeOrphan { record, reason },
            Order::Domains(domains) => Command::Domains(domains),
            Order::Trust(sources) => {
                self.guard.trust(sources.iter().map(|source| source.ip));
                Command::Trust(sources)
            }
            Order::KeepAlive(to) => {
                if !self.sockets.send(to, NOTHING.into()) {
                    tracing::debug!(peer = %to.addr, "a keep-alive has no socket");
                }
                return;
            }
            Order::Drain => {
                self.draining = true;
                Command::Overload(true)
            }
        };
        self.feed(Input::Command(command), now);
    }

    /// Gives the machine an input. A panic costs that input alone, not the other calls.
    fn feed(&mut self, input: Input, now: Instant) {
        let endpoint = &mut self.endpoint;
        if catch_unwind(AssertUnwindSafe(|| endpoint.handle(input, now))).is_err() {
            tracing::error!("the SIP endpoint panicked on an input");
            metrics::counter!("sip_panics_total").increment(1);
        }
    }

    fn feed_time(&mut self, now: Instant) {
        let endpoint = &mut self.endpoint;
        if catch_unwind(AssertUnwindSafe(|| endpoint.handle_timeout(now))).is_err() {
            tracing::error!("the SIP endpoint panicked on a timer");
            metrics::counter!("sip_panics_total").increment(1);
        }
    }

    /// Remembers that an incoming leg's source belongs here: its owner took the call.
    fn welcome(&mut self, leg: LegKey, now: Instant) {
        if let Some((flow, user)) = self.flows.remove(&leg) {
            // Without a login it is a trunk's.
            if !user.is_empty() {
                self.guard.proved(&user, flow.peer.ip(), now);
            }
            self.belongs(flow, now);
        }
    }

    /// Lifts the limits for strangers from a source and its connection.
    fn belongs(&mut self, flow: Flow, now: Instant) {
        self.guard.welcome(flow.peer.ip(), now);
        if flow.transport.is_reliable() {
            self.connections.authenticated(flow.id);
        }
    }

    fn take(&mut self, leg: LegKey, sink: LegSink) {
        let Some(found) = self.sinks.get_mut(&leg) else {
            return;
        };
        if let Sink::Waiting(events) = std::mem::replace(found, Sink::Ready(sink)) {
            for event in events {
                self.deliver(event);
            }
        }
    }

    fn drain_machine(&mut self) {
        self.drain_machine_into_batch();
        self.watch_load();
        self.sockets.flush();
    }

    fn drain_machine_into_batch(&mut self) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Send { to, bytes } if to.transport == Transport::Udp => {
                    if !self.sockets.send(to, bytes) {
                        self.feed(Input::Unreachable(to), now());
                    }
                }
                Output::Send { to, bytes } => self.send_stream(to, bytes),
                Output::Event(event) => {
                    self.event(event);
                    self.watch_load();
                }
            }
        }
    }

    fn send_stream(&mut self, to: Destination, bytes: Wire) {
        if let Err(failed) = self.connections.send(to, bytes) {
            let input = match to.flow {
                Some(flow) => {
                    self.connections.closed(flow.id);
                    Input::FlowClosed(flow)
                }
                None => Input::Unreachable(to),
            };
            tracing::debug!(peer = %to.addr, %failed, "message not sent");
            self.feed(input, now());
        }
    }

    fn event(&mut self, event: machine::Event) {
        match event {
            machine::Event::Leg(event) => self.deliver(event),
            machine::Event::Incoming(incoming) => self.incoming(*incoming),
            machine::Event::Register(incoming) => {
                let request = incoming.request;
                let user = incoming.credentials.as_ref().map_or_else(String::new, |c| c.username().to_owned());
                let refusal = match self.guard.word(&user, incoming.source.ip(), now()) {
                    Word::Heard => None,
                    Word::Unheard => Some(RegisterAnswer::Challenge),
                    Word::Barred => Some(RegisterAnswer::Reject { status: 403, min_expires: None }),
                };
                if let Some(answer) = refusal {
                    self.feed(Input::Command(Command::Register { request, answer }), now());
                    return;
                }
                let unanswered = Order::Register {
                    request,
                    flow: incoming.flow,
                    answer: RegisterAnswer::Reject { status: 503, min_expires: None },
                };
                let guard = leg::Guard::new(unanswered, self.commands.clone());
                self.registering.insert(request, user);
                self.tell(Event::Register(RegisterRequest::new(*incoming, guard)));
            }
            machine::Event::Subscribe(incoming) => {
                let request = incoming.request;
                let user = incoming.credentials.as_ref().map_or_else(String::new, |c| c.username().to_owned());
                let refusal = match self.guard.word(&user, incoming.source.ip(), now()) {
                    Word::Heard => None,
                    Word::Unheard => Some(SubscribeAnswer::Challenge),
                    Word::Barred => Some(SubscribeAnswer::Reject { status: 403, min_expires: None }),
                };
                if let Some(answer) = refusal {
                    self.feed(Input::Command(Command::Subscribe { request, answer }), now());
                    return;
                }
                let unanswered = Order::Subscribe {
                    request,
                    flow: incoming.flow,
                    answer: SubscribeAnswer::Reject { status: 503, min_expires: None },
                };
                let guard = leg::Guard::new(unanswered, self.commands.clone());
                self.registering.insert(request, user);
                self.tell(Event::Subscribe(SubscribeRequest::new(*incoming, guard)));
            }
            machine::Event::Subscription { subscription, news } => {
                self.tell(Event::Subscription { subscription, news });
            }
            machine::Event::Response { id, outcome } => {
                if let Some(reply) = self.replies.remove(&id) {
                    let _ = reply.send(outcome);
                }
            }
        }
    }

    fn incoming(&mut self, incoming: IncomingInvite) {
        let key = incoming.leg;
        let user = incoming.credentials.as_ref().map_or_else(String::new, |c| c.username().to_owned());
        let refusal = match self.guard.word(&user, incoming.source.ip(), now()) {
            _ if incoming.credentials.is_none() => None,
            Word::Heard => None,
            Word::Unheard => Some(LegCommand::Challenge),
            Word::Barred => Some(LegCommand::Reject { status: 403, reason: None }),
        };
        if let Some(command) = refusal {
            self.feed(Input::Command(Command::Leg { leg: key, command }), now());
            return;
        }
        self.sinks.insert(key, Sink::Waiting(Vec::new()));
        self.flows.insert(key, (incoming.flow, user));
        self.count_legs();
        let refusal = LegCommand::Reject { status: 480, reason: None };
        let event = Incoming {
            leg: Leg::new(key, self.commands.clone()),
            request: incoming.request,
            sdp: incoming.sdp,
            source: incoming.source,
            transport: incoming.transport,
            flow: incoming.flow,
            credentials: incoming.credentials,
            dialog: incoming.dialog,
            replaces: incoming.replaces,
            guard: leg::Guard::new(Order::Leg(key, refusal), self.commands.clone()),
        };
        self.tell(Event::Incoming(event));
    }

    /// Gives an event to the program. What does not fit is answered 503.
    fn tell(&mut self, event: Event) {
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event @ (Event::FlowClosed(_) | Event::Subscription { .. }))) => {
                self.backlog.push(event);
            }
            Err(failed) => {
                metrics::counter!("sip_dropped_total", "why" => "behind").increment(1);
                if let mpsc::error::TrySendError::Full(Event::Incoming(incoming)) = failed {
                    incoming.reject(503, None);
                }
            }
        }
    }

    fn deliver(&mut self, event: LegEvent) {
        let leg = event.leg;
        let ended = matches!(event.kind, LegEventKind::Ended { .. });
        let kept = match self.sinks.get_mut(&leg) {
            None => return,
            Some(Sink::Ready(sink)) => sink.0.try_send(event).is_ok(),
            Some(Sink::Waiting(events)) if events.len() < MAX_WAITING_EVENTS => {
                events.push(event);
                true
            }
            Some(Sink::Waiting(_)) => false,
        };
        let nobody_took_it = matches!(self.sinks.get(&leg), Some(Sink::Waiting(_)));
        if !kept || ended && !nobody_took_it {
            self.forget(leg);
        }
        if !kept && !ended {
            metrics::counter!("sip_legs_cut_total").increment(1);
            let command = LegCommand::Hangup { reason: None };
            self.feed(Input::Command(Command::Leg { leg, command }), now());
        }
    }

    fn forget(&mut self, leg: LegKey) {
        self.sinks.remove(&leg);
        self.flows.remove(&leg);
        self.count_legs();
    }

    fn count_legs(&self) {
        self.legs.store(self.sinks.len(), Ordering::Relaxed);
    }

    /// Turns new requests away while the program does not keep up with its events.
    fn watch_load(&mut self) {
        while let Some(event) = self.backlog.pop() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.backlog.push(event);
                break;
            }
        }
        let behind = self.draining || self.events.capacity() <= self.events.max_capacity() / 8;
        if behind != self.overloaded {
            self.overloaded = behind;
            self.feed(Input::Command(Command::Overload(behind)), now());
        }
    }
}
