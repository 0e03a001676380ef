//! From bytes to a [`Message`].

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;

use super::{
    BRANCH_COOKIE, Entry, Message, Method, Name, NameAddr, ResponseBuilder, Start, Status, Via, Wire,
    head::{BodyLength, Lines, head_end},
};
use crate::{
    limits,
    text::{Span, decimal, is_token, split_once},
    uri::{Uri, UriError},
};

/// Why a message was refused, and what is needed to say so.
#[derive(Clone)]
pub struct ParseError {
    /// Status to answer a request with.
    pub status: u16,
    /// What was wrong, without any text of the message.
    pub reason: &'static str,
    /// The readable part of a request that may be answered; `None` for responses, ACK and what has no usable Via.
    pub salvage: Option<Box<Message>>,
}

impl ParseError {
    /// Builds the stateless answer; `None` means that the message is dropped.
    pub fn answer(&self, source: SocketAddr, to_tag: &str) -> Option<Wire> {
        let request = self.salvage.as_deref()?;
        Some(ResponseBuilder::for_request(request, self.status, self.reason).source(source).to_tag(to_tag).wire())
    }
}

impl fmt::Debug for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.status, self.reason, if self.salvage.is_some() { "answer" } else { "drop" })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for ParseError {}

/// Parses one whole message: a datagram, a WebSocket message or a frame of a stream.
///
/// Without Content-Length the body is the rest (RFC 3261 §18.3); with one, bytes behind it are ignored.
pub fn parse(datagram: Bytes) -> Result<Message, ParseError> {
    let (message, fault) = scan(datagram);
    match fault.map_or_else(|| validate(&message), Err) {
        Ok(()) => Ok(message),
        Err(fault) => Err(refusal(message, fault)),
    }
}

/// Turns a fault into an error, keeping what may be answered.
pub(super) fn refusal(message: Message, fault: Status) -> ParseError {
    let answerable = message.is_request()
        && *message.method() != Method::Ack
        && message.cseq.1 != Method::Ack
        && message.header(Name::CSeq).is_some()
        && message.via().is_some_and(|via| via.branch().is_none_or(|branch| branch.len() <= limits::TOKEN));
    ParseError { status: fault.code, reason: fault.reason, salvage: answerable.then(|| Box::new(message)) }
}

/// Indexes a message without judging its values. The message holds whatever could be read.
pub(super) fn scan(datagram: Bytes) -> (Message, Option<Status>) {
    let mut fault = None;
    let mut note = |status: Status| {
        fault.get_or_insert(status);
    };
    let mut bytes = datagram;
    // Empty lines before the start line are ignored (RFC 3261 §7.5).
    while bytes.starts_with(b"\r\n") {
        bytes = bytes.slice(2..);
    }
    if bytes.len() > limits::MESSAGE {
        note(Status::new(513, "Message Too Large"));
        bytes.truncate(limits::MESSAGE);
    }
    let end = head_end(&bytes, 0).unwrap_or_else(|| {
        note(Status::bad("no end of the header"));
        bytes.len()
    });
    let (head, rest) = bytes.split_at_checked(end).unwrap_or((&bytes, &[]));

    let mut lines = Lines::new(head);
    let (line, line_fault) = lines.start();
    if let Some(status) = line_fault {
        note(status);
    }
    let start = start_line(&bytes, line, &mut note);
    let blank = Entry { id: Name::Other, name: Span::default(), value: Span::default() };
    let mut entries = [blank; limits::HEADERS];
    let mut slots = entries.iter_mut();
    let mut used = 0_usize;
    let mut folded = false;
    let mut length = BodyLength::default();
    while let Some(field) = lines.field() {
        if let Some(status) = field.fault {
            note(status);
        }
        if field.name.is_empty() {
            continue;
        }
        folded |= field.folded;
        let id = Name::parse(field.name);
        if let Err(status) = length.see(id, field.value) {
            note(status);
        }
        let Some(slot) = slots.next() else {
            note(Status::bad("too many header fields"));
            break;
        };
        *slot = Entry { id, name: Span::of(&bytes, field.name), value: Span::of(&bytes, field.value) };
        used = used.saturating_add(1);
    }

    let body_length = match length.declared() {
        None => rest.len(),
        Some(declared) if declared <= rest.len() => declared,
        Some(_) => {
            note(Status::bad("Content-Length is larger than the message"));
            rest.len()
        }
    };
    bytes.truncate(end.saturating_add(body_length));
    if folded {
        bytes = unfold(&bytes, end);
    }
    let body = bytes.slice(end.min(bytes.len())..);
    let fields: Arc<[Entry]> = Arc::from(entries.get(..used).unwrap_or_default());
    let mut message = Message { bytes, start, fields, body, cseq: (0, Method::Other("".into())) };
    match message.header(Name::CSeq).map(cseq) {
        Some(Some(cseq)) => message.cseq = cseq,
        Some(None) => note(Status::bad("malformed CSeq")),
        None => note(Status::bad("missing CSeq")),
    }
    (message, fault)
}

