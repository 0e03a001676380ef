//! Agents: extensions that queues offer callers to, and what each of them is doing.
//!
//! ```text
//!  Idle ──offer──▶ Ringing ──answers──▶ InCall ──hangs up──▶ WrapUp ──time──▶ Idle
//!   ▲                 │ refuses, is busy, does not answer                      ▲
//!   └────rests────────┴────────── the reaper: no call, no state ───────────────┘
//! ```
//!
//! What an agent wants ([`Status`]) stands beside what an agent does ([`Activity`]). All queues of an account share one
//! [`Roster`], so that no agent is offered two callers; every activity but `Idle` names its call and ends by a deadline.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{CallId, cause::Cause};

/// The longest that an agent is believed to be in a call of which nothing is heard.
pub const LONGEST_CALL: Duration = Duration::from_secs(12 * 3600);
/// The least rest after an offer that failed: a phone that refuses at once must not be rung in a loop.
const LEAST_REST: Duration = Duration::from_secs(1);

/// What an agent wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Available,
    OnBreak,
    LoggedOut,
}

impl Status {
    pub const ALL: &'static [Self] = &[Self::Available, Self::OnBreak, Self::LoggedOut];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::OnBreak => "on_break",
            Self::LoggedOut => "logged_out",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }
}

/// What an agent does for a queue. Every deadline lies after what is expected: it catches what was never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    Idle,
    Ringing {
        queue: i64,
        call: CallId,
        offer: u64,
        deadline: Instant,
    },
    InCall {
        queue: i64,
        call: CallId,
        offer: u64,
        since: Instant,
        deadline: Instant,
    },
    /// Notes after a call; over at the deadline.
    WrapUp {
        queue: i64,
        call: CallId,
        deadline: Instant,
    },
}

impl Activity {
    pub const fn call(self) -> Option<CallId> {
        match self {
            Self::Idle => None,
            Self::Ringing { call, .. } | Self::InCall { call, .. } | Self::WrapUp { call, .. } => Some(call),
        }
    }

    pub const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Idle => None,
            Self::Ringing { deadline, .. } | Self::InCall { deadline, .. } | Self::WrapUp { deadline, .. } => {
                Some(deadline)
            }
        }
    }

    /// Returns the word for it: `waiting`, `ringing`, `in_call` or `wrap_up`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "waiting",
            Self::Ringing { .. } => "ringing",
            Self::InCall { .. } => "in_call",
            Self::WrapUp { .. } => "wrap_up",
        }
    }
}

/// What the strategies compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Milliseconds since the roster's origin, negative for what was before it; none is never.
    pub last_offered: Option<i64>,
    /// When the last call ended.
    pub last_ended: Option<i64>,
    pub talk: Duration,
    pub calls: u32,
    /// Offers in a row that were not answered.
    pub unanswered: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub status: Status,
    pub activity: Activity,
    /// Not offered anybody before: after a refusal, busy or no answer.
    pub rests_until: Option<Instant>,
    /// Whether a phone is registered.
    pub is_reachable: bool,
    /// Whether the extension is in a call that is none of the queue's.
    pub is_elsewhere: bool,
    pub record: Record,
}

impl Agent {
    /// Logged in with a phone: counts as staff, whether free or not.
    pub fn is_present(&self) -> bool {
        self.status != Status::LoggedOut && self.is_reachable
    }

    /// Tells whether a caller may be offered now.
    pub fn is_free(&self, now: Instant) -> bool {
        self.status == Status::Available
            && self.is_reachable
            && !self.is_elsewhere
            && self.activity == Activity::Idle
            && self.rests_until.is_none_or(|until| now >= until)
    }

    /// Returns the state as people see it: the activity, else `busy` in another call, `resting`, or the status.
    pub fn state(&self, now: Instant) -> &'static str {
        match self.activity {
            Activity::Idle if self.is_elsewhere => "busy",
            Activity::Idle if self.status != Status::Available => self.status.as_str(),
            Activity::Idle if !self.is_reachable => "unreachable",
            Activity::Idle if self.rests_until.is_some_and(|until| now < until) => "resting",
            activity => activity.as_str(),
        }
    }
}

/// How long an agent is left alone after an offer that failed, and how often it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub after_reject: Duration,
    pub after_busy: Duration,
    pub after_no_answer: Duration,
    /// So many unanswered offers in a row send the agent on a break; 0 never does.
    pub most_unanswered: u32,
}

/// All agents of an account.
#[derive(Debug)]
pub struct Roster {
    origin: Instant,
    agents: BTreeMap<String, Agent>,
    /// No notes are finished before that.
    notes_until: Option<Instant>,
}

impl Roster {
    pub fn new(origin: Instant) -> Self {
        Self { origin, agents: BTreeMap::new(), notes_until: None }
    }

    /// Returns milliseconds since the origin; times before it are negative.
    pub fn millis(&self, at: Instant) -> i64 {
        let signed = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        match at.checked_duration_since(self.origin) {
            Some(after) => signed(after),
            None => -signed(self.origin.saturating_duration_since(at)),
        }
    }

