//! Dialogs (RFC 3261 §12).

use std::{fmt, net::SocketAddr, sync::Arc};

use crate::{
    endpoint::{
        config::MAX_FORWARDS,
        core::Core,
        flow::{Destination, Transport},
        ids::Token,
    },
    message::{Message, Method, Name, NameAddr, RequestBuilder},
};

/// The first line of an encoded record: its version.
const RECORD_VERSION: &str = "d1";

/// A dialog as it is journalled: enough to send a BYE after a restart.
///
/// The flow is not part of it: connections do not survive a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogRecord {
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    pub local_uri: String,
    pub remote_uri: String,
    /// The CSeq number of our last request.
    pub local_cseq: u32,
    /// The peer's Contact, our next Request-URI.
    pub remote_target: String,
    /// Route header values in the order of sending.
    pub route_set: Vec<String>,
    pub addr: SocketAddr,
    pub transport: Transport,
}

/// The text is not a dialog record of a known version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a dialog record")]
pub struct BadRecord;

impl DialogRecord {
    /// Returns the record as text without control characters other than line feeds.
    pub fn encode(&self) -> String {
        let mut text = format!(
            "{RECORD_VERSION}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
            Line(&self.call_id),
            Line(&self.local_tag),
            Line(&self.remote_tag),
            Line(&self.local_uri),
            Line(&self.remote_uri),
            self.local_cseq,
            Line(&self.remote_target),
            self.addr,
            self.transport,
        );
        for route in &self.route_set {
            text.push('\n');
            text.extend(route.chars().filter(|c| !c.is_control()));
        }
        text
    }

    /// Reads what [`DialogRecord::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, BadRecord> {
        let mut lines = text.split('\n');
        if lines.next() != Some(RECORD_VERSION) {
            return Err(BadRecord);
        }
        let mut next = || lines.next().map(str::to_owned).ok_or(BadRecord);
        Ok(Self {
            call_id: next()?,
            local_tag: next()?,
            remote_tag: next()?,
            local_uri: next()?,
            remote_uri: next()?,
            local_cseq: next()?.parse().map_err(|_| BadRecord)?,
            remote_target: next()?,
            addr: next()?.parse().map_err(|_| BadRecord)?,
            transport: Transport::from_token(next()?.as_bytes()).ok_or(BadRecord)?,
            route_set: lines.map(str::to_owned).collect(),
        })
    }

    /// Returns where requests of this dialog go.
    pub fn destination(&self) -> Destination {
        Destination::new(self.addr, self.transport)
    }
}

/// Prints a value without control characters, so that it stays one line.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains(char::is_control) {
            return f.write_str(self.0);
        }
        self.0.chars().filter(|c| !c.is_control()).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

/// The state of a dialog that both sides share.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) local_tag: Arc<str>,
    /// Empty until the peer named it.
    pub(crate) remote_tag: String,
    /// Our From (or To) value, tag included.
    pub(crate) local: String,
    /// The peer's value, tag included, as received.
    pub(crate) remote: String,
    pub(crate) local_cseq: u32,
    pub(crate) remote_cseq: Option<u32>,
    pub(crate) target: String,
    pub(crate) routes: Routes,
    /// Where requests go, whatever target and routes say: nobody but our own tables routes us.
    pub(crate) to: Destination,
}

impl Dialog {
    /// Returns the dialog of an incoming request (RFC 3261 §12.1.1).
    pub(crate) fn incoming(request: &Message, local_tag: Arc<str>, to: Destination) -> Self {
        let local = format!("{};tag={local_tag}", text(request.header(Name::To)));
        Self {
            call_id: request.call_id().to_owned(),
            remote_tag: request.from_tag().unwrap_or_default().to_owned(),
            local,
            remote: text(request.header(Name::From)),
            local_tag,
            local_cseq: 0,
            remote_cseq: Some(request.cseq().0),
            target: target_of(request).unwrap_or_default(),
            routes: Routes::new(request.record_routes().map(|route| route.to_string()).collect()),
            to,
        }
    }

    /// Returns the dialog of a 2xx to a request of ours (RFC 3261 §12.1.2).
    pub(crate) fn outgoing(response: &Message, to: Destination) -> Self {
        let mut dialog = Self {
            call_id: response.call_id().to_owned(),
            local_tag: response.from_tag().unwrap_or_default().into(),
            remote_tag: String::new(),
            local: text(response.header(Name::From)),
            remote: String::new(),
            local_cseq: response.cseq().0,
            remote_cseq: None,
            target: String::new(),
            routes: Routes::default(),
            to,
        };
        dialog.confirm(response);
        dialog
    }

    /// Takes tag, target and routes from a 2xx to our INVITE.
    pub(crate) fn confirm(&mut self, response: &Message) {
        self.remote = text(response.header(Name::To));
        response.to_tag().unwrap_or_default().clone_into(&mut self.remote_tag);
        self.refresh_target(response);
        let mut routes: Vec<String> = response.record_routes().map(|route| route.to_string()).collect();
        routes.reverse();
        self.routes = Routes::new(routes);
    }

