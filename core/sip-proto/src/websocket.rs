//! WebSocket frames (RFC 6455) as SIP needs them (RFC 7118): whole messages and control frames, no extensions.
//!
//! ```text
//!   push ──▶ [buffer] ──▶ next: a message (its fragments put together), a ping, a pong, a close
//!                             └─ not allowed → Violation: send its close code, and nothing more
//! ```

use bytes::{Buf, Bytes, BytesMut};

use crate::limits;

/// Most fragments of one message: no SIP stack splits its messages at all.
const FRAGMENTS: u32 = 64;
/// Longest payload of a control frame (RFC 6455 §5.5).
const CONTROL: usize = 125;

/// Which side of the connection we are: a client masks what it sends (RFC 6455 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// One thing that a connection brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole text or binary message.
    Message(Bytes),
    /// To be answered by a pong with the same bytes.
    Ping(Bytes),
    Pong,
    /// The peer is done; its code, if it gave a proper one.
    Close(Option<u16>),
}

/// The peer broke the protocol or a limit: send a close with this code, then close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("closed with {code}: {why}")]
pub struct Violation {
    pub code: u16,
    why: &'static str,
}

impl Violation {
    /// What we do not take, such as two SIP messages in one frame.
    pub const UNACCEPTABLE: Self = Self { code: 1003, why: "not one SIP message" };
    /// More than anybody needs.
    pub const TOO_MUCH: Self = Self { code: 1008, why: "too many frames" };

    const fn protocol(why: &'static str) -> Self {
        Self { code: 1002, why }
    }
}

/// Puts the frames of one connection together.
#[derive(Debug)]
pub struct WebSocket {
    role: Role,
    buffer: BytesMut,
    /// The message under way, with its number of fragments.
    message: BytesMut,
    fragments: u32,
    is_text: bool,
    is_over: bool,
}

/// A frame's header.
struct Head {
    is_last: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Bytes of the header, and of the payload.
    length: usize,
    payload: usize,
}

impl WebSocket {
    /// Returns a machine for a connection whose handshake is done.
    pub fn new(role: Role) -> Self {
        let (buffer, message) = (BytesMut::new(), BytesMut::new());
        Self { role, buffer, message, fragments: 0, is_text: false, is_over: false }
    }