    /// Adds an agent who is not known yet, idle whatever was before: a call that this run does not know is over.
    pub fn add(&mut self, number: &str, status: Status, record: Record) {
        self.agents.entry(number.to_owned()).or_insert(Agent {
            status,
            activity: Activity::Idle,
            rests_until: None,
            is_reachable: false,
            is_elsewhere: false,
            record,
        });
    }

    pub fn remove(&mut self, number: &str) {
        self.agents.remove(number);
    }

    pub fn agent(&self, number: &str) -> Option<&Agent> {
        self.agents.get(number)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Agent)> {
        self.agents.iter().map(|(number, agent)| (number.as_str(), agent))
    }

    /// Takes what an agent wants. Becoming available ends every rest; logging in begins the counting anew.
    /// Returns whether that changed anything.
    pub fn set_status(&mut self, number: &str, status: Status) -> bool {
        let Some(agent) = self.agents.get_mut(number) else { return false };
        if status == Status::Available {
            agent.rests_until = None;
            agent.record.unanswered = 0;
            if agent.status == Status::LoggedOut {
                (agent.record.calls, agent.record.talk) = (0, Duration::ZERO);
            }
        }
        std::mem::replace(&mut agent.status, status) != status
    }

    /// Takes what is known of an agent's phones and other calls. Returns whether that changed anything.
    pub fn set_presence(&mut self, number: &str, is_reachable: bool, is_elsewhere: bool) -> bool {
        let Some(agent) = self.agents.get_mut(number) else { return false };
        let before = (agent.is_reachable, agent.is_elsewhere);
        (agent.is_reachable, agent.is_elsewhere) = (is_reachable, is_elsewhere);
        before != (is_reachable, is_elsewhere)
    }

