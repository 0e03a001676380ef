//! The task that owns the endpoint machine and the UDP sockets.
//!
//! One loop: drain what the machine wants done, wait for a datagram, a frame, a command or a deadline, hand it over.
//! Datagrams do not change tasks between the socket and the machine.

mod events;
mod orders;

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicUsize},
    time::Instant,
};

use domain::grid::Grid;
use sip_proto::{
    endpoint::{self as machine, Endpoint, Hosts, Input, Output, RequestKey},
    message::{Message, Wire},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Destination, Event, Flow, LegEvent, LegKey, LegSink, RequestFailed, Transport, addresses,
    connections::{Closed, Connections, FromStream, Local},
    guard::Guard,
    orders::{Commands, Order},
    transport::{door::Door, tls::Names, udp::UdpSockets, websocket::Origins},
};

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
    let external: Vec<_> = config.external.into_iter().chain(config.external_v6.map(std::net::IpAddr::V6)).collect();
    let hosts = addresses::hosts(&local, &external);
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
        asking: HashMap::new(),
        legs: legs.clone(),
        // What is due within a tenth of T1 (50 ms) costs one wake-up, not one each. No timer of SIP minds: T1 itself is
        // an estimate, and what lingers for 32 s may linger for a moment longer.
        deadlines: Grid::new(now(), config.timings.t1 / 10),
        unsent: Vec::new(),
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
    asking: HashMap<RequestKey, String>,
    legs: Arc<AtomicUsize>,
    deadlines: Grid,
    /// Who waits until what was ordered has been sent.
    unsent: Vec<oneshot::Sender<()>>,
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

    fn drain_machine(&mut self) {
        self.drain_machine_into_batch();
        self.watch_load();
        self.sockets.flush();
        for done in self.unsent.drain(..) {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
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
}