/// Reads the start line; its text is spans of `bytes`.
fn start_line(bytes: &[u8], line: &[u8], note: &mut impl FnMut(Status)) -> Start {
    if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        let (version, rest) = split_once(line, b' ').unwrap_or((line, &[]));
        let (code, phrase) = split_once(rest, b' ').unwrap_or((rest, &[]));
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            note(Status::new(505, "Version Not Supported"));
        }
        let status = decimal::<u16>(code).filter(|status| code.len() == 3 && (100..700).contains(status));
        if status.is_none() {
            note(Status::bad("malformed status"));
        }
        return Start::Response { status: status.unwrap_or(0), phrase: Span::of(bytes, phrase) };
    }
    let unreadable = |method| Start::Request { method, uri: Span::default() };
    let Some((method, rest)) = split_once(line, b' ') else {
        note(Status::bad("malformed request line"));
        return unreadable(Method::Other("".into()));
    };
    let method = match Method::parse(method) {
        Some(known) if method.len() <= limits::TOKEN => known,
        _ => {
            note(Status::bad("malformed method"));
            Method::Other("".into())
        }
    };
    let Some(blank) = rest.iter().rposition(|&byte| byte == b' ') else {
        note(Status::bad("malformed request line"));
        return unreadable(method);
    };
    let (uri, version) = rest.split_at_checked(blank).unwrap_or_default();
    let version = version.get(1..).unwrap_or_default();
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        note(if is_version(version) {
            Status::new(505, "Version Not Supported")
        } else {
            Status::bad("malformed request line")
        });
    }
    if uri.iter().any(u8::is_ascii_whitespace) {
        note(Status::bad("blanks in the request line"));
    }
    Start::Request { method, uri: Span::of(bytes, uri) }
}

