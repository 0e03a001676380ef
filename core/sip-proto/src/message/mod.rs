//! SIP messages: parsing, reading, building.
//!
//! A [`Message`] is its bytes and an index of its header fields; typed values are read from the bytes when asked for.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

mod body;
mod build;
mod check;
mod framer;
mod head;
mod method;
mod name;
mod name_addr;
mod parse;
mod via;
mod wire;

use std::{fmt, sync::Arc};

use bytes::Bytes;

pub(crate) use self::check::check_content;
pub use self::{
    build::{RequestBuilder, ResponseBuilder, reason_phrase},
    check::{Capabilities, Rejection, check},
    framer::{Frame, FrameError, Framer},
    method::Method,
    name::Name,
    name_addr::{AddressError, NameAddr, readable},
    parse::{ParseError, parse},
    via::{BRANCH_COOKIE, Via},
    wire::Wire,
};
use crate::{
    text::{List, Span, ascii, decimal},
    uri::Uri,
};

/// A request or response. Cloning copies no text.
///
/// What [`parse`] returns has a well-formed Via, From, To, Call-ID and CSeq.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    start: Start,
    fields: Arc<[Entry]>,
    body: Bytes,
    cseq: (u32, Method),
}

#[derive(Debug, Clone)]
enum Start {
    Request { method: Method, uri: Span },
    Response { status: u16, phrase: Span },
}

/// Where one header field stands.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: Name,
    name: Span,
    value: Span,
}

/// Status and reason with which a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Status {
    code: u16,
    reason: &'static str,
}

impl Status {
    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}

