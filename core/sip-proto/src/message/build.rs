//! Writing requests and responses.

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
};

use bytes::Bytes;

use super::{Message, Method, Name, NameAddr, Via, parse::scan};
use crate::text::{List, Params, is_token};

const ROOM: usize = 1024;

/// Writes a request into one buffer.
///
/// CR, LF and NUL are left out of every value, so that no value can become a header field.
#[derive(Debug)]
pub struct RequestBuilder {
    out: Vec<u8>,
    content: Content,
}

impl RequestBuilder {
    /// Starts a request.
    pub fn new(method: &Method, request_uri: &str) -> Self {
        let mut out = Vec::with_capacity(ROOM);
        put(&mut out, method.as_str().as_bytes());
        out.push(b' ');
        put(&mut out, request_uri.as_bytes());
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out, content: Content::default() }
    }

    /// Adds a Via of ours that asks for `rport` (RFC 3581); call it before the other header fields.
    #[must_use]
    pub fn via(self, transport: &str, sent_by: impl fmt::Display, branch: &str) -> Self {
        self.header(Name::Via, format_args!("SIP/2.0/{transport} {sent_by};rport;branch={branch}"))
    }

    /// Adds a header field; `Content-Length` and `Content-Type` are written by [`body`](Self::body) alone.
    #[must_use]
    pub fn header(mut self, name: Name, value: impl fmt::Display) -> Self {
        write_header(&mut self.out, name, value);
        self
    }

    /// Adds a header field of any bytes.
    #[must_use]
    pub fn header_bytes(mut self, name: Name, value: &[u8]) -> Self {
        write_bytes(&mut self.out, name.as_str(), value);
        self
    }

    /// Adds a header field by its name; one that is no token is left out.
    #[must_use]
    pub fn custom(mut self, name: &str, value: impl fmt::Display) -> Self {
        write_custom(&mut self.out, name, value);
        self
    }

    /// Sets the body; it is written by [`finish`](Self::finish).
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.content.set(&mut self.out, content_type, body);
        self
    }

    /// Ends the message.
    pub fn finish(self) -> Message {
        self.content.finish(self.out)
    }
}

/// Writes a response into one buffer.
///
/// Via, From, To, Call-ID and CSeq are those of the request (RFC 3261 §8.2.6.2).
#[derive(Debug)]
pub struct ResponseBuilder<'a> {
    request: &'a Message,
    status: u16,
    reason: &'a str,
    source: Option<SocketAddr>,
    to_tag: Option<&'a str>,
    out: Vec<u8>,
    /// Bytes of `out` that come from the request; 0 until they are written.
    head: usize,
    content: Content,
}

impl<'a> ResponseBuilder<'a> {
    /// Starts a response; an empty reason stands for the usual one.
    pub fn for_request(request: &'a Message, status: u16, reason: &'a str) -> Self {
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        let content = Content::default();
        Self { request, status, reason, source: None, to_tag: None, out: Vec::new(), head: 0, content }
    }

