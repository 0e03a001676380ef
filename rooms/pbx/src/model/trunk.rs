//! A trunk: the way to a carrier.

use std::net::IpAddr;

use domain::{
    TenantId, Timestamp,
    ids::TrunkId,
    routing::{NumberFormat, Rewrite},
};

use super::names;

/// A trunk without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub id: TrunkId,
    pub tenant: TenantId,
    /// Unique in the account.
    pub name: String,
    /// A host name or an IP address.
    pub host: String,
    /// `None`: the transport's own port.
    pub port: Option<u16>,
    pub transport: TrunkTransport,
    pub auth: TrunkAuth,
    /// The digest login at the carrier; `None` unless `auth` is `digest`.
    pub username: Option<String>,
    pub sealed_password: Option<Vec<u8>>,
    /// The only realm that the password is answered for; `None` answers any.
    pub realm: Option<String>,
    pub from_user: Option<String>,
    pub from_domain: Option<String>,
    /// Calls that may be up at the same time; `None` is no limit.
    pub max_channels: Option<i64>,
    pub status: TrunkStatus,
    /// Requests from these addresses are this trunk's, without a login.
    pub sources: Vec<IpAddr>,
    pub options: TrunkOptions,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a carrier wants done its way. The default changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkOptions {
    /// New calls a second; `None` is no limit.
    pub max_cps: Option<i64>,
    /// Codec names in their order; empty is the server's order.
    pub codecs: Vec<String>,
    pub dtmf: TrunkDtmf,
    pub srtp: TrunkSrtp,
    /// How called numbers are written, after `rewrite` has had its turn.
    pub number_format: NumberFormat,
    pub rewrite: Rewrite,
    /// Shown when a call brings no number that may be shown.
    pub caller_id: Option<String>,
    pub caller_id_format: NumberFormat,
    /// Whether P-Asserted-Identity is sent (RFC 3325).
    pub asserts_identity: bool,
    /// Whether what the carrier says of a caller's identity is believed: P-Asserted-Identity, `verstat`.
    pub trusts_identity: bool,
}

impl Default for TrunkOptions {
    fn default() -> Self {
        Self {
            max_cps: None,
            codecs: Vec::new(),
            dtmf: TrunkDtmf::Rfc4733,
            srtp: TrunkSrtp::Off,
            number_format: NumberFormat::AsDialled,
            rewrite: Rewrite::default(),
            caller_id: None,
            caller_id_format: NumberFormat::AsDialled,
            asserts_identity: false,
            trusts_identity: false,
        }
    }
}

names! {
    /// How key presses travel.
    pub enum TrunkDtmf {
        Rfc4733 = "rfc4733",
        Info = "info",
        Inband = "inband",
    }

    /// Whether the voice is encrypted.
    pub enum TrunkSrtp {
        Off = "off",
        Optional = "optional",
        Required = "required",
    }

    /// How we prove ourselves to the carrier.
    pub enum TrunkAuth {
        None = "none",
        Ip = "ip",
        Digest = "digest",
    }

    pub enum TrunkTransport {
        Udp = "udp",
        Tcp = "tcp",
        Tls = "tls",
    }

    pub enum TrunkStatus {
        Active = "active",
        Disabled = "disabled",
    }
}

impl TrunkTransport {
    /// Returns the port that a URI without one means (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}