    /// Takes the Contact of a message that may move the peer: INVITE, UPDATE and their 2xx (RFC 3261 §12.2).
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = target_of(message) {
            self.target = target;
        }
    }

    /// Returns whether a request belongs to this dialog: Call-ID and the peer's tag (ours led here).
    pub(crate) fn matches(&self, request: &Message) -> bool {
        self.call_id == request.call_id() && self.remote_tag == request.from_tag().unwrap_or_default()
    }

    /// Counts up and starts the next request.
    pub(crate) fn request(&mut self, core: &Core, method: &Method, token: Token) -> RequestBuilder {
        self.local_cseq = self.local_cseq.wrapping_add(1);
        self.begin(core, method, token, self.local_cseq)
    }

    /// Starts the ACK of a 2xx; it is a transaction of its own (RFC 3261 §13.2.2.4).
    pub(crate) fn ack(&self, core: &Core, token: Token, cseq: u32) -> RequestBuilder {
        self.begin(core, &Method::Ack, token, cseq)
    }

    /// Returns the record to journal.
    pub(crate) fn record(&self) -> DialogRecord {
        let uri = |value: &str| {
            NameAddr::parse(value.as_bytes())
                .map_or_else(|_| String::new(), |address| address.uri().as_str().to_owned())
        };
        DialogRecord {
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.as_ref().to_owned(),
            remote_tag: self.remote_tag.clone(),
            local_uri: uri(&self.local),
            remote_uri: uri(&self.remote),
            local_cseq: self.local_cseq,
            remote_target: self.target.clone(),
            route_set: self.routes.list.clone(),
            addr: self.to.addr,
            transport: self.to.transport,
        }
    }

    /// Returns the dialog of a record. Its CSeq leaves room for requests that were sent after the record.
    pub(crate) fn restored(record: &DialogRecord) -> Self {
        Self {
            call_id: record.call_id.clone(),
            local_tag: record.local_tag.as_str().into(),
            remote_tag: record.remote_tag.clone(),
            local: format!("<{}>;tag={}", record.local_uri, record.local_tag),
            remote: format!("<{}>;tag={}", record.remote_uri, record.remote_tag),
            local_cseq: record.local_cseq.saturating_add(RESTART_GAP),
            remote_cseq: None,
            target: record.remote_target.clone(),
            routes: Routes::new(record.route_set.clone()),
            to: record.destination(),
        }
    }

    fn begin(&self, core: &Core, method: &Method, token: Token, cseq: u32) -> RequestBuilder {
        // A strict router takes the Request-URI's place (RFC 3261 §12.2.1.1).
        let strict = self.routes.list.first().filter(|_| self.routes.strict);
        let bare =
            |route: &str| route.split_once('<').and_then(|(_, uri)| uri.split_once('>')).map(|(uri, _)| uri.to_owned());
        let uri = strict.and_then(|route| bare(route));
        let mut request = core.begin(method, uri.as_deref().unwrap_or(&self.target), token, self.to, MAX_FORWARDS);
        for route in self.routes.list.iter().skip(usize::from(strict.is_some())) {
            request = request.header(Name::Route, route);
        }
        if strict.is_some() {
            request = request.header(Name::Route, format_args!("<{}>", self.target));
        }
        request
            .header(Name::From, &self.local)
            .header(Name::To, &self.remote)
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format_args!("{cseq} {method}"))
    }
}

/// Route values in the order of sending.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    list: Vec<String>,
    /// The first one has no `lr`.
    strict: bool,
}

impl Routes {
    pub(crate) fn list(&self) -> &[String] {
        &self.list
    }

    pub(crate) fn new(list: Vec<String>) -> Self {
        let strict = list.first().is_some_and(|route| !is_loose(route));
        Self { list, strict }
    }
}

/// CSeq numbers skipped by the first request after a restart.
const RESTART_GAP: u32 = 1000;

fn target_of(message: &Message) -> Option<String> {
    message.contacts().next().map(|contact| contact.uri().as_str().to_owned())
}

fn is_loose(route: &str) -> bool {
    NameAddr::parse(route.as_bytes()).is_ok_and(|route| route.uri().param("lr").is_some())
}

pub(crate) fn text(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> DialogRecord {
        DialogRecord {
            call_id: "abc@host".to_owned(),
            local_tag: "1".to_owned(),
            remote_tag: "2".to_owned(),
            local_uri: "sip:101@pbx".to_owned(),
            remote_uri: "sip:+84901@carrier".to_owned(),
            local_cseq: 7,
            remote_target: "sip:gw@192.0.2.1:5070".to_owned(),
            route_set: vec!["<sip:edge;lr>".to_owned(), "<sip:core;lr>".to_owned()],
            addr: "192.0.2.1:5060".parse().expect("an address"),
            transport: Transport::Tcp,
        }
    }

    #[test]
    fn a_record_comes_back_from_its_text() {
        assert_eq!(DialogRecord::decode(&record().encode()), Ok(record()));
        let bare = DialogRecord { route_set: Vec::new(), ..record() };
        assert_eq!(DialogRecord::decode(&bare.encode()), Ok(bare));
    }

    #[test]
    fn a_line_feed_in_a_value_adds_no_field() {
        let evil = DialogRecord { local_uri: "sip:a\nsip:b@c".to_owned(), ..record() };
        let read = DialogRecord::decode(&evil.encode()).expect("a record");
        assert_eq!(read.local_uri, "sip:asip:b@c");
        assert_eq!(read.route_set, record().route_set);
    }

    #[test]
    fn other_texts_are_no_record() {
        for text in ["", "d0\n", "d1\nonly", "d1\na\nb\nc\nd\ne\nx\nt\n1.2.3.4:5\nudp"] {
            assert_eq!(DialogRecord::decode(text), Err(BadRecord), "{text}");
        }
    }
}
