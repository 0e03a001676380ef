//! What becomes of a lead after an attempt, and when it may be tried again: rules over rows.
//!
//! ```text
//!         Reserve              Attempt               outcome
//!  open ───────────▶ reserved ─────────▶ dialling ─────────────▶ open again at a time, or closed
//!    ▲                  │ lease over       │ nothing was heard of it: lost
//!    └──────────────────┴──────────────────┘
//! ```
//!
//! A lead is reserved before anything happens and the attempt is written down before its INVITE, so that a process that
//! dies in between leaves either a reservation that runs out or an attempt without an end, and never a second call.

mod order;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::{Timestamp, cause::Cause, hours::Local};
pub use order::{Rank, Turn, first, whose_turn};

use crate::zone::Zone;

/// Attempts that no lead is given more of, call-backs included.
pub const MOST_ATTEMPTS: u32 = 30;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Somebody answered and was spoken to.
    Answered,
    NoAnswer,
    Busy,
    /// The callee turned the call down.
    Rejected,
    /// The network could not do it this time.
    Failed,
    Machine,
    /// Somebody answered and no agent was free.
    Abandoned,
    /// There is no such number.
    Unallocated,
    /// We called it off before it was answered.
    CalledOff,
    /// Nothing was heard of it: the server died meanwhile.
    Lost,
}

impl Outcome {
    pub const ALL: &'static [Self] = &[
        Self::Answered,
        Self::NoAnswer,
        Self::Busy,
        Self::Rejected,
        Self::Failed,
        Self::Machine,
        Self::Abandoned,
        Self::Unallocated,
        Self::CalledOff,
        Self::Lost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Machine => "machine",
            Self::Abandoned => "abandoned",
            Self::Unallocated => "unallocated",
            Self::CalledOff => "called_off",
            Self::Lost => "lost",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == name)
    }

    /// Returns the outcome of a call that was never answered, by its cause.
    pub const fn unanswered(cause: Cause) -> Self {
        match cause {
            Cause::UserBusy => Self::Busy,
            Cause::NoAnswer | Cause::NoUserResponse => Self::NoAnswer,
            Cause::CallRejected => Self::Rejected,
            Cause::UnallocatedNumber | Cause::NumberChanged | Cause::InvalidNumberFormat => Self::Unallocated,
            Cause::OriginatorCancel | Cause::LoseRace => Self::CalledOff,
            _ => Self::Failed,
        }
    }
}

/// What the API calls the outcomes after which a campaign without agents tries again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RetryOnly {
    #[default]
    NoAnswer,
    Busy,
    Failed,
    /// Whatever was not answered.
    Any,
}

impl RetryOnly {
    pub const ALL: &'static [Self] = &[Self::NoAnswer, Self::Busy, Self::Failed, Self::Any];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Any => "any",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|only| only.as_str() == name)
    }
}

