//! TCP: one task per connection, bounded on every side.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sip_proto::message::{Frame, Framer, Wire};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Flow, Limits, Transport, connections::FromStream};

/// Connections the kernel holds before we accept them.
const ACCEPT_BACKLOG: i32 = 1024;
/// Bytes read at once.
const READ: usize = 8 * 1024;
/// The longest wait for an outgoing connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest wait for a peer that does not read.
const WRITE: Duration = Duration::from_secs(10);
/// A keep-alive is answered at most this often.
const PONG_EVERY: Duration = Duration::from_secs(2);
/// Keep-alives within [`PONG_EVERY`] that are still nobody's flood.
const MAX_PINGS: u32 = 256;
/// After a failed accept (no descriptors left) we wait as long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Counts connections and numbers them.
pub(crate) struct Door {
    limits: Limits,
    sender: mpsc::Sender<FromStream>,
    pub(crate) tasks: TaskTracker,
    closing: CancellationToken,
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
    fn enter(self: &Arc<Self>, source: IpAddr) -> Option<Pass> {
        if self.open.load(Ordering::Relaxed) >= self.limits.connections {
            return None;
        }
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = strangers.entry(source).or_default();
        if *count >= self.limits.connections_per_source {
            return None;
        }
        *count += 1;
        drop(strangers);
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Pass { door: self.clone(), source, stranger: AtomicBool::new(true) })
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
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

/// A connection's place in the counts.
struct Pass {
    door: Arc<Door>,
    source: IpAddr,
    stranger: AtomicBool,
}

impl Pass {
    fn authenticated(&self) {
        if self.stranger.swap(false, Ordering::Relaxed) {
            self.door.leave_strangers(self.source);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.authenticated();
        self.door.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The writing end of a connection, held by the endpoint task. Dropping it closes the connection.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Wire>,
    pass: Arc<Pass>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
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
        !self.pass.stranger.load(Ordering::Relaxed)
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
pub(crate) async fn accept(door: Arc<Door>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = door.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(pass) = door.enter(peer.ip()) else {
            metrics::counter!("sip_connections_refused_total").increment(1);
            continue;
        };
        let _ = stream.set_nodelay(true);
        let flow = Flow { transport: Transport::Tcp, id: door.number(), peer };
        let (queue, writes) = mpsc::channel(door.limits.write_queue);
        let writer = Writer { queue, pass: Arc::new(pass) };
        let pass = Arc::downgrade(&writer.pass);
        let task_door = door.clone();
        door.tasks.spawn(async move {
            if task_door.sender.send(FromStream::Accepted { flow, writer }).await.is_ok() {
                Connection::new(task_door, flow, stream, writes, pass).run().await;
            }
        });
    }
}

/// Starts a connection to `addr`; what is sent meanwhile waits in its queue.
pub(crate) fn connect(door: Arc<Door>, addr: SocketAddr, transport: Transport) -> io::Result<(Flow, Writer)> {
    if door.open.load(Ordering::Relaxed) >= door.limits.connections {
        return Err(io::ErrorKind::QuotaExceeded.into());
    }
    door.open.fetch_add(1, Ordering::Relaxed);
    let pass = Arc::new(Pass { door: door.clone(), source: addr.ip(), stranger: AtomicBool::new(false) });
    let flow = Flow { transport, id: door.number(), peer: addr };
    let (queue, writes) = mpsc::channel(door.limits.write_queue);
    let weak = Arc::downgrade(&pass);
    let task_door = door.clone();
    door.tasks.spawn(async move {
        match timeout(CONNECT, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                Connection::new(task_door, flow, stream, writes, weak).run().await;
            }
            _ => {
                let _ = task_door.sender.send(FromStream::Unreachable { flow }).await;
            }
        }
    });
    Ok((flow, Writer { queue, pass }))
}

struct Connection {
    door: Arc<Door>,
    flow: Flow,
    stream: TcpStream,
    writes: mpsc::Receiver<Wire>,
    /// Weak, so that dropping the writer closes the queue and with it the connection.
    pass: std::sync::Weak<Pass>,
    framer: Framer,
    opened: Instant,
    heard: Instant,
    /// A full message came.
    spoke: bool,
    ponged: Option<Instant>,
    pings: u32,
}

/// Why a connection ends.
struct Finished;

impl Connection {
    fn new(
        door: Arc<Door>,
        flow: Flow,
        stream: TcpStream,
        writes: mpsc::Receiver<Wire>,
        pass: std::sync::Weak<Pass>,
    ) -> Self {
        let now = Instant::now();
        Self {
            door,
            flow,
            stream,
            writes,
            pass,
            framer: Framer::new(),
            opened: now,
            heard: now,
            spoke: false,
            ponged: None,
            pings: 0,
        }
    }

