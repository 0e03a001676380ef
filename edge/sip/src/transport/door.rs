//! Who may hold a connection, and the end of it that the endpoint writes to.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use sip_proto::message::Wire;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Limits, Transport, connections::FromStream};

/// Counts connections and numbers them.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) limits: Limits,
    pub(crate) sender: mpsc::Sender<FromStream>,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
    next: AtomicU64,
    open: AtomicUsize,
    strangers: Mutex<HashMap<IpAddr, usize>>,
}

impl Door {
    pub(crate) fn new(
        limits: Limits,
        sender: mpsc::Sender<FromStream>,
        tasks: TaskTracker,
        closing: CancellationToken,
    ) -> Self {
        Self {
            limits,
            sender,
            tasks,
            closing,
            // Flows of a former process, which a registrar may have stored, must not name a new connection.
            next: AtomicU64::new(u64::from(rand::random::<u32>()) << 28),
            open: AtomicUsize::new(0),
            strangers: Mutex::new(HashMap::new()),
        }
    }

    /// Lets a stranger in, or not.
    pub(crate) fn enter(self: &Arc<Self>, source: IpAddr, transport: Transport) -> Option<Arc<Pass>> {
        if self.open.load(Ordering::Relaxed) >= self.limits.connections {
            metrics::counter!("sip_connections_refused_total", "transport" => name(transport)).increment(1);
            return None;
        }
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = strangers.entry(source).or_default();
        if *count >= self.limits.connections_per_source {
            metrics::counter!("sip_connections_refused_total", "transport" => name(transport)).increment(1);
            return None;
        }
        *count += 1;
        drop(strangers);
        Some(self.pass(source, transport, true))
    }

    /// Counts a connection that we make; `None` if there are too many.
    pub(crate) fn leave(self: &Arc<Self>, to: IpAddr, transport: Transport) -> Option<Arc<Pass>> {
        (self.open.load(Ordering::Relaxed) < self.limits.connections).then(|| self.pass(to, transport, false))
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn pass(self: &Arc<Self>, source: IpAddr, transport: Transport, stranger: bool) -> Arc<Pass> {
        self.open.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("sip_connections", "transport" => name(transport)).increment(1.0);
        Arc::new(Pass { door: self.clone(), source, transport, stranger: AtomicBool::new(stranger) })
    }

    fn leave_strangers(&self, source: IpAddr) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = strangers.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                strangers.remove(&source);
            }
        }
    }
}

/// The transport's name as figures have it.
pub(crate) fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    }
}

/// A connection's place in the counts.
#[derive(Debug)]
pub(crate) struct Pass {
    door: Arc<Door>,
    source: IpAddr,
    transport: Transport,
    stranger: AtomicBool,
}

impl Pass {
    fn authenticated(&self) {
        if self.stranger.swap(false, Ordering::Relaxed) {
            self.door.leave_strangers(self.source);
        }
    }

    pub(crate) fn is_stranger(&self) -> bool {
        self.stranger.load(Ordering::Relaxed)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.authenticated();
        self.door.open.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("sip_connections", "transport" => name(self.transport)).decrement(1.0);
    }
}

/// The writing end of a connection, held by the endpoint task. Dropping it closes the connection.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Wire>,
    pass: Arc<Pass>,
}

/// The other end of a [`Writer`], held by the connection's task.
#[derive(Debug)]
pub(crate) struct Writes {
    pub(crate) queue: mpsc::Receiver<Wire>,
    /// Weak, so that dropping the writer closes the queue and with it the connection.
    pub(crate) pass: Weak<Pass>,
}

impl Writer {
    pub(crate) fn new(door: &Door, pass: Arc<Pass>) -> (Self, Writes) {
        let (sender, queue) = mpsc::channel(door.limits.write_queue);
        let weak = Arc::downgrade(&pass);
        (Self { queue: sender, pass }, Writes { queue, pass: weak })
    }

    /// Queues a message; fails if the peer does not read or the connection is gone.
    pub(crate) fn send(&self, bytes: Wire) -> Result<(), Wire> {
        self.queue.try_send(bytes).map_err(|failed| match failed {
            mpsc::error::TrySendError::Full(bytes) | mpsc::error::TrySendError::Closed(bytes) => bytes,
        })
    }

    pub(crate) fn authenticated(&self) {
        self.pass.authenticated();
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        !self.pass.is_stranger()
    }
}
