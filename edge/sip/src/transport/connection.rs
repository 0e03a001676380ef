//! One connection: its task reads, writes and keeps it alive, bounded on every side.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use sip_proto::{
    message::Framer,
    websocket::{self, Kind, Role, WebSocket},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, timeout},
};

use super::{
    cut::{Cut, LastWords, Piece},
    door::{Door, Writes},
};
use crate::{Flow, connections::FromStream};

/// Bytes read at once. They lie on the stack of the read: a connection at rest holds none.
const READ: usize = 8 * 1024;
/// The longest wait for a peer that does not read.
const WRITE: Duration = Duration::from_secs(10);
/// A keep-alive is answered at most this often.
const PONG_EVERY: Duration = Duration::from_secs(2);
/// Keep-alives within [`PONG_EVERY`] that a friend gets answers to.
const FRIENDLY_PINGS: u32 = 16;
/// Keep-alives within [`PONG_EVERY`] that are still nobody's flood.
const MAX_PINGS: u32 = 256;

pub(crate) struct Connection<S> {
    door: Arc<Door>,
    flow: Flow,
    stream: S,
    writes: Writes,
    cut: Cut,
    opened: Instant,
    heard: Instant,
    /// A full message came.
    spoke: bool,
    ponged: Option<Instant>,
    pings: u32,
    /// When we asked whether the peer is there, and it did not answer yet.
    asked: Option<Instant>,
    /// It answered such a question once: from then on it has to.
    answers: bool,
}

