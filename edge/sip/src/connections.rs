//! The stream connections as the endpoint task sees them.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use sip_proto::message::Wire;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Destination, Flow, Transport,
    transport::tcp::{self, Door, Writer},
};

/// Frames on the way from all connections to the endpoint task; a full queue stops the reading (back-pressure).
const STREAM_QUEUE: usize = 1024;

/// What connection tasks tell the endpoint task.
#[derive(Debug)]
pub(crate) enum FromStream {
    Accepted {
        flow: Flow,
        writer: Writer,
    },
    Message {
        flow: Flow,
        bytes: Bytes,
    },
    Closed {
        flow: Flow,
    },
    /// A connection that we wanted could not be made.
    Unreachable {
        flow: Flow,
    },
}

struct Connection {
    flow: Flow,
    writer: Writer,
}

/// All connections and how new ones are made.
pub(crate) struct Connections {
    open: HashMap<u64, Connection>,
    /// Connections that may be used for requests to an address.
    by_address: HashMap<SocketAddr, u64>,
    door: Arc<Door>,
    local: Option<SocketAddr>,
}

impl Connections {
    /// Binds the listeners and starts accepting.
    pub(crate) async fn listen(
        config: &Config,
        tasks: TaskTracker,
        closing: CancellationToken,
    ) -> io::Result<(Self, mpsc::Receiver<FromStream>)> {
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        let door = Arc::new(Door::new(config.limits, sender, tasks, closing));
        let mut local = None;
        for address in &config.tcp {
            let listener = tcp::bind(*address)?;
            local = local.or(Some(listener.local_addr()?));
            door.tasks.spawn(tcp::accept(door.clone(), listener));
        }
        Ok((Self { open: HashMap::new(), by_address: HashMap::new(), door, local }, receiver))
    }

    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    pub(crate) fn accepted(&mut self, flow: Flow, writer: Writer) {
        self.by_address.insert(flow.peer, flow.id);
        self.open.insert(flow.id, Connection { flow, writer });
    }

    /// Forgets a connection; returns whether it was known.
    pub(crate) fn closed(&mut self, id: u64) -> bool {
        let Some(connection) = self.open.remove(&id) else {
            return false;
        };
        if self.by_address.get(&connection.flow.peer) == Some(&id) {
            self.by_address.remove(&connection.flow.peer);
        }
        true
    }

    /// Lifts the limits for strangers from a connection.
    pub(crate) fn authenticated(&self, id: u64) {
        if let Some(connection) = self.open.get(&id) {
            connection.writer.authenticated();
        }
    }

    pub(crate) fn is_authenticated(&self, id: u64) -> bool {
        self.open.get(&id).is_some_and(|connection| connection.writer.is_authenticated())
    }

    /// Queues a message on its flow, or on a connection to the address, which is made if there is none.
    pub(crate) fn send(&mut self, to: Destination, bytes: Wire) -> io::Result<()> {
        let id = match to.flow {
            Some(flow) => flow.id,
            None => match self.by_address.get(&to.addr) {
                Some(id) => *id,
                None => self.connect(to.addr, to.transport)?,
            },
        };
        let connection = self.open.get(&id).ok_or(io::ErrorKind::NotConnected)?;
        connection.writer.send(bytes).map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))
    }

    /// Lets all connections write what is queued and close.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
        self.by_address.clear();
    }

    fn connect(&mut self, addr: SocketAddr, transport: Transport) -> io::Result<u64> {
        let (flow, writer) = tcp::connect(self.door.clone(), addr, transport)?;
        self.by_address.insert(addr, flow.id);
        self.open.insert(flow.id, Connection { flow, writer });
        Ok(flow.id)
    }
}
