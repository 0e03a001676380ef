//! Which lead is next, and which campaign's turn it is.

use std::cmp::Reverse;

use domain::Timestamp;

use super::{For, Lead};

/// Where a lead stands: the least is next. A database sorts by the same columns.
///
/// Due call-backs come first, an agent's own before anybody's, the one that is due longest first; then leads by
/// priority, those that were never tried before those that were, the one whose time came first, the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    kind: Kind,
    priority: Reverse<i32>,
    attempts: u32,
    since: Option<Timestamp>,
    id: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    OwnCallback(Timestamp),
    Callback(Timestamp),
    Lead,
}

impl Rank {
    /// Returns where a lead stands for whoever asks.
    pub fn of(lead: &Lead, whom: For) -> Self {
        let kind = match (lead.callback, whom) {
            (Some(callback), For::Agent(agent)) if callback.agent == Some(agent) => Kind::OwnCallback(callback.at),
            (Some(callback), _) => Kind::Callback(callback.at),
            (None, _) => Kind::Lead,
        };
        Self { kind, priority: Reverse(lead.priority), attempts: lead.attempts, since: lead.next_at, id: lead.id }
    }
}

/// Returns the lead to try next, if any may be tried.
pub fn first<'a>(leads: impl IntoIterator<Item = &'a Lead>, whom: For, now: Timestamp) -> Option<&'a Lead> {
    let ready = leads.into_iter().filter(|lead| lead.may_be_tried(whom, now).is_ok());
    ready.min_by_key(|lead| Rank::of(lead, whom))
}

/// A campaign that could place a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub campaign: i64,
    /// Higher comes first.
    pub priority: u32,
    /// When it placed one last.
    pub served: Option<Timestamp>,
}

/// Returns the campaign whose turn it is among those that share agents: the highest priority, and among equals the one
/// that has waited longest.
pub fn whose_turn(campaigns: &[Turn]) -> Option<i64> {
    let next = campaigns.iter().min_by_key(|turn| (Reverse(turn.priority), turn.served, turn.campaign));
    next.map(|turn| turn.campaign)
}
