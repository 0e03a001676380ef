//! Writing requests and responses.

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
};

use super::{
    Message, Method, Name, Via,
    wire::{Sheet, Wire},
};
use crate::text::{List, Params, is_token};

/// Writes a request.
///
/// CR, LF and NUL are left out of every value, so that no value can become a header field.
#[derive(Debug)]
pub struct RequestBuilder {
    sheet: Sheet,
}

impl RequestBuilder {
    /// Starts a request.
    pub fn new(method: &Method, request_uri: &str) -> Self {
        let mut sheet = Sheet::take();
        put(&mut sheet.head, method.as_str().as_bytes());
        sheet.head.push(b' ');
        put(&mut sheet.head, request_uri.as_bytes());
        sheet.head.extend_from_slice(b" SIP/2.0\r\n");
        Self { sheet }
    }

    /// Adds a Via of ours that asks for `rport` (RFC 3581); call it before the other header fields.
    #[must_use]
    pub fn via(self, transport: &str, sent_by: impl fmt::Display, branch: impl fmt::Display) -> Self {
        self.header(Name::Via, format_args!("SIP/2.0/{transport} {sent_by};rport;branch={branch}"))
    }

    /// Adds a header field; `Content-Length` and `Content-Type` are written by [`body`](Self::body) alone.
    #[must_use]
    pub fn header(mut self, name: Name, value: impl fmt::Display) -> Self {
        write_header(&mut self.sheet.head, name, value);
        self
    }

    /// Adds a header field of any bytes.
    #[must_use]
    pub fn header_bytes(mut self, name: Name, value: &[u8]) -> Self {
        write_bytes(&mut self.sheet.head, name.as_str(), value);
        self
    }

    /// Adds a header field by its name; one that is no token is left out.
    #[must_use]
    pub fn custom(mut self, name: &str, value: impl fmt::Display) -> Self {
        write_custom(&mut self.sheet.head, name, value);
        self
    }

    /// Sets the body; it is written by [`finish`](Self::finish).
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.sheet.set_body(content_type, body);
        self
    }

    /// Ends the message for sending.
    pub fn wire(mut self) -> Wire {
        self.sheet.close();
        self.sheet.wire()
    }

    /// Ends the message for reading.
    pub fn finish(self) -> Message {
        self.wire().message()
    }
}

/// Writes a response.
///
/// Via, From, To, Call-ID and CSeq are those of the request (RFC 3261 §8.2.6.2).
#[derive(Debug)]
pub struct ResponseBuilder<'a> {
    request: &'a Message,
    status: u16,
    reason: &'a str,
    source: Option<SocketAddr>,
    to_tag: Option<&'a str>,
    sheet: Sheet,
    /// Bytes of the sheet that come from the request; 0 until they are written.
    begun: usize,
}

impl<'a> ResponseBuilder<'a> {
    /// Starts a response; an empty reason stands for the usual one.
    pub fn for_request(request: &'a Message, status: u16, reason: &'a str) -> Self {
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        Self { request, status, reason, source: None, to_tag: None, sheet: Sheet::take(), begun: 0 }
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
            write_bytes(&mut self.sheet.head, "Record-Route", value);
        }
        self
    }

    /// Adds a header field; `Content-Length` and `Content-Type` are written by [`body`](Self::body) alone.
    #[must_use]
    pub fn header(mut self, name: Name, value: impl fmt::Display) -> Self {
        self.begin();
        write_header(&mut self.sheet.head, name, value);
        self
    }

    /// Adds a header field of any bytes.
    #[must_use]
    pub fn header_bytes(mut self, name: Name, value: &[u8]) -> Self {
        self.begin();
        write_bytes(&mut self.sheet.head, name.as_str(), value);
        self
    }

    /// Adds a header field by its name; one that is no token is left out.
    #[must_use]
    pub fn custom(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.begin();
        write_custom(&mut self.sheet.head, name, value);
        self
    }

    /// Sets the body; it is written by [`finish`](Self::finish).
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.begin();
        self.sheet.set_body(content_type, body);
        self
    }

    /// Ends the message for sending.
    pub fn wire(mut self) -> Wire {
        self.begin();
        self.sheet.close();
        self.sheet.wire()
    }

    /// Ends the message for reading.
    pub fn finish(self) -> Message {
        self.wire().message()
    }

    fn begin(&mut self) {
        if self.begun > 0 {
            return;
        }
        let out = &mut self.sheet.head;
        out.extend_from_slice(b"SIP/2.0 ");
        _ = write!(Clean(out), "{:03} {}", self.status, self.reason);
        out.extend_from_slice(b"\r\n");
        let mut vias = self.request.headers(Name::Via).flat_map(List::new);
        if let Some(top) = vias.next() {
            out.extend_from_slice(b"Via: ");
            match (self.source, Via::from_bytes(self.request.bytes().slice_ref(top))) {
                (Some(source), Some(via)) => write_top_via(out, &via, source),
                _ => put(out, top),
            }
            out.extend_from_slice(b"\r\n");
        }
        for via in vias {
            write_bytes(out, "Via", via);
        }
        if let Some(from) = self.request.header(Name::From) {
            write_bytes(out, "From", from);
        }
        if let Some(to) = self.request.header(Name::To) {
            out.extend_from_slice(b"To: ");
            put(out, to);
            if let Some(tag) = self.to_tag.filter(|_| self.request.to_tag().is_none()) {
                out.extend_from_slice(b";tag=");
                put(out, tag.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        for name in [Name::CallId, Name::CSeq] {
            if let Some(value) = self.request.header(name) {
                write_bytes(out, name.as_str(), value);
            }
        }
        // A 100 echoes the sender's time (RFC 3261 §8.2.6.1).
        if let (100, Some(value)) = (self.status, self.request.header(Name::Timestamp)) {
            write_bytes(out, "Timestamp", value);
        }
        self.begun = out.len();
    }

    /// Writes the head anew when it changes behind header fields that are there already.
    fn rewrite(mut self) -> Self {
        if self.begun > 0 {
            let added = self.sheet.head.split_off(self.begun);
            self.sheet.head.clear();
            self.begun = 0;
            self.begin();
            self.sheet.head.extend_from_slice(&added);
        }
        self
    }
}

impl Sheet {
    /// Names the body; it is written by [`close`](Self::close).
    fn set_body(&mut self, content_type: &str, body: &[u8]) {
        write_bytes(&mut self.head, "Content-Type", content_type.as_bytes());
        self.body.clear();
        self.body.extend_from_slice(body);
    }

    /// Writes the end of the head and the body.
    fn close(&mut self) {
        _ = write!(Clean(&mut self.head), "Content-Length: {}", self.body.len());
        self.head.extend_from_slice(b"\r\n\r\n");
        self.head.extend_from_slice(&self.body);
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
