//! Where dialled numbers lead.

use domain::{
    TenantId,
    ids::TrunkId,
    routing::{Destination, Rewrite},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub id: i64,
    pub tenant: TenantId,
    pub kind: RouteKind,
    /// Lower goes first.
    pub priority: i64,
    pub options: RouteOptions,
}

/// What a route matches and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Dialled numbers that begin with `prefix` leave by `trunk`; among several the longest prefix wins.
    Prefix { prefix: String, trunk: TrunkId },
    /// Every other number leaves by `trunk`.
    Default { trunk: TrunkId },
    /// Calls from outside to `number` lead to `destination`; `trunk` limits it to calls that come by that trunk.
    /// `number` may end in `*`: every number that begins like this.
    Did { number: String, destination: Destination, trunk: Option<TrunkId> },
}

/// What else a route says. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteOptions {
    /// Of calls out: how the number is changed.
    pub rewrite: Rewrite,
    /// Of calls out: the group that the shown number is drawn from.
    pub caller_id_group: Option<i64>,
    /// Of calls out: the called side does not see who calls.
    pub anonymous: bool,
    /// Of calls in: only callers like this; a number, or the beginning of one and `*`.
    pub caller: Option<String>,
    /// Of calls in: only while this time condition is open, or only while it is closed.
    pub when: Option<(i64, bool)>,
}

/// A route to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRoute {
    pub kind: RouteKind,
    pub priority: i64,
    pub options: RouteOptions,
}

impl NewRoute {
    /// Returns a route without further wishes.
    pub fn plain(kind: RouteKind, priority: i64) -> Self {
        Self { kind, priority, options: RouteOptions::default() }
    }

    /// Returns a rule that has calls from outside to `number` ring an extension.
    pub fn did(number: impl Into<String>, extension: impl Into<String>, trunk: Option<TrunkId>) -> Self {
        let destination = Destination::Extension(extension.into());
        Self::plain(RouteKind::Did { number: number.into(), destination, trunk }, 0)
    }
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