    /// Takes bytes from the connection; call [`next`](Self::next) until `None` before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns whether nothing waits for the rest of its message.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.fragments == 0
    }

    /// Returns the next event; `None` means that more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "the iterator would end and begin again")]
    pub fn next(&mut self) -> Option<Result<Event, Violation>> {
        loop {
            if self.is_over {
                return None;
            }
            let step = match self.head() {
                Ok(None) => return None,
                Ok(Some(head)) if self.buffer.len() < head.length + head.payload => return None,
                Ok(Some(head)) => self.frame(&head),
                Err(violation) => Err(violation),
            };
            if self.buffer.is_empty() {
                // A connection at rest holds no buffer.
                self.buffer = BytesMut::new();
            }
            match step {
                Ok(None) => {}
                Ok(Some(event)) => {
                    self.is_over = matches!(event, Event::Close(_));
                    return Some(Ok(event));
                }
                Err(violation) => {
                    self.is_over = true;
                    (self.buffer, self.message) = Default::default();
                    return Some(Err(violation));
                }
            }
        }
    }

    /// Reads the header at the start of the buffer and judges it before its payload is waited for.
    fn head(&self) -> Result<Option<Head>, Violation> {
        let [first, second, rest @ ..] = &self.buffer[..] else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Violation::protocol("reserved bits"));
        }
        let (is_last, opcode, is_masked) = (first & 0x80 != 0, first & 0x0f, second & 0x80 != 0);
        if is_masked != (self.role == Role::Server) {
            return Err(Violation::protocol("the mask"));
        }
        let (extended, payload) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (2, usize::from(u16::from_be_bytes([*a, *b]))),
            (127, [a, b, c, d, e, f, g, h, ..]) => {
                let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                (8, usize::try_from(length).unwrap_or(usize::MAX))
            }
            (126 | 127, _) => return Ok(None),
            (short, _) => (0, usize::from(short)),
        };
        match opcode {
            0x0..=0x2 if payload > limits::MESSAGE.saturating_sub(self.message.len()) => {
                return Err(Violation { code: 1009, why: "too long" });
            }
            0x0 if self.fragments == 0 => return Err(Violation::protocol("nothing to continue")),
            0x1 | 0x2 if self.fragments > 0 => return Err(Violation::protocol("a message inside of a message")),
            0x0..=0x2 => {}
            0x8..=0xa if payload > CONTROL || !is_last => return Err(Violation::protocol("a control frame")),
            0x8..=0xa => {}
            _ => return Err(Violation::protocol("an unknown kind")),
        }
        let masked = if is_masked { 4 } else { 0 };
        let mask = match rest.get(extended..extended + masked) {
            Some([a, b, c, d]) => Some([*a, *b, *c, *d]),
            Some(_) => None,
            None => return Ok(None),
        };
        Ok(Some(Head { is_last, opcode, mask, length: 2 + extended + masked, payload }))
    }

    fn frame(&mut self, head: &Head) -> Result<Option<Event>, Violation> {
        self.buffer.advance(head.length);
        let mut payload = self.buffer.split_to(head.payload);
        if let Some(mask) = head.mask {
            apply(mask, &mut payload);
        }
        match head.opcode {
            0x8 => return close(&payload).map(Some),
            0x9 => return Ok(Some(Event::Ping(payload.freeze()))),
            0xa => return Ok(Some(Event::Pong)),
            0x0 => {}
            opcode => self.is_text = opcode == 0x1,
        }
        if self.fragments == 0 && head.is_last {
            return self.whole(payload).map(Some);
        }
        self.fragments += 1;
        if self.fragments > FRAGMENTS {
            return Err(Violation::TOO_MUCH);
        }
        self.message.extend_from_slice(&payload);
        if !head.is_last {
            return Ok(None);
        }
        self.fragments = 0;
        let message = std::mem::take(&mut self.message);
        self.whole(message).map(Some)
    }

    fn whole(&self, message: BytesMut) -> Result<Event, Violation> {
        if self.is_text && std::str::from_utf8(&message).is_err() {
            return Err(Violation { code: 1007, why: "text that is no UTF-8" });
        }
        Ok(Event::Message(message.freeze()))
    }
}

/// Reads the payload of a close frame (RFC 6455 §5.5.1, §7.4).
fn close(payload: &[u8]) -> Result<Event, Violation> {
    let code = match payload {
        [] => return Ok(Event::Close(None)),
        [high, low, reason @ ..] if std::str::from_utf8(reason).is_ok() => u16::from_be_bytes([*high, *low]),
        _ => return Err(Violation::protocol("a close")),
    };
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Event::Close(Some(code))),
        _ => Err(Violation::protocol("a close code")),
    }
}

/// Returns one frame with the whole payload; a client gives a random mask, a server none.
pub fn frame(kind: Kind, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let opcode = match kind {
        Kind::Text => 0x1,
        Kind::Binary => 0x2,
        Kind::Close => 0x8,
        Kind::Ping => 0x9,
        Kind::Pong => 0xa,
    };
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    bytes.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => bytes.push(masked | length),
        (_, Ok(length)) => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    let start = bytes.len() + mask.map_or(0, |mask| mask.len());
    bytes.extend(mask.into_iter().flatten());
    bytes.extend_from_slice(payload);
    if let (Some(mask), Some(payload)) = (mask, bytes.get_mut(start..)) {
        apply(mask, payload);
    }
    bytes
}

