//! Who waits, and who has been promised a call.

use std::time::{Duration, Instant};

use super::input::{Fact, FactKind};
use crate::CallId;

/// Whether somebody is on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Live,
    /// To be called back, not before that moment; so often it was tried in vain.
    Promised {
        not_before: Instant,
        tries: u8,
    },
}

#[derive(Debug)]
pub(super) struct Caller {
    pub(super) call: CallId,
    pub(super) number: String,
    pub(super) name: Option<String>,
    pub(super) joined: Instant,
    /// Who waits longer or is more important has the lower rank; then who came first.
    pub(super) rank: (i64, u64),
    pub(super) kind: Kind,
    /// Whom the caller was offered to last.
    pub(super) last: Option<String>,
    pub(super) announce_at: Option<Instant>,
}

impl Caller {
    pub(super) fn is_live(&self) -> bool {
        self.kind == Kind::Live
    }

    /// Tells whether an agent may be offered this caller now.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        match self.kind {
            Kind::Live => true,
            Kind::Promised { not_before, .. } => now >= not_before,
        }
    }

    pub(super) fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.joined)
    }

    pub(super) fn fact(&self, kind: FactKind, agent: Option<&str>, now: Instant) -> Fact {
        Fact {
            call: self.call,
            number: self.number.clone(),
            kind,
            agent: agent.map(str::to_owned),
            waited: self.waited(now),
        }
    }
}

/// Somebody who hung up and may come back to the same place.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) number: String,
    pub(super) rank: i64,
    pub(super) until: Instant,
}

/// A caller as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub call: CallId,
    pub number: String,
    pub name: Option<String>,
    /// From 1.
    pub position: usize,
    pub waited: Duration,
    /// Nobody is on the line: a call back was promised.
    pub is_callback: bool,
    /// The agents who are rung for this caller.
    pub offered_to: Vec<String>,
}