    /// Ends what is over by its time: wrap-ups. Returns whose.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<String> {
        let mut changed = Vec::new();
        if self.notes_until.is_none_or(|until| now < until) {
            return changed;
        }
        self.notes_until = None;
        for (number, agent) in &mut self.agents {
            let Activity::WrapUp { deadline, .. } = agent.activity else { continue };
            if now >= deadline {
                agent.activity = Activity::Idle;
                changed.push(number.clone());
            } else {
                self.notes_until = Some(self.notes_until.map_or(deadline, |until| until.min(deadline)));
            }
        }
        changed
    }

    /// Frees agents whose state has no live call or is beyond its deadline. Returns whose state was wrong.
    pub fn reap(&mut self, is_live: impl Fn(CallId) -> bool, now: Instant) -> Vec<String> {
        let mut stuck = Vec::new();
        for (number, agent) in &mut self.agents {
            let is_wrong = match agent.activity {
                Activity::Idle => false,
                Activity::WrapUp { deadline, .. } => now >= deadline,
                Activity::Ringing { call, deadline, .. } | Activity::InCall { call, deadline, .. } => {
                    now >= deadline || !is_live(call)
                }
            };
            if is_wrong {
                agent.activity = Activity::Idle;
                stuck.push(number.clone());
            }
        }
        stuck
    }

    /// Returns when one of these agents may become free by time alone.
    pub(crate) fn next_timeout<'a>(&self, numbers: impl Iterator<Item = &'a str>, now: Instant) -> Option<Instant> {
        let agents = numbers.filter_map(|number| self.agents.get(number));
        let moments = agents.flat_map(|agent| {
            let wrap_up = match agent.activity {
                Activity::WrapUp { deadline, .. } => Some(deadline),
                _ => None,
            };
            wrap_up.into_iter().chain(agent.rests_until.filter(|until| *until > now))
        });
        moments.min()
    }

    pub(crate) fn ring(&mut self, number: &str, activity: Activity, now: Instant) {
        let at = self.millis(now);
        if let Some(agent) = self.agents.get_mut(number) {
            agent.activity = activity;
            agent.record.last_offered = Some(at);
        }
    }

    /// Tells whether the agent is busy with just this offer.
    pub(crate) fn holds(&self, number: &str, queue: i64, offer: u64) -> bool {
        self.agents.get(number).is_some_and(|agent| match agent.activity {
            Activity::Ringing { queue: q, offer: o, .. } | Activity::InCall { queue: q, offer: o, .. } => {
                (q, o) == (queue, offer)
            }
            _ => false,
        })
    }

    /// The offer is off, by no fault of the agent.
    pub(crate) fn release(&mut self, number: &str) {
        if let Some(agent) = self.agents.get_mut(number) {
            agent.activity = Activity::Idle;
        }
    }

    /// The agent did not take the offer. Returns whether that sent the agent on a break.
    pub(crate) fn fail(&mut self, number: &str, cause: Cause, patience: &Patience, now: Instant) -> bool {
        let Some(agent) = self.agents.get_mut(number) else { return false };
        agent.activity = Activity::Idle;
        let rest = match cause {
            Cause::UserBusy => patience.after_busy,
            Cause::CallRejected => patience.after_reject,
            _ => patience.after_no_answer,
        };
        agent.rests_until = now.checked_add(rest.max(LEAST_REST));
        if cause != Cause::NoAnswer {
            return false;
        }
        agent.record.unanswered += 1;
        let too_often = patience.most_unanswered > 0 && agent.record.unanswered >= patience.most_unanswered;
        if too_often && agent.status == Status::Available {
            agent.status = Status::OnBreak;
            agent.record.unanswered = 0;
            return true;
        }
        false
    }

    pub(crate) fn answer(&mut self, number: &str, activity: Activity) {
        if let Some(agent) = self.agents.get_mut(number) {
            agent.activity = activity;
            agent.record.unanswered = 0;
            agent.record.calls = agent.record.calls.saturating_add(1);
        }
    }

    /// The call is over: notes first, if there is a time for them.
    pub(crate) fn end(
        &mut self,
        number: &str,
        queue: i64,
        call: CallId,
        talked: Duration,
        wrap_up: Duration,
        now: Instant,
    ) {
        let at = self.millis(now);
        let Some(agent) = self.agents.get_mut(number) else { return };
        agent.record.last_ended = Some(at);
        agent.record.talk = agent.record.talk.saturating_add(talked);
        agent.activity = match now.checked_add(wrap_up) {
            Some(deadline) if !wrap_up.is_zero() => {
                self.notes_until = Some(self.notes_until.map_or(deadline, |until| until.min(deadline)));
                Activity::WrapUp { queue, call, deadline }
            }
            _ => Activity::Idle,
        };
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PATIENCE: Patience = Patience {
        after_reject: Duration::from_secs(10),
        after_busy: Duration::from_secs(60),
        after_no_answer: Duration::ZERO,
        most_unanswered: 2,
    };

    #[expect(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn roster() -> (Roster, Instant) {
        let now = Instant::now();
        let mut roster = Roster::new(now);
        roster.add("1001", Status::Available, Record::default());
        roster.set_presence("1001", true, false);
        (roster, now)
    }

    fn is_free(roster: &Roster, now: Instant) -> bool {
        roster.agent("1001").is_some_and(|agent| agent.is_free(now))
    }

    #[test]
    fn an_agent_rests_as_long_as_the_failure_deserves() {
        for (cause, rest) in [(Cause::UserBusy, 60), (Cause::CallRejected, 10), (Cause::NoAnswer, 1)] {
            let (mut roster, now) = roster();
            assert!(!roster.fail("1001", cause, &PATIENCE, now));
            let after = |seconds| now + Duration::from_secs(seconds);
            assert!(!is_free(&roster, after(rest - 1)), "{cause:?}");
            assert!(is_free(&roster, after(rest)), "{cause:?}");
            roster.set_status("1001", Status::Available);
            assert!(is_free(&roster, now), "who says to be available is");
        }
    }

    #[test]
    fn an_agent_who_never_answers_is_sent_on_a_break() {
        let (mut roster, now) = roster();
        assert!(!roster.fail("1001", Cause::NoAnswer, &PATIENCE, now));
        assert!(roster.fail("1001", Cause::NoAnswer, &PATIENCE, now));
        assert_eq!(roster.agent("1001").map(|agent| agent.status), Some(Status::OnBreak));
    }

    #[test]
    fn whoever_is_in_another_call_or_has_no_phone_is_not_free() {
        let (mut roster, now) = roster();
        for (reachable, elsewhere, free) in [(true, false, true), (true, true, false), (false, false, false)] {
            roster.set_presence("1001", reachable, elsewhere);
            assert_eq!(is_free(&roster, now), free);
        }
    }

    #[test]
    fn the_reaper_frees_whoever_has_no_live_call() {
        let (mut roster, now) = roster();
        let call = CallId(Uuid::from_u128(1));
        let deadline = now + LONGEST_CALL;
        roster.answer("1001", Activity::InCall { queue: 1, call, offer: 1, since: now, deadline });
        assert!(roster.reap(|_| true, now).is_empty());
        assert_eq!(roster.reap(|_| true, deadline), ["1001"]);
        roster.answer("1001", Activity::InCall { queue: 1, call, offer: 1, since: now, deadline });
        assert_eq!(roster.reap(|_| false, now), ["1001"]);
        assert!(is_free(&roster, now));
    }

    #[test]
    fn a_wrap_up_is_each_agents_own_and_ends_by_itself() {
        let (mut roster, now) = roster();
        let call = CallId(Uuid::from_u128(1));
        roster.end("1001", 1, call, Duration::from_secs(30), Duration::from_secs(5), now);
        assert!(!is_free(&roster, now) && roster.handle_timeout(now + Duration::from_secs(4)).is_empty());
        assert_eq!(roster.handle_timeout(now + Duration::from_secs(5)), ["1001"]);
        assert!(is_free(&roster, now + Duration::from_secs(5)));
    }
}