/// Tells whether the text reads `SIP/digits.digits`.
fn is_version(text: &[u8]) -> bool {
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
        && text
            .get(4..)
            .and_then(|rest| split_once(rest, b'.'))
            .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// Reads `number method` (RFC 3261 §20.16).
fn cseq(value: &[u8]) -> Option<(u32, Method)> {
    let blank = value.iter().position(u8::is_ascii_whitespace)?;
    let (number, method) = value.split_at_checked(blank)?;
    let method = method.trim_ascii();
    let number = decimal::<u32>(number).filter(|number| *number <= limits::CSEQ)?;
    (method.len() <= limits::TOKEN).then_some(())?;
    Some((number, Method::parse(method)?))
}

/// Overwrites each line break of a fold by blanks: the text keeps its length and its offsets.
fn unfold(bytes: &Bytes, head: usize) -> Bytes {
    let mut copy = bytes.to_vec();
    let mut rest = copy.get_mut(..head).unwrap_or_default();
    loop {
        if let [cr @ b'\r', lf @ b'\n', b' ' | b'\t', ..] = rest {
            *cr = b' ';
            *lf = b' ';
        }
        let [_, tail @ ..] = rest else { break };
        rest = tail;
    }
    Bytes::from(copy)
}

/// Header fields that may stand once only.
const SINGLE: [Name; 15] = [
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::MaxForwards,
    Name::ContentType,
    Name::Expires,
    Name::ReferTo,
    Name::Replaces,
    Name::SessionExpires,
    Name::MinSe,
    Name::Event,
    Name::RAck,
    Name::RSeq,
    Name::Date,
];

/// Judges the values every message must have right.
fn validate(message: &Message) -> Result<(), Status> {
    if let Start::Request { method, uri } = &message.start {
        request_uri(message.bytes.slice_ref(uri.get(&message.bytes)))?;
        if *method != message.cseq.1 {
            return Err(Status::bad("CSeq has another method"));
        }
        if message.header(Name::MaxForwards).is_some() && message.max_forwards().is_none() {
            return Err(Status::bad("malformed Max-Forwards"));
        }
    }
    let mut seen = 0_u128;
    for entry in message.fields.iter().filter(|entry| SINGLE.contains(&entry.id)) {
        let bit = 1_u128.checked_shl(u32::from(entry.id.index())).unwrap_or(0);
        if seen & bit != 0 {
            return Err(Status::bad("a header field stands more than once"));
        }
        seen |= bit;
    }
    via(message)?;
    for (name, missing, malformed) in
        [(Name::From, "missing From", "malformed From"), (Name::To, "missing To", "malformed To")]
    {
        let value = message.header(name).ok_or_else(|| Status::bad(missing))?;
        let address = NameAddr::from_bytes(message.bytes.slice_ref(value)).map_err(|_| Status::bad(malformed))?;
        let tag = address.params().value("tag");
        if tag.is_some_and(|tag| tag.len() > limits::TOKEN || !is_token(tag)) {
            return Err(Status::bad(malformed));
        }
    }
    let call_id = message.header(Name::CallId).ok_or(Status::bad("missing Call-ID"))?;
    if call_id.is_empty() || call_id.len() > limits::TOKEN || !call_id.iter().all(u8::is_ascii_graphic) {
        return Err(Status::bad("malformed Call-ID"));
    }
    if message.is_request() { request_fields(message) } else { Ok(()) }
}

fn request_uri(raw: Bytes) -> Result<(), Status> {
    match Uri::from_bytes(raw) {
        Ok(uri) if uri.headers().is_some() => Err(Status::bad("headers in the Request-URI")),
        Ok(_) => Ok(()),
        Err(UriError::TooLong) => Err(Status::new(414, "Request-URI Too Long")),
        Err(_) => Err(Status::bad("malformed Request-URI")),
    }
}

fn via(message: &Message) -> Result<(), Status> {
    let mut values = message.values(Name::Via);
    let top = values.next().ok_or(Status::bad("missing Via"))?;
    let mut others = 0_usize;
    for value in values {
        others = others.saturating_add(1);
        if others >= limits::VIAS {
            return Err(Status::bad("too many Via values"));
        }
        // Commas with nothing between them would count as hops (RFC 4475 §3.1.2.1).
        if matches!(value, [] | [b';', ..]) {
            return Err(Status::bad("empty Via value"));
        }
    }
    let top = Via::from_bytes(message.bytes.slice_ref(top)).ok_or(Status::bad("malformed Via"))?;
    match top.param("branch") {
        // The cookie promises an identifier behind it (RFC 4475 §3.2.1).
        Some(branch) if branch.eq_ignore_ascii_case(BRANCH_COOKIE) => Err(Status::bad("empty branch")),
        Some(branch) if branch.len() > limits::TOKEN => Err(Status::bad("branch too long")),
        _ => Ok(()),
    }
}

/// Judges what only requests are refused for: a response with a bad Contact still ends its transaction.
fn request_fields(message: &Message) -> Result<(), Status> {
    let mut contacts = 0_usize;
    for value in message.values(Name::Contact) {
        contacts = contacts.saturating_add(1);
        if contacts > limits::CONTACTS {
            return Err(Status::bad("too many Contact values"));
        }
        if value != b"*" && NameAddr::from_bytes(message.bytes.slice_ref(value)).is_err() {
            return Err(Status::bad("malformed Contact"));
        }
    }
    for name in [Name::Route, Name::RecordRoute] {
        let mut routes = 0_usize;
        for value in message.values(name) {
            routes = routes.saturating_add(1);
            if routes > limits::ROUTES {
                return Err(Status::bad("too many routes"));
            }
            if NameAddr::from_bytes(message.bytes.slice_ref(value)).is_err() {
                return Err(Status::bad("malformed route"));
            }
        }
    }
    // Dates are in GMT and nothing else (RFC 3261 §20.17).
    match message.header(Name::Date) {
        Some(date) if !date.ends_with(b" GMT") => Err(Status::bad("malformed Date")),
        _ => Ok(()),
    }
}