impl Message {
    /// Tells whether this is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// Returns the method of a request, or the CSeq method of a response.
    pub fn method(&self) -> &Method {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => &self.cseq.1,
        }
    }

    /// Returns the status of a response, 100-699.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// Returns the reason phrase of a response.
    pub fn reason_phrase(&self) -> Option<&[u8]> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { phrase, .. } => Some(phrase.get(&self.bytes)),
        }
    }

    /// Returns the Request-URI of a request.
    pub fn request_uri(&self) -> Option<Uri> {
        Uri::from_bytes(self.bytes.slice_ref(self.raw_request_uri()?)).ok()
    }

    /// Returns the Request-URI as it was written.
    pub fn raw_request_uri(&self) -> Option<&[u8]> {
        match self.start {
            Start::Request { uri, .. } => Some(uri.get(&self.bytes)),
            Start::Response { .. } => None,
        }
    }

    /// Returns the first header field of this name, folds read as blanks.
    pub fn header(&self, name: Name) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// Returns all header fields of this name in order, each unsplit.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |entry| entry.id == name).map(|entry| entry.value.get(&self.bytes))
    }

    /// Returns the comma-separated values of all header fields of this name; commas in quotes and `<>` do not separate.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.headers(name).flat_map(List::new)
    }

    /// Returns the first header field with this full name, in any case.
    pub fn custom(&self, name: &str) -> Option<&[u8]> {
        self.raw_headers().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Returns all header fields as name and value, in order and as they were written.
    pub fn raw_headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|entry| (entry.name.get(&self.bytes), entry.value.get(&self.bytes)))
    }

    /// Returns all header fields as known name, written name and value.
    pub fn named_headers(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.fields.iter().map(|entry| (entry.id, entry.name.get(&self.bytes), entry.value.get(&self.bytes)))
    }

    /// Returns the topmost Via; `None` only for a message that was built without one.
    pub fn via(&self) -> Option<Via> {
        Via::from_bytes(self.bytes.slice_ref(self.values(Name::Via).next()?))
    }

    /// Returns all Via values, topmost first; malformed ones are left out.
    pub fn vias(&self) -> impl Iterator<Item = Via> {
        self.values(Name::Via).filter_map(|value| Via::from_bytes(self.bytes.slice_ref(value)))
    }

    /// Returns the number of Via values.
    pub fn via_count(&self) -> usize {
        self.values(Name::Via).count()
    }

    /// Returns the Call-ID.
    pub fn call_id(&self) -> &str {
        self.header(Name::CallId).map(ascii).unwrap_or_default()
    }

    /// Returns the CSeq number and method.
    pub fn cseq(&self) -> (u32, &Method) {
        (self.cseq.0, &self.cseq.1)
    }

    /// Returns the From address; `None` only for a message that was built without one.
    pub fn from(&self) -> Option<NameAddr> {
        self.address(Name::From)
    }

    /// Returns the To address; `None` only for a message that was built without one.
    pub fn to(&self) -> Option<NameAddr> {
        self.address(Name::To)
    }

    /// Returns the From tag.
    pub fn from_tag(&self) -> Option<&str> {
        tag_of(self.header(Name::From)?)
    }

    /// Returns the To tag.
    pub fn to_tag(&self) -> Option<&str> {
        tag_of(self.header(Name::To)?)
    }

    /// Returns the first header field of this name as an address.
    pub fn address(&self, name: Name) -> Option<NameAddr> {
        self.addresses(name).next()
    }

    /// Returns all values of this name that are addresses.
    pub fn addresses(&self, name: Name) -> impl Iterator<Item = NameAddr> {
        self.values(name).filter_map(|value| NameAddr::from_bytes(self.bytes.slice_ref(value)).ok())
    }

    /// Returns the contacts, without a wildcard.
    pub fn contacts(&self) -> impl Iterator<Item = NameAddr> {
        self.addresses(Name::Contact)
    }

    /// Tells whether a Contact is `*`.
    pub fn contact_wildcard(&self) -> bool {
        self.values(Name::Contact).any(|value| value == b"*")
    }

    /// Returns the Record-Route values, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = NameAddr> {
        self.addresses(Name::RecordRoute)
    }

    /// Returns the Route values, topmost first.
    pub fn routes(&self) -> impl Iterator<Item = NameAddr> {
        self.addresses(Name::Route)
    }

    /// Returns Max-Forwards.
    pub fn max_forwards(&self) -> Option<u8> {
        self.header(Name::MaxForwards).and_then(decimal)
    }

    /// Returns Expires in seconds; malformed values read as 3600 (RFC 3261 §20.19), too large ones as the largest.
    pub fn expires(&self) -> Option<u32> {
        self.header(Name::Expires).map(seconds)
    }

    /// Returns the option tags of Require.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        self.values(Name::Require).map(ascii).filter(|tag| !tag.is_empty())
    }

    /// Tells whether Supported or Require lists the option tag.
    pub fn supports(&self, option: &str) -> bool {
        let lists = |name| self.values(name).any(|tag| tag.eq_ignore_ascii_case(option.as_bytes()));
        lists(Name::Supported) || lists(Name::Require)
    }

    /// Returns the body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns Content-Type, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.header(Name::ContentType).map(ascii).filter(|kind| !kind.is_empty())
    }

    /// Tells whether the body is of this type, such as `application/sdp`; case and parameters do not matter.
    pub fn is_content(&self, media_type: &str) -> bool {
        self.content_type().is_some_and(|kind| body::is_type(kind.as_bytes(), media_type))
    }

    /// Returns the body of this type, looked for in multipart bodies too.
    pub fn content(&self, media_type: &str) -> Option<Bytes> {
        body::find(self.header(Name::ContentType)?, &self.body, media_type)
    }

    /// Returns the whole message. Folds of a received message are blanks here; nothing else is changed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Message {
    /// Prints method, status and size alone: everything else may hold numbers and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.len();
        match &self.start {
            Start::Request { method, .. } => write!(f, "{method} of {size} bytes"),
            Start::Response { status, .. } => write!(f, "{status} to {} of {size} bytes", self.cseq.1),
        }
    }
}

/// Reads delta-seconds: too large is the largest, malformed is one hour.
fn seconds(text: &[u8]) -> u32 {
    match decimal::<u32>(text) {
        Some(seconds) => seconds,
        None if !text.is_empty() && text.iter().all(u8::is_ascii_digit) => u32::MAX,
        None => 3600,
    }
}

/// Finds the tag without building the whole address; the value was checked when it was parsed.
fn tag_of(value: &[u8]) -> Option<&str> {
    let behind = |text| crate::text::split_unquoted(text, |byte| byte == b'>').map(|(_, rest)| rest);
    let params = match behind(value) {
        Some([b'>', params @ ..]) => params,
        _ => crate::text::split_unquoted(value, |byte| byte == b';')?.1,
    };
    crate::text::Params::new(params).value("tag").map(ascii).filter(|tag| !tag.is_empty())
}