/// What a campaign does after each outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts for each lead, the first included; call-backs that were promised come on top.
    pub most: u32,
    /// Attempts for each lead on one day of its zone.
    pub most_a_day: Option<u32>,
    /// The wait after each outcome; what is not named is not tried again.
    waits: Vec<(Outcome, Duration)>,
    /// Whether a lead is tried next while an agent is held for it once it was abandoned.
    pub holds_agent_after_abandon: bool,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Policy {
    /// Returns what a campaign with agents does unless it is told otherwise: busy after 15 minutes, nobody there after
    /// two hours, a machine after four, network trouble after half an hour, a call turned down after a day. Whoever was
    /// abandoned is called back after three days, with an agent held for them.
    pub fn with_agents(most: u32) -> Self {
        let waits = vec![
            (Outcome::Busy, 15 * MINUTE),
            (Outcome::NoAnswer, 120 * MINUTE),
            (Outcome::Machine, 240 * MINUTE),
            (Outcome::Failed, 30 * MINUTE),
            (Outcome::Lost, 30 * MINUTE),
            (Outcome::CalledOff, 30 * MINUTE),
            (Outcome::Rejected, 24 * 60 * MINUTE),
            (Outcome::Abandoned, 72 * 60 * MINUTE),
        ];
        Self { most, most_a_day: None, waits, holds_agent_after_abandon: true }
    }

    /// Returns what a campaign without agents does: so many more attempts, so long after each, and only after that.
    pub fn without_agents(retries: u32, wait: Duration, only: RetryOnly) -> Self {
        let after: &[Outcome] = match only {
            RetryOnly::NoAnswer => &[Outcome::NoAnswer],
            RetryOnly::Busy => &[Outcome::Busy],
            RetryOnly::Failed => &[Outcome::Failed],
            RetryOnly::Any => &[Outcome::NoAnswer, Outcome::Busy, Outcome::Failed, Outcome::Rejected, Outcome::Machine],
        };
        // What we broke off ourselves says nothing about the callee.
        let ours = [Outcome::Lost, Outcome::CalledOff];
        let waits = after.iter().chain(&ours).map(|outcome| (*outcome, wait)).collect();
        Self { most: retries.saturating_add(1), most_a_day: None, waits, holds_agent_after_abandon: false }
    }

    /// Sets the wait after an outcome; `None`: it is not tried again.
    #[must_use]
    pub fn after(mut self, outcome: Outcome, wait: Option<Duration>) -> Self {
        self.waits.retain(|(of, _)| *of != outcome);
        self.waits.extend(wait.map(|wait| (outcome, wait)));
        self
    }

    fn wait(&self, outcome: Outcome) -> Option<Duration> {
        self.waits.iter().find(|(of, _)| *of == outcome).map(|(_, wait)| *wait)
    }
}

/// What an agent, or a key that was pressed, said about an attempt. The flags of a disposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    /// Nothing more is to be tried.
    pub is_final: bool,
    /// The callee is not to be called again by anybody.
    pub is_dnc: bool,
    /// Try again after so long, whatever the policy says.
    pub retry_after: Option<Duration>,
    /// The callee asked to be called at that time.
    pub callback: Option<Callback>,
}

/// A promise to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callback {
    pub at: Timestamp,
    /// By whom; `None`: anybody.
    pub agent: Option<i64>,
}

/// What has been done for a lead, the attempt that ended included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    pub attempts: u32,
    /// On the day, in the lead's zone, on which the attempt began.
    pub today: u32,
    /// When it ended.
    pub ended: Timestamp,
}

/// Why a lead is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// The callee asked not to be called.
    OptedOut,
    /// A disposition said so, or somebody was spoken to.
    Done,
    /// There is no such number.
    NoSuchNumber,
    /// All attempts are used.
    Exhausted,
    /// The campaign does not try again after such an outcome.
    NotRetried,
}

impl Closed {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Done => "done",
            Self::NoSuchNumber => "no_such_number",
            Self::Exhausted => "exhausted",
            Self::NotRetried => "not_retried",
        }
    }
}

/// What becomes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Closed(Closed),
    /// It may be tried again from then on.
    Retry {
        at: Timestamp,
        /// Only one to one, with an agent held for it.
        holds_agent: bool,
    },
    /// It is to be called then, as was promised.
    Callback(Callback),
}

/// Says what becomes of a lead after an attempt.
pub fn next(outcome: Outcome, disposition: Option<Disposition>, tried: Tried, policy: &Policy, zone: &Zone) -> Next {
    let said = disposition.unwrap_or_default();
    if said.is_dnc {
        return Next::Closed(Closed::OptedOut);
    }
    if outcome == Outcome::Unallocated {
        return Next::Closed(Closed::NoSuchNumber);
    }
    if let Some(callback) = said.callback {
        if tried.attempts >= MOST_ATTEMPTS {
            return Next::Closed(Closed::Exhausted);
        }
        // Nobody is called back before they hung up.
        return Next::Callback(Callback { at: callback.at.max(tried.ended), ..callback });
    }
    if said.is_final {
        return Next::Closed(Closed::Done);
    }
    let wait = match (said.retry_after, outcome) {
        (Some(wait), _) => wait,
        (None, Outcome::Answered) => return Next::Closed(Closed::Done),
        (None, outcome) => match policy.wait(outcome) {
            Some(wait) => wait,
            None => return Next::Closed(Closed::NotRetried),
        },
    };
    if tried.attempts >= policy.most.min(MOST_ATTEMPTS) {
        return Next::Closed(Closed::Exhausted);
    }
    let mut at = tried.ended.after(wait);
    let full = policy.most_a_day.is_some_and(|most| tried.today >= most);
    if full && zone.same_day(at, tried.ended) {
        at = zone.next_day(at);
    }
    let holds_agent = policy.holds_agent_after_abandon && outcome == Outcome::Abandoned;
    Next::Retry { at, holds_agent }
}

