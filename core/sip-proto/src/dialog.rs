//! Dialogs (RFC 3261 §12).

use std::{fmt, net::SocketAddr};

use crate::endpoint::flow::{Destination, Transport};

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
        Destination { addr: self.addr, transport: self.transport, flow: None }
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
