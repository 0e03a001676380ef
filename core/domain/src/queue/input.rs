//! What a queue is told, and what it says.

use std::time::{Duration, Instant};

use super::settings::{Settings, Tier};
use crate::{CallId, cause::Cause};

/// A caller who wants to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    pub call: CallId,
    /// Who calls; known again after an abandoned call, and called back.
    pub number: String,
    pub name: Option<String>,
    /// Seconds that the caller is ahead of those who came at the same time.
    pub priority: i64,
    /// When the call began.
    pub started: Instant,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Join(Join),
    /// Somebody who was promised to be called back before this run began.
    Promised(Join),
    /// The caller is gone, waiting or talking.
    Left {
        call: CallId,
    },
    /// Somebody who was not asked by the queue serves the caller: picked the call up.
    Taken {
        call: CallId,
    },
    /// The agent was not reached, or did not want to.
    Failed {
        offer: u64,
        cause: Cause,
    },
    Answered {
        offer: u64,
    },
    /// Agent and caller talk no longer.
    Ended {
        offer: u64,
    },
    Key {
        call: CallId,
        key: char,
    },
    /// The call that calls somebody back was set up under this name.
    Placed {
        offer: u64,
        call: CallId,
    },
    /// The agent was there, but who was called back was not.
    Unreached {
        offer: u64,
    },
    Change {
        settings: Box<Settings>,
        tiers: Vec<Tier>,
    },
    /// Something that the queue looks at has changed: an agent, a phone, another call.
    Look,
    /// The queue is no more: everybody has to go.
    Close,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ring an agent for a caller.
    Offer { offer: u64, call: CallId, agent: String, ring: Duration },
    /// Stop ringing at once.
    Withdraw { offer: u64, call: CallId },
    /// Ring an agent, and then whoever is to be called back.
    CallBack { offer: u64, call: CallId, agent: String, number: String },
    /// Tell a caller where they stand.
    Announce { call: CallId, position: Option<usize>, estimate: Option<Duration> },
    /// What the caller asked for by a key is not to be had.
    Refuse { call: CallId },
    /// The caller waits here no longer.
    Leave { call: CallId, why: Leaving },
    /// To be written down.
    Fact(Fact),
    /// An agent's state is another.
    Agent(String),
}

/// Why a queue sends a caller away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Waited for as long as is allowed.
    TooLong,
    /// Nobody is there: to where the queue overflows.
    NoAgent,
    /// Nobody is there, and the queue hangs up then.
    NobodyToWaitFor,
    /// By a key press.
    Key,
    /// Will be called back.
    CallBack,
    /// The queue is closed.
    Closed,
    /// Somebody else has the caller already.
    Taken,
}

impl Leaving {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NoAgent => "no_agent",
            Self::NobodyToWaitFor => "no_agent_hangup",
            Self::Key => "key",
            Self::CallBack => "callback",
            Self::Closed => "closed",
            Self::Taken => "taken",
        }
    }
}

/// One line of the queue's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub call: CallId,
    /// The caller's.
    pub number: String,
    pub kind: FactKind,
    pub agent: Option<String>,
    /// Since the caller joined.
    pub waited: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    Joined,
    Offered,
    /// An offer was not taken.
    Missed(Cause),
    Answered,
    Ended {
        talked: Duration,
    },
    /// The caller hung up while waiting.
    Abandoned,
    /// The queue sent the caller elsewhere, or away.
    Overflowed(Leaving),
    /// A call back was promised, kept, or given up.
    CallbackAsked,
    CallbackDone,
    CallbackFailed,
}

impl FactKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Offered => "offered",
            Self::Missed(_) => "missed",
            Self::Answered => "answered",
            Self::Ended { .. } => "ended",
            Self::Abandoned => "abandoned",
            Self::Overflowed(_) => "overflowed",
            Self::CallbackAsked => "callback",
            Self::CallbackDone => "callback_done",
            Self::CallbackFailed => "callback_failed",
        }
    }
}