/// Whose turn a lead is to be served by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    /// Somebody holds it until then.
    Reserved {
        until: Timestamp,
    },
    /// An attempt is under way since then.
    Dialling {
        since: Timestamp,
    },
    Closed(Closed),
}

/// A lead as its row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    pub id: i64,
    pub state: State,
    /// Higher comes first.
    pub priority: i32,
    pub attempts: u32,
    /// Not before then; `None`: at any time.
    pub next_at: Option<Timestamp>,
    pub callback: Option<Callback>,
    /// The one agent who may have it.
    pub assigned: Option<i64>,
    pub holds_agent: bool,
}

/// Why a lead is not next, though a campaign would dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    Closed(Closed),
    /// Somebody holds it until then.
    Held {
        until: Timestamp,
    },
    UnderWay,
    NotYet {
        until: Timestamp,
    },
    /// It is for that agent alone.
    ForAgent(i64),
    /// It waits for an agent who is held for it.
    NeedsAgent,
}

impl Idle {
    /// Returns the word that the API and the console show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed(why) => why.as_str(),
            Self::Held { .. } => "held",
            Self::UnderWay => "under_way",
            Self::NotYet { .. } => "not_yet",
            Self::ForAgent(_) => "for_another_agent",
            Self::NeedsAgent => "needs_agent",
        }
    }
}

/// For whom a lead is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// For whichever agent will be free: a call that is placed ahead.
    Anybody,
    /// For that agent, who is held for it.
    Agent(i64),
}

/// Longest that an attempt goes without an end before it is taken for lost.
pub const LOST_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
/// How long an agent's own call-back waits for them before anybody may make it.
pub const OWN_CALLBACK_WAITS: Duration = Duration::from_secs(30 * 60);

impl Lead {
    /// Says whether the lead may be tried now.
    ///
    /// # Errors
    /// Why not.
    pub fn may_be_tried(&self, whom: For, now: Timestamp) -> Result<(), Idle> {
        match self.state {
            State::Closed(why) => return Err(Idle::Closed(why)),
            State::Reserved { until } if now < until => return Err(Idle::Held { until }),
            State::Dialling { .. } => return Err(Idle::UnderWay),
            State::Open | State::Reserved { .. } => {}
        }
        let due = self.callback.map(|callback| callback.at).or(self.next_at);
        if let Some(until) = due.filter(|due| now < *due) {
            return Err(Idle::NotYet { until });
        }
        if let Some(agent) = self.owner(now)
            && whom != For::Agent(agent)
        {
            return Err(Idle::ForAgent(agent));
        }
        if self.holds_agent && whom == For::Anybody {
            return Err(Idle::NeedsAgent);
        }
        Ok(())
    }

    /// Says whether nothing was heard of the attempt for so long that it counts as [`Outcome::Lost`].
    pub fn is_lost(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Dialling { since } if now.since(since) > LOST_AFTER)
    }

    /// Returns the agent who alone may have it now.
    fn owner(&self, now: Timestamp) -> Option<i64> {
        match self.callback {
            Some(Callback { at, agent: Some(agent) }) if now < at.after(OWN_CALLBACK_WAITS) => Some(agent),
            _ => self.assigned,
        }
    }
}

/// Says whether a promised time is one at which anybody may be called: not long past, not years ahead, and on the clock
/// of the callee between those minutes of the day.
pub fn is_promisable(at: Timestamp, now: Timestamp, there: Local, from: u16, to: u16) -> bool {
    const FURTHEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    at >= now && at <= now.after(FURTHEST) && (from..to).contains(&there.minute)
}