    /// Notes where the request came from: `received` and `rport` are set by it (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn source(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self.rewrite()
    }

    /// Sets the To tag, unless the request has one already.
    #[must_use]
    pub fn to_tag(mut self, tag: &'a str) -> Self {
        self.to_tag = Some(tag);
        self.rewrite()
    }

    /// Copies the Record-Route values of the request (RFC 3261 §12.1.1).
    #[must_use]
    pub fn record_routes(mut self) -> Self {
        self.begin();
        for value in self.request.headers(Name::RecordRoute) {
            write_bytes(&mut self.out, "Record-Route", value);
        }
        self
    }

    /// Adds a header field; `Content-Length` and `Content-Type` are written by [`body`](Self::body) alone.
    #[must_use]
    pub fn header(mut self, name: Name, value: impl fmt::Display) -> Self {
        self.begin();
        write_header(&mut self.out, name, value);
        self
    }

    /// Adds a header field of any bytes.
    #[must_use]
    pub fn header_bytes(mut self, name: Name, value: &[u8]) -> Self {
        self.begin();
        write_bytes(&mut self.out, name.as_str(), value);
        self
    }

    /// Adds a header field by its name; one that is no token is left out.
    #[must_use]
    pub fn custom(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.begin();
        write_custom(&mut self.out, name, value);
        self
    }

    /// Sets the body; it is written by [`finish`](Self::finish).
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.begin();
        self.content.set(&mut self.out, content_type, body);
        self
    }

    /// Ends the message.
    pub fn finish(mut self) -> Message {
        self.begin();
        self.content.finish(self.out)
    }

    fn begin(&mut self) {
        if self.head > 0 {
            return;
        }
        let mut out = Vec::with_capacity(ROOM);
        out.extend_from_slice(b"SIP/2.0 ");
        _ = write!(Clean(&mut out), "{:03} {}", self.status, self.reason);
        out.extend_from_slice(b"\r\n");
        let mut vias = self.request.headers(Name::Via).flat_map(List::new);
        if let Some(top) = vias.next() {
            out.extend_from_slice(b"Via: ");
            match (self.source, Via::from_bytes(self.request.bytes().slice_ref(top))) {
                (Some(source), Some(via)) => write_top_via(&mut out, &via, source),
                _ => put(&mut out, top),
            }
            out.extend_from_slice(b"\r\n");
        }
        for via in vias {
            write_bytes(&mut out, "Via", via);
        }
        if let Some(from) = self.request.header(Name::From) {
            write_bytes(&mut out, "From", from);
        }
        if let Some(to) = self.request.header(Name::To) {
            out.extend_from_slice(b"To: ");
            put(&mut out, to);
            let untagged =
                || NameAddr::from_bytes(self.request.bytes().slice_ref(to)).is_ok_and(|to| to.tag().is_none());
            if let Some(tag) = self.to_tag.filter(|_| untagged()) {
                out.extend_from_slice(b";tag=");
                put(&mut out, tag.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        for name in [Name::CallId, Name::CSeq] {
            if let Some(value) = self.request.header(name) {
                write_bytes(&mut out, name.as_str(), value);
            }
        }
        // A 100 echoes the sender's time (RFC 3261 §8.2.6.1).
        if let (100, Some(value)) = (self.status, self.request.header(Name::Timestamp)) {
            write_bytes(&mut out, "Timestamp", value);
        }
        self.head = out.len();
        self.out = out;
    }

    /// Writes the head anew when it changes behind header fields that are there already.
    fn rewrite(mut self) -> Self {
        if self.head > 0 {
            let added = self.out.split_off(self.head);
            self.head = 0;
            self.begin();
            self.out.extend_from_slice(&added);
        }
        self
    }
}

/// Body that waits for the end of the header fields.
#[derive(Debug, Default)]
struct Content(Vec<u8>);

impl Content {
    fn set(&mut self, out: &mut Vec<u8>, content_type: &str, body: &[u8]) {
        write_bytes(out, "Content-Type", content_type.as_bytes());
        self.0 = body.to_vec();
    }

    fn finish(self, mut out: Vec<u8>) -> Message {
        _ = write!(Clean(&mut out), "Content-Length: {}", self.0.len());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.0);
        scan(Bytes::from(out)).0
    }
}

/// Leaves out what would end a header line.
struct Clean<'a>(&'a mut Vec<u8>);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        put(self.0, text.as_bytes());
        Ok(())
    }
}

fn put(out: &mut Vec<u8>, value: &[u8]) {
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        out.extend(value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
    } else {
        out.extend_from_slice(value);
    }
}

fn write_header(out: &mut Vec<u8>, name: Name, value: impl fmt::Display) {
    write_custom(out, name.as_str(), value);
}

fn write_custom(out: &mut Vec<u8>, name: &str, value: impl fmt::Display) {
    if is_token(name.as_bytes()) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        _ = write!(Clean(out), "{value}");
        out.extend_from_slice(b"\r\n");
    }
}

fn write_bytes(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    if is_token(name.as_bytes()) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        put(out, value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Copies the Via of the request with our view of its source; what the sender claimed about it is left out.
fn write_top_via(out: &mut Vec<u8>, via: &Via, source: SocketAddr) {
    let raw = via.as_bytes();
    let params = raw.iter().position(|&byte| byte == b';').unwrap_or(raw.len());
    let (sent_by, params) = raw.split_at_checked(params).unwrap_or((raw, &[]));
    put(out, sent_by.trim_ascii_end());
    for (name, value) in Params::new(params) {
        if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        out.push(b';');
        put(out, name);
        if let Some(value) = value {
            out.push(b'=');
            put(out, value);
        }
    }
    let ip = source.ip().to_canonical();
    if via.wants_rport() || via.host().ip() != Some(ip) {
        _ = write!(Clean(out), ";received={ip}");
    }
    if via.wants_rport() {
        _ = write!(Clean(out), ";rport={}", source.port());
    }
}

/// Returns the usual reason phrase of a status.
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        429 => "Provide Referrer Identity",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        436 => "Bad Identity Info",
        437 => "Unsupported Credential",
        438 => "Invalid Identity Header",
        439 => "First Hop Lacks Outbound Support",
        469 => "Bad Info Package",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => "Unknown",
    }
}
