//! What few calls need: offers to agents, transfers, consultations, third legs.

use std::time::Instant;

use super::{LegNo, Outcome, Ring};

/// Kept in a box that plain calls never make.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) offers: Vec<Offering>,
    pub(super) transfer: Option<Transfer>,
    pub(super) consult: Option<Consult>,
    pub(super) joining: Option<Joining>,
}

/// An agent's phones that ring for a queue.
#[derive(Debug)]
pub(super) struct Offering {
    pub(super) offer: u64,
    pub(super) until: Option<Instant>,
    pub(super) outcome: Option<Outcome>,
}

/// A transfer on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) by: LegNo,
    /// `by` is still there and takes the other side back if nobody else does.
    pub(super) here: bool,
}

/// A party asks somebody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consult {
    pub(super) by: LegNo,
    pub(super) ring: Ring,
    pub(super) next_target: usize,
    /// Until when it may ring; none once somebody is there.
    pub(super) until: Option<Instant>,
    pub(super) leg: Option<LegNo>,
}

/// Somebody is rung to join the talk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joining {
    pub(super) until: Option<Instant>,
}

impl Rare {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let consult = self.consult.and_then(|consult| consult.until);
        let joining = self.joining.and_then(|joining| joining.until);
        self.offers.iter().filter_map(|offer| offer.until).chain(consult).chain(joining).min()
    }
}
