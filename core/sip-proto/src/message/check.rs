//! What a well-formed request is refused for (RFC 3261 §8.2).

use super::{Message, Method, Name, body::is_type};
use crate::{text::Params, uri::Scheme};

/// What an element understands.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities<'a> {
    /// Methods that are served.
    pub methods: &'a [Method],
    /// Option tags that may be required.
    pub extensions: &'a [&'a str],
    /// Content types that are read; `application/sdp` is one.
    pub content_types: &'a [&'a str],
    /// Whether the Request-URI may be a tel: URI.
    pub tel: bool,
}

/// Why a request is refused, and the header field that says what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Status to answer with.
    pub status: u16,
    /// Reason phrase.
    pub reason: &'static str,
    /// Header field for the answer.
    pub header: Option<(Name, String)>,
}

impl Rejection {
    fn new(status: u16) -> Self {
        Self { status, reason: super::reason_phrase(status), header: None }
    }
}

/// Checks a request against what is understood; ACK and CANCEL are never refused here.
///
/// Max-Forwards 0 is refused with 483 outside dialogs: a request that begins something would have to be forwarded.
pub fn check(request: &Message, capabilities: &Capabilities<'_>) -> Result<(), Rejection> {
    let method = request.method();
    if !request.is_request() || matches!(method, Method::Ack | Method::Cancel) {
        return Ok(());
    }
    if !capabilities.methods.contains(method) {
        let status = if matches!(method, Method::Other(_)) { 501 } else { 405 };
        let allow = capabilities.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        return Err(Rejection { header: Some((Name::Allow, allow)), ..Rejection::new(status) });
    }
    let served = match request.request_uri().map(|uri| uri.scheme()) {
        Some(Scheme::Sip | Scheme::Sips) => true,
        Some(Scheme::Tel) => capabilities.tel,
        Some(Scheme::Other) | None => false,
    };
    if !served {
        return Err(Rejection::new(416));
    }
    if request.max_forwards() == Some(0) && request.to_tag().is_none() {
        return Err(Rejection::new(483));
    }
    let unknown: Vec<&str> = request
        .require()
        .chain(request.values(Name::ProxyRequire).map(crate::text::ascii))
        .filter(|tag| !tag.is_empty() && !capabilities.extensions.iter().any(|known| known.eq_ignore_ascii_case(tag)))
        .collect();
    if !unknown.is_empty() {
        return Err(Rejection { header: Some((Name::Unsupported, unknown.join(", "))), ..Rejection::new(420) });
    }
    if *method == Method::Invite && !takes_sdp(request) {
        return Err(Rejection::new(406));
    }
    check_content(request, capabilities.content_types)
}

/// Tells whether Accept lets us answer with SDP; none at all does (RFC 3261 §20.1).
fn takes_sdp(request: &Message) -> bool {
    let mut ranges = request.values(Name::Accept).filter(|range| !range.is_empty()).peekable();
    let sdp = |range: &[u8]| ["application/sdp", "application/*", "*/*"].iter().any(|known| is_type(range, known));
    ranges.peek().is_none() || ranges.any(sdp)
}

/// Checks that the body, if there is one, is of a kind that is read, or may be passed over.
pub(crate) fn check_content(request: &Message, content_types: &[&str]) -> Result<(), Rejection> {
    if request.body().is_empty() {
        return Ok(());
    }
    let plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    if !request.values(Name::ContentEncoding).all(plain) {
        return Err(Rejection { header: Some((Name::AcceptEncoding, "identity".to_owned())), ..Rejection::new(415) });
    }
    let Some(kind) = request.header(Name::ContentType) else { return Err(Rejection::new(400)) };
    let multipart = kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    let known = content_types.iter().any(|known| is_type(kind, known));
    let inside = multipart && content_types.iter().any(|known| request.content(known).is_some());
    let optional = request.header(Name::ContentDisposition).is_some_and(may_be_ignored);
    if known || inside || optional {
        return Ok(());
    }
    Err(Rejection { header: Some((Name::Accept, content_types.join(", "))), ..Rejection::new(415) })
}

/// Tells whether a Content-Disposition lets an unknown body be passed over (RFC 3261 §20.11).
fn may_be_ignored(disposition: &[u8]) -> bool {
    let params = disposition.iter().position(|&byte| byte == b';').and_then(|at| disposition.get(at..));
    let handling = params.and_then(|params| Params::new(params).value("handling"));
    handling.is_some_and(|handling| handling.eq_ignore_ascii_case(b"optional"))
}
