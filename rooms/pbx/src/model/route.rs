//! Where dialled numbers lead.

use domain::{TenantId, ids::TrunkId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub id: i64,
    pub tenant: TenantId,
    pub kind: RouteKind,
    /// Lower goes first.
    pub priority: i64,
}

/// What a route matches and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Dialled numbers that begin with `prefix` leave by `trunk`; among several the longest prefix wins.
    Prefix { prefix: String, trunk: TrunkId },
    /// Every other number leaves by `trunk`.
    Default { trunk: TrunkId },
    /// Calls from outside to `number` ring `extension`; `trunk` limits it to calls that come by that trunk.
    Did { number: String, extension: String, trunk: Option<TrunkId> },
}

impl RouteKind {
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Prefix { .. } => "prefix",
            Self::Default { .. } => "default",
            Self::Did { .. } => "did",
        }
    }
}
