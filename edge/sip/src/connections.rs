//! The stream connections as the endpoint task sees them.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use sip_proto::message::Wire;
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Destination, Flow, HostKey, Transport,
    transport::{
        door::{Door, Writer},
        tcp::{self, Call, Speaks},
        tls::Names,
        websocket::Origins,
    },
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
    key: Key,
    writer: Writer,
    /// We made it.
    is_ours: bool,
}

/// What a connection may be used for without its flow being named. A verified one is good for its name alone.
type Key = (SocketAddr, Transport, Option<HostKey>);

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Unknown,
    Theirs,
    /// Whatever was sent there without a flow of its own is lost too.
    Ours,
}

/// Where the listeners are bound.
pub(crate) type Local = Vec<(Transport, SocketAddr)>;

/// All connections and how new ones are made.
pub(crate) struct Connections {
    open: HashMap<u64, Connection>,
    /// Connections that may be used for requests to an address.
    by_address: HashMap<Key, u64>,
    door: Arc<Door>,
    tls: Option<TlsConnector>,
    names: Names,
}

impl Connections {
    /// Binds the listeners and starts accepting; returns where they are.
    pub(crate) fn listen(
        config: &Config,
        names: Names,
        origins: &Origins,
        tasks: TaskTracker,
        closing: CancellationToken,
    ) -> io::Result<(Self, Local, mpsc::Receiver<FromStream>)> {
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        let door = Arc::new(Door::new(config.limits, sender, tasks, closing));
        let acceptor = || match &config.tls_server {
            Some(settings) => Ok(TlsAcceptor::from(settings.clone())),
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS without a certificate")),
        };
        let mut wanted: Vec<(Transport, SocketAddr, Speaks)> = Vec::new();
        wanted.extend(config.tcp.iter().map(|address| (Transport::Tcp, *address, Speaks::Tcp)));
        wanted.extend(config.ws.iter().map(|address| (Transport::Ws, *address, Speaks::Ws(origins.clone()))));
        for address in &config.tls {
            wanted.push((Transport::Tls, *address, Speaks::Tls(acceptor()?)));
        }
        for address in &config.wss {
            wanted.push((Transport::Wss, *address, Speaks::Wss(acceptor()?, origins.clone())));
        }
        let mut local = Local::new();
        for (transport, address, speaks) in wanted {
            let listener = tcp::bind(address)?;
            local.push((transport, listener.local_addr()?));
            door.tasks.spawn(tcp::accept(door.clone(), listener, speaks));
        }
        let tls = config.tls_client.clone().map(TlsConnector::from);
        let connections = Self { open: HashMap::new(), by_address: HashMap::new(), door, tls, names };
        Ok((connections, local, receiver))
    }

    pub(crate) fn door(&self) -> Arc<Door> {
        self.door.clone()
    }

    pub(crate) fn accepted(&mut self, flow: Flow, writer: Writer) {
        self.insert(flow, (flow.peer, flow.transport, None), writer, false);
    }

    /// Forgets a connection.
    pub(crate) fn closed(&mut self, id: u64) -> Closed {
        let Some(connection) = self.open.remove(&id) else {
            return Closed::Unknown;
        };
        if self.by_address.get(&connection.key) == Some(&id) {
            self.by_address.remove(&connection.key);
        }
        if connection.is_ours { Closed::Ours } else { Closed::Theirs }
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
            None => match self.by_address.get(&(to.addr, to.transport, to.host)) {
                Some(id) => *id,
                None => self.connect(to)?,
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

    fn connect(&mut self, to: Destination) -> io::Result<u64> {
        let call = match (to.transport, &self.tls) {
            (Transport::Tcp, _) => Call::Tcp,
            (Transport::Tls, Some(tls)) => {
                let name = self.names.expected(to).ok_or(io::ErrorKind::InvalidInput)?;
                Call::Tls(tls.clone(), name)
            }
            // Nobody calls a browser; it calls us.
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let (flow, writer) = tcp::connect(&self.door, to.addr, call)?;
        self.insert(flow, (to.addr, to.transport, to.host), writer, true);
        Ok(flow.id)
    }

    fn insert(&mut self, flow: Flow, key: Key, writer: Writer, is_ours: bool) {
        // A browser's address means nothing: there may be a proxy before it.
        if !flow.transport.is_websocket() {
            self.by_address.insert(key, flow.id);
        }
        self.open.insert(flow.id, Connection { key, writer, is_ours });
    }
}
