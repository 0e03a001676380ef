//! TCP, and what is built on it: listeners, connections of our own, and the kernel's watch over both.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{
    connection::Connection,
    door::{Door, Pass, Writer, Writes},
    tls,
    websocket::{self, Origins},
};
use crate::{Flow, Transport, connections::FromStream};

/// Connections the kernel holds before we accept them.
const ACCEPT_BACKLOG: i32 = 1024;
/// The longest wait for an outgoing connection, its TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// After a failed accept (no descriptors left) we wait as long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The kernel asks a silent peer after this time, then every so often, so many times: a phone whose network is gone is
/// known to be gone within 25 s, and no phone has to support anything for it.
const SILENCE: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_secs(5);
const ASK_TIMES: u32 = 3;
/// How long what we sent may stay without the peer's acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// What is spoken on a listener's connections.
#[derive(Clone)]
pub(crate) enum Speaks {
    Tcp,
    Tls(TlsAcceptor),
    Ws(Origins),
    Wss(TlsAcceptor, Origins),
}

impl Speaks {
    fn transport(&self) -> Transport {
        match self {
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::Ws(_) => Transport::Ws,
            Self::Wss(..) => Transport::Wss,
        }
    }
}

/// Binds a listener that can be bound again at once after a restart.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until the edge closes.
pub(crate) async fn accept(door: Arc<Door>, listener: TcpListener, speaks: Speaks) {
    loop {
        let accepted = tokio::select! {
            () = door.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(pass) = door.enter(peer.ip(), speaks.transport()) else { continue };
        watch(&stream);
        let flow = Flow { transport: speaks.transport(), id: door.number(), peer };
        let (task_door, speaks) = (door.clone(), speaks.clone());
        let serving = async move {
            match speaks {
                Speaks::Tcp => serve(task_door, flow, pass, stream).await,
                Speaks::Ws(origins) => websocket::shake_hands(task_door, flow, pass, stream, &origins).await,
                Speaks::Tls(acceptor) => {
                    if let Some(stream) = tls::accept(&task_door, &acceptor, stream).await {
                        serve(task_door, flow, pass, stream).await;
                    }
                }
                Speaks::Wss(acceptor, origins) => {
                    if let Some(stream) = tls::accept(&task_door, &acceptor, stream).await {
                        websocket::shake_hands(task_door, flow, pass, stream, &origins).await;
                    }
                }
            }
        };
        door.tasks.spawn(serving);
    }
}

/// Tells the endpoint of a connection whose handshakes are done, and runs it.
pub(crate) async fn serve<S>(door: Arc<Door>, flow: Flow, pass: Arc<Pass>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(writes) = announce(&door, flow, pass).await {
        Connection::new(door, flow, stream, writes).run().await;
    }
}

/// Gives the endpoint the writing end; `None` if it is gone.
pub(crate) async fn announce(door: &Door, flow: Flow, pass: Arc<Pass>) -> Option<Writes> {
    let (writer, writes) = Writer::new(door, pass);
    door.sender.send(FromStream::Accepted { flow, writer }).await.is_ok().then_some(writes)
}

/// How a connection of our own is made.
pub(crate) enum Call {
    Tcp,
    /// The peer's certificate has to bear this name.
    Tls(TlsConnector, ServerName<'static>),
}

/// Starts a connection to `addr`; what is sent meanwhile waits in its queue.
pub(crate) fn connect(door: &Arc<Door>, addr: SocketAddr, call: Call) -> io::Result<(Flow, Writer)> {
    let transport = match call {
        Call::Tcp => Transport::Tcp,
        Call::Tls(..) => Transport::Tls,
    };
    let pass = door.leave(addr.ip(), transport).ok_or(io::ErrorKind::QuotaExceeded)?;
    let flow = Flow { transport, id: door.number(), peer: addr };
    let (writer, writes) = Writer::new(door, pass);
    let task_door = door.clone();
    door.tasks.spawn(async move {
        let made = timeout(CONNECT, async {
            let stream = TcpStream::connect(addr).await?;
            watch(&stream);
            match call {
                Call::Tcp => Ok(Made::Tcp(stream)),
                Call::Tls(connector, name) => connector.connect(name, stream).await.map(|tls| Made::Tls(Box::new(tls))),
            }
        });
        let failed = match made.await {
            Ok(Ok(Made::Tcp(stream))) => return Connection::new(task_door, flow, stream, writes).run().await,
            Ok(Ok(Made::Tls(stream))) => return Connection::new(task_door, flow, *stream, writes).run().await,
            Ok(Err(failed)) => failed,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        if transport.is_secure() {
            // Most often a certificate: the operator has to know why a trunk is dead.
            tracing::warn!(peer = %addr, error = %failed, "no connection by TLS");
        } else {
            tracing::debug!(peer = %addr, error = %failed, "no connection");
        }
        let _ = task_door.sender.send(FromStream::Unreachable { flow }).await;
    });
    Ok((flow, writer))
}

enum Made {
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Small messages leave at once, and the kernel finds out when the peer is gone.
fn watch(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keep_alive = TcpKeepalive::new().with_time(SILENCE).with_interval(ASK_EVERY).with_retries(ASK_TIMES);
    let _ = socket.set_tcp_keepalive(&keep_alive);
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}
