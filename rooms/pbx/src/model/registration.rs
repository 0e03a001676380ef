//! Where the phones of an extension are reached.

use std::net::SocketAddr;

use domain::Timestamp;

/// One registered contact of an extension (RFC 3261 §10.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The Contact URI as the phone gave it.
    pub contact: String,
    /// `+sip.instance` (RFC 5626).
    pub instance: Option<String>,
    pub reg_id: Option<i64>,
    pub call_id: String,
    pub cseq: i64,
    pub expires_at: Timestamp,
    /// Where the REGISTER came from; requests to the phone go back there.
    pub source: SocketAddr,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: String,
    pub user_agent: Option<String>,
    /// `Path` (RFC 3327), as received.
    pub path: Option<String>,
    pub registered_at: Timestamp,
}