fn apply(mask: [u8; 4], payload: &mut [u8]) {
    for (byte, key) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

    fn heard(bytes: &[u8]) -> Vec<Result<Event, u16>> {
        let mut socket = WebSocket::new(Role::Server);
        socket.push(bytes);
        std::iter::from_fn(|| socket.next()).map(|event| event.map_err(|violation| violation.code)).collect()
    }

    fn message(text: &'static [u8]) -> Result<Event, u16> {
        Ok(Event::Message(Bytes::from_static(text)))
    }

    #[test]
    fn text_binary_and_fragments_are_messages() {
        let mut bytes = frame(Kind::Text, b"one", MASK);
        bytes.extend(frame(Kind::Binary, b"two\xff", MASK));
        // "three" in two pieces with a ping between them.
        bytes.extend([0x01, 0x82, 0, 0, 0, 0, b't', b'h']);
        bytes.extend(frame(Kind::Ping, b"?", MASK));
        bytes.extend([0x80, 0x83, 0, 0, 0, 0, b'r', b'e', b'e']);
        let ping = Ok(Event::Ping(Bytes::from_static(b"?")));
        assert_eq!(heard(&bytes), [message(b"one"), message(b"two\xff"), ping, message(b"three")]);
    }

    #[test]
    fn what_breaks_the_protocol_closes_with_its_code() {
        let long = u16::try_from(limits::MESSAGE / 2 + 1).expect("half of a message").to_be_bytes();
        let half = [&[0x01, 0xfe][..], &long, &[0; 4], &vec![b'x'; limits::MESSAGE / 2 + 1]].concat();
        let rest = [&[0x80, 0xfe][..], &long, &[0; 4]].concat();
        for (what, bytes, code) in [
            ("no mask", frame(Kind::Text, b"x", None), 1002),
            ("compression", vec![0xc1, 0x80, 0, 0, 0, 0], 1002),
            ("an unknown kind", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
            ("nothing to continue", vec![0x80, 0x80, 0, 0, 0, 0], 1002),
            ("two at once", vec![0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], 1002),
            ("a long ping", frame(Kind::Ping, &[0; 126], MASK), 1002),
            ("a ping in pieces", vec![0x09, 0x80, 0, 0, 0, 0], 1002),
            ("16 MiB", [&[0x81, 0xff][..], &(16_u64 << 20).to_be_bytes()].concat(), 1009),
            ("2^63", [&[0x81, 0xff][..], &(1_u64 << 63).to_be_bytes()].concat(), 1009),
            ("too much in pieces", [half, rest].concat(), 1009),
            ("no UTF-8", frame(Kind::Text, b"\xff", MASK), 1007),
            ("close 1005", frame(Kind::Close, &1005_u16.to_be_bytes(), MASK), 1002),
            ("close 999", frame(Kind::Close, &999_u16.to_be_bytes(), MASK), 1002),
            ("close 65535", frame(Kind::Close, &u16::MAX.to_be_bytes(), MASK), 1002),
            ("half a close code", frame(Kind::Close, &[3], MASK), 1002),
        ] {
            assert_eq!(heard(&bytes).last(), Some(&Err(code)), "{what}");
        }
        let empty = [&[0x01, 0x80, 0, 0, 0, 0][..], &[0x00, 0x80, 0, 0, 0, 0].repeat(1_000_000)].concat();
        assert_eq!(heard(&empty), [Err(1008)], "a million empty fragments");
    }

    #[test]
    fn nothing_is_heard_after_a_close() {
        let mut bytes = frame(Kind::Close, b"", MASK);
        bytes.extend(frame(Kind::Text, b"more", MASK));
        assert_eq!(heard(&bytes), [Ok(Event::Close(None))]);
    }

    #[test]
    fn a_connection_at_rest_holds_no_buffer() {
        let mut socket = WebSocket::new(Role::Server);
        socket.push(&frame(Kind::Text, &[b'x'; 2000], MASK));
        assert!(socket.next().is_some() && socket.next().is_none());
        assert_eq!((socket.is_empty(), socket.buffer.capacity(), socket.message.capacity()), (true, 0, 0));
    }

    proptest! {
        #[test]
        fn frames_are_read_back_however_they_are_cut(payload in ".{0,300}", cut in 1_usize..50) {
            let mut client = WebSocket::new(Role::Client);
            let mut events = Vec::new();
            for piece in frame(Kind::Text, payload.as_bytes(), None).chunks(cut) {
                client.push(piece);
                events.extend(std::iter::from_fn(|| client.next()));
            }
            prop_assert_eq!(events, [Ok(Event::Message(Bytes::from(payload.into_bytes())))]);
        }

        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
            heard(&noise);
        }
    }
}