/// Why a connection ends.
struct Finished;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Returns a connection whose handshakes are done.
    pub(crate) fn new(door: Arc<Door>, flow: Flow, stream: S, writes: Writes) -> Self {
        let now = Instant::now();
        let is_websocket = flow.transport.is_websocket();
        let cut = if is_websocket { Cut::WebSocket(WebSocket::new(Role::Server)) } else { Cut::Stream(Framer::new()) };
        Self {
            door,
            flow,
            stream,
            writes,
            cut,
            opened: now,
            heard: now,
            spoke: false,
            ponged: None,
            pings: 0,
            asked: None,
            // Every WebSocket stack answers a ping (RFC 6455 §5.5.2).
            answers: is_websocket,
        }
    }

    /// Gives it bytes that came with the handshake, then runs it to its end.
    pub(crate) async fn run_after(mut self, early: &[u8]) {
        self.cut.push(early);
        if self.pieces().await.is_ok() {
            self.run().await;
        } else {
            self.close().await;
        }
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) {
        let closing = self.door.closing.clone();
        loop {
            let deadline = self.deadline();
            let step = tokio::select! {
                () = closing.cancelled() => Err(Finished),
                read = read(&mut self.stream, &mut self.cut) => match read {
                    Ok(0) | Err(_) => Err(Finished),
                    Ok(_) => self.pieces().await,
                },
                message = self.writes.queue.recv() => match message {
                    Some(bytes) => self.write(&bytes).await,
                    None => Err(Finished),
                },
                () = tokio::time::sleep_until(deadline) => self.due().await,
            };
            if step.is_err() {
                break;
            }
        }
        self.close().await;
    }

    async fn close(mut self) {
        // What the endpoint queued before the end, such as a last 200, still goes out.
        self.writes.queue.close();
        while let Ok(bytes) = self.writes.queue.try_recv() {
            if self.write(&bytes).await.is_err() {
                break;
            }
        }
        let _ = timeout(WRITE, self.stream.shutdown()).await;
        let _ = self.door.sender.send(FromStream::Closed { flow: self.flow }).await;
    }

    /// When there is something to do if nothing comes before.
    fn deadline(&self) -> Instant {
        let end = self.end();
        if self.is_stranger() {
            // Nobody wakes us when it becomes a friend: it is looked at again before a friend would be asked.
            return end.min(Instant::now() + self.door.limits.ping);
        }
        match (self.asked, self.ask_after()) {
            (Some(asked), _) if self.answers => end.min(asked + self.door.limits.pong),
            (None, Some(after)) => end.min(self.heard + after),
            _ => end,
        }
    }

    /// When this connection ends if nothing more comes.
    fn end(&self) -> Instant {
        let limits = &self.door.limits;
        match (self.is_stranger(), self.spoke) {
            (true, false) => self.opened + limits.first_message,
            (true, true) => self.heard + limits.unauthenticated_idle,
            (false, _) => self.heard + limits.idle,
        }
    }

    /// How long a silence makes us ask whether the peer is there. The kernel asks for TCP, unless settings want more.
    fn ask_after(&self) -> Option<Duration> {
        let limits = &self.door.limits;
        if self.is_stranger() {
            return None;
        }
        if self.cut.is_websocket() { Some(limits.ping) } else { limits.stream_ping }
    }

    fn is_stranger(&self) -> bool {
        self.writes.pass.upgrade().is_some_and(|pass| pass.is_stranger())
    }

    async fn due(&mut self) -> Result<(), Finished> {
        let now = Instant::now();
        if self.end() <= now {
            return Err(Finished);
        }
        if let Some(asked) = self.asked {
            let is_dead = self.answers && asked + self.door.limits.pong <= now;
            return if is_dead { Err(Finished) } else { Ok(()) };
        }
        if self.ask_after().is_some_and(|after| self.heard + after <= now) {
            self.asked = Some(now);
            let ping = self.cut.ping();
            return self.write_raw(&ping).await;
        }
        Ok(())
    }

    /// Takes what has been read.
    async fn pieces(&mut self) -> Result<(), Finished> {
        while let Some(piece) = self.cut.next() {
            self.asked = None;
            match piece {
                Piece::Message(bytes) => {
                    self.spoke = true;
                    self.heard = Instant::now();
                    let message = FromStream::Message { flow: self.flow, bytes };
                    self.door.sender.send(message).await.map_err(|_| Finished)?;
                }
                Piece::KeepAlive if self.may_answer_ping()? => self.write(b"\r\n").await?,
                Piece::Ping(bytes) if self.may_answer_ping()? => {
                    let pong = websocket::frame(Kind::Pong, &bytes, None);
                    self.write_raw(&pong).await?;
                }
                Piece::KeepAlive | Piece::Ping(_) => {}
                Piece::Pong => {
                    self.answers = true;
                    // A stranger does not buy time with it.
                    if self.spoke {
                        self.heard = Instant::now();
                    }
                }
                Piece::Over(last) => {
                    self.say(last).await?;
                    return Err(Finished);
                }
            }
        }
        Ok(())
    }

    async fn say(&mut self, last: LastWords) -> Result<(), Finished> {
        match last {
            LastWords::Answer(error) => {
                let tag = format!("{:08x}", rand::random::<u32>());
                match error.answer(self.flow.peer, &tag) {
                    Some(answer) => self.write(&answer).await,
                    None => Ok(()),
                }
            }
            LastWords::Close(code) => {
                let close = websocket::frame(Kind::Close, &code.to_be_bytes(), None);
                self.write_raw(&close).await
            }
        }
    }

    /// Keep-alives are answered (RFC 5626 §4.4.1), those of strangers not more often than every two seconds; a flood ends
    /// the connection. A page that wakes up asks again at once, and takes silence for a dead connection.
    fn may_answer_ping(&mut self) -> Result<bool, Finished> {
        let now = Instant::now();
        if self.ponged.is_some_and(|at| now - at < PONG_EVERY) {
            self.pings += 1;
            let answers = self.pings < FRIENDLY_PINGS && !self.is_stranger();
            return if self.pings > MAX_PINGS { Err(Finished) } else { Ok(answers) };
        }
        self.ponged = Some(now);
        self.pings = 0;
        if self.spoke {
            self.heard = now;
        }
        Ok(true)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Finished> {
        match self.cut.framed(bytes) {
            Some(framed) => self.write_raw(&framed).await,
            None => self.write_raw(bytes).await,
        }
    }

    async fn write_raw(&mut self, bytes: &[u8]) -> Result<(), Finished> {
        let write = async {
            self.stream.write_all(bytes).await?;
            // TLS holds what does not fill a record.
            self.stream.flush().await
        };
        match timeout(WRITE, write).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Finished),
        }
    }
}

/// Reads once into `cut`; returns the number of bytes, 0 at the end.
async fn read<S: AsyncRead + Unpin>(stream: &mut S, cut: &mut Cut) -> io::Result<usize> {
    poll_fn(|context| {
        let mut space = [MaybeUninit::<u8>::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        cut.push(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}
