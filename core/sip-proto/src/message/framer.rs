//! Cutting a byte stream into messages (RFC 3261 §18.3, RFC 5626 §4.4.1).

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::{
    Name, ParseError, Status,
    head::{BodyLength, Lines, head_end},
    parse::{refusal, scan},
};
use crate::limits;

/// Cuts the bytes of one connection into messages and keep-alives.
///
/// ```text
///   push ──▶ [buffer] ──▶ next: CRLFCRLF → KeepAlive, CRLF → Pong, head + Content-Length → Message
///                             └─ length unknown or too large → FrameError, and nothing more
/// ```
///
/// A message that cannot be parsed but whose length is known does not hurt the connection.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes of the buffer in which no end of the head was found.
    searched: usize,
    /// Whole message length, once the head was read.
    wanted: Option<usize>,
    half_ping: bool,
    broken: bool,
}

/// One thing a stream brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole message for [`parse`](super::parse).
    Message(Bytes),
    /// CRLFCRLF between messages: answer with one CRLF.
    KeepAlive,
    /// CRLF between messages: the answer to a keep-alive of ours.
    Pong,
}

/// The stream lost its frame: send the answer if there is one, then close the connection.
#[derive(Debug, Clone)]
pub struct FrameError {
    /// What was wrong and what may be answered.
    pub error: ParseError,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream lost its frame: {}", self.error)
    }
}

impl std::error::Error for FrameError {}

impl Framer {
    /// Returns a framer for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the connection; call [`next`](Self::next) until `None` before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns the number of bytes that wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the next frame; `None` means that more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "the iterator would end and begin again")]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.broken {
            return None;
        }
        if self.wanted.is_none() {
            if let Some(frame) = self.keep_alive() {
                return Some(Ok(frame));
            }
            if *self.buffer == *b"\r" {
                return None;
            }
            let end = match head_end(&self.buffer, self.searched) {
                Some(end) if end <= limits::MESSAGE => end,
                None if self.buffer.len() <= limits::MESSAGE => {
                    self.searched = self.buffer.len();
                    return None;
                }
                _ => return Some(Err(self.fail(self.buffer.len(), Status::new(513, "Message Too Large")))),
            };
            match body_length(self.buffer.get(..end).unwrap_or_default()) {
                Ok(length) => match end.checked_add(length).filter(|whole| *whole <= limits::MESSAGE) {
                    Some(whole) => self.wanted = Some(whole),
                    None => return Some(Err(self.fail(end, Status::new(413, "Request Entity Too Large")))),
                },
                Err(status) => return Some(Err(self.fail(end, status))),
            }
        }
        let whole = self.wanted.filter(|whole| *whole <= self.buffer.len())?;
        self.wanted = None;
        self.searched = 0;
        self.half_ping = false;
        Some(Ok(Frame::Message(self.buffer.split_to(whole).freeze())))
    }

    /// Takes line ends between messages.
    fn keep_alive(&mut self) -> Option<Frame> {
        if !self.buffer.starts_with(b"\r\n") {
            return None;
        }
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.advance(4);
            self.half_ping = false;
            return Some(Frame::KeepAlive);
        }
        self.buffer.advance(2);
        // A ping may come in two pieces; its first half looked like a pong.
        self.half_ping = !self.half_ping;
        Some(if self.half_ping { Frame::Pong } else { Frame::KeepAlive })
    }

    fn fail(&mut self, head: usize, status: Status) -> FrameError {
        self.broken = true;
        let head = self.buffer.split_to(head.min(limits::MESSAGE).min(self.buffer.len())).freeze();
        self.buffer = BytesMut::new();
        FrameError { error: refusal(scan(head).0, status) }
    }
}

/// Reads Content-Length from a head; on a stream there must be one (RFC 3261 §20.14).
fn body_length(head: &[u8]) -> Result<usize, Status> {
    let mut lines = Lines::new(head);
    let mut length = BodyLength::default();
    // A malformed line is the parser's business, unless others might read another length from it.
    _ = lines.start();
    while let Some(field) = lines.field() {
        if field.torn {
            return Err(Status::bad("bare CR or LF"));
        }
        length.see(Name::parse(field.name), field.value)?;
    }
    length.declared().ok_or(Status::bad("missing Content-Length"))
}
