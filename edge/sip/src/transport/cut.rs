//! How the bytes of a connection become messages, and messages bytes: by Content-Length, or by WebSocket frames.

use bytes::Bytes;
use sip_proto::{
    message::{Frame, Framer, ParseError},
    websocket::{self, Event, Kind, Violation, WebSocket},
};

/// What one connection speaks.
#[derive(Debug)]
pub(crate) enum Cut {
    Stream(Framer),
    WebSocket(WebSocket),
}

/// One thing a connection brought.
#[derive(Debug)]
pub(crate) enum Piece {
    Message(Bytes),
    /// A CRLF keep-alive to be answered by a CRLF (RFC 5626 §4.4.1).
    KeepAlive,
    /// The answer to a keep-alive of ours.
    Pong,
    /// A WebSocket ping to be answered with its bytes.
    Ping(Bytes),
    /// Send the last words, then close.
    Over(LastWords),
}

/// What is still sent on a connection that ends.
#[derive(Debug)]
pub(crate) enum LastWords {
    /// An answer to what could not be read, if there is one.
    Answer(ParseError),
    /// A WebSocket close with this code.
    Close(u16),
}

impl Cut {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Stream(framer) => framer.push(bytes),
            Self::WebSocket(socket) => socket.push(bytes),
        }
    }

    pub(crate) fn next(&mut self) -> Option<Piece> {
        match self {
            Self::Stream(framer) => Some(match framer.next()? {
                Ok(Frame::Message(bytes)) => Piece::Message(bytes),
                Ok(Frame::KeepAlive) => Piece::KeepAlive,
                Ok(Frame::Pong) => Piece::Pong,
                Err(lost) => Piece::Over(LastWords::Answer(lost.error)),
            }),
            Self::WebSocket(socket) => Some(match socket.next()? {
                Ok(Event::Message(bytes)) => whole(bytes),
                Ok(Event::Ping(bytes)) => Piece::Ping(bytes),
                Ok(Event::Pong) => Piece::Pong,
                Ok(Event::Close(code)) => Piece::Over(LastWords::Close(code.unwrap_or(1000))),
                Err(violation) => Piece::Over(LastWords::Close(violation.code)),
            }),
        }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        matches!(self, Self::WebSocket(_))
    }

    /// Returns a message of ours as it goes over the wire, `None` if that is as it is.
    pub(crate) fn framed(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.is_websocket().then(|| websocket::frame(kind(bytes), bytes, None))
    }

    /// Returns a ping of ours.
    pub(crate) fn ping(&self) -> Vec<u8> {
        match self {
            Self::Stream(_) => b"\r\n\r\n".to_vec(),
            Self::WebSocket(_) => websocket::frame(Kind::Ping, b"", None),
        }
    }
}

/// Text where it can be: some WebSocket stacks do not take binary frames. SIP may hold bytes that are no UTF-8.
fn kind(bytes: &[u8]) -> Kind {
    if std::str::from_utf8(bytes).is_ok() { Kind::Text } else { Kind::Binary }
}

/// Judges a WebSocket message: it is one SIP message, with or without Content-Length (RFC 7118 §5).
fn whole(bytes: Bytes) -> Piece {
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return if bytes.len() >= 4 { Piece::KeepAlive } else { Piece::Pong };
    }
    let mut framer = Framer::new();
    framer.push(&bytes);
    match framer.next() {
        Some(Ok(Frame::Message(message))) if message.len() == bytes.len() => Piece::Message(bytes),
        // What the framer cannot measure the parser answers.
        Some(Err(_)) => Piece::Message(bytes),
        _ => Piece::Over(LastWords::Close(Violation::UNACCEPTABLE.code)),
    }
}

#[cfg(test)]
mod tests {
    use sip_proto::websocket::Role;

    use super::*;

    const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/WS c.invalid;branch=z9hG4bK1\r\n";

    fn cut(payload: &str) -> Option<Piece> {
        let mut cut = Cut::WebSocket(WebSocket::new(Role::Server));
        cut.push(&websocket::frame(Kind::Text, payload.as_bytes(), Some([7, 7, 7, 7])));
        cut.next()
    }

    #[test]
    fn a_frame_holds_one_message_with_or_without_its_length() {
        for body in ["\r\n", "Content-Length: 2\r\n\r\nhi", "Content-Length: 0\r\n\r\n"] {
            assert!(matches!(cut(&format!("{HEAD}{body}")), Some(Piece::Message(_))), "{body:?}");
        }
        let one = format!("{HEAD}Content-Length: 0\r\n\r\n");
        for payload in [format!("{one}{one}"), format!("{HEAD}Content-Length: 9\r\n\r\nhalf"), HEAD.to_owned()] {
            assert!(matches!(cut(&payload), Some(Piece::Over(LastWords::Close(1003)))), "{payload:?}");
        }
    }

    #[test]
    fn a_keep_alive_may_come_in_a_frame() {
        assert!(matches!(cut("\r\n\r\n"), Some(Piece::KeepAlive)));
        assert!(matches!(cut("\r\n"), Some(Piece::Pong)));
    }
}
