//! Ring groups: several extensions that are rung for one call.

use domain::{TenantId, Timestamp, routing::Destination};

use super::names;

/// A ring group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingGroup {
    pub id: i64,
    pub tenant: TenantId,
    pub name: String,
    /// What phones of the account dial to reach it.
    pub number: Option<String>,
    pub strategy: RingStrategy,
    /// How long all of them ring, or each in turn: 5-300 s.
    pub ring_seconds: i64,
    /// Where callers go whom nobody answers.
    pub fallback: Option<Destination>,
    /// Extensions in their order.
    pub members: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

names! {
    /// Whom of a group is rung when.
    pub enum RingStrategy {
        All = "all",
        /// One after the other, always from the first.
        InOrder = "in-order",
        /// One after the other, each call beginning with the next.
        RoundRobin = "round-robin",
        Random = "random",
    }
}
