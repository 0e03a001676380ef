//! A trunk: the way to a carrier.

use std::net::IpAddr;

use domain::{TenantId, Timestamp, ids::TrunkId};

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
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

names! {
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