    async fn run(mut self) {
        let closing = self.door.closing.clone();
        let mut buffer = vec![0; READ];
        loop {
            let deadline = self.deadline();
            let step = tokio::select! {
                () = closing.cancelled() => Err(Finished),
                read = self.stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => Err(Finished),
                    Ok(count) => self.read(buffer.get(..count).unwrap_or_default()).await,
                },
                message = self.writes.recv() => match message {
                    Some(bytes) => self.write(&bytes).await,
                    None => Err(Finished),
                },
                () = tokio::time::sleep_until(deadline) => {
                    if self.deadline() <= Instant::now() { Err(Finished) } else { Ok(()) }
                }
            };
            if step.is_err() {
                break;
            }
        }
        // What the endpoint queued before the end, such as a last 200, still goes out.
        self.writes.close();
        while let Ok(bytes) = self.writes.try_recv() {
            if self.write(&bytes).await.is_err() {
                break;
            }
        }
        let _ = timeout(WRITE, self.stream.shutdown()).await;
        let _ = self.door.sender.send(FromStream::Closed { flow: self.flow }).await;
    }

    /// When this connection ends if nothing more comes.
    fn deadline(&self) -> Instant {
        let limits = &self.door.limits;
        let stranger = self.pass.upgrade().is_some_and(|pass| pass.stranger.load(Ordering::Relaxed));
        match (stranger, self.spoke) {
            (true, false) => self.opened + limits.first_message,
            (true, true) => self.heard + limits.unauthenticated_idle,
            (false, _) => self.heard + limits.idle,
        }
    }

    async fn read(&mut self, bytes: &[u8]) -> Result<(), Finished> {
        self.framer.push(bytes);
        while let Some(frame) = self.framer.next() {
            match frame {
                Ok(Frame::Message(bytes)) => {
                    self.spoke = true;
                    self.heard = Instant::now();
                    let message = FromStream::Message { flow: self.flow, bytes };
                    self.door.sender.send(message).await.map_err(|_| Finished)?;
                }
                Ok(Frame::KeepAlive) => self.pong().await?,
                Ok(Frame::Pong) => {}
                Err(lost) => {
                    let tag = format!("{:08x}", rand::random::<u32>());
                    if let Some(answer) = lost.error.answer(self.flow.peer, &tag) {
                        self.write(&answer).await?;
                    }
                    return Err(Finished);
                }
            }
        }
        Ok(())
    }

    /// Answers a double CRLF by one (RFC 5626 §4.4.1), not more often than every two seconds.
    async fn pong(&mut self) -> Result<(), Finished> {
        let now = Instant::now();
        if self.ponged.is_some_and(|at| now - at < PONG_EVERY) {
            self.pings += 1;
            return if self.pings > MAX_PINGS { Err(Finished) } else { Ok(()) };
        }
        self.ponged = Some(now);
        self.pings = 0;
        if self.spoke {
            self.heard = now;
        }
        self.write(b"\r\n").await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Finished> {
        match timeout(WRITE, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Finished),
        }
    }
}
