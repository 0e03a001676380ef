//! One queue: who waits, whom they are offered to, and what becomes of them.
//!
//! ```text
//!          Join                   Answered                Ended
//!  caller ─────▶ waiting ◀──────▶ offered ─────▶ talking ─────▶ (over)
//!                  │   Failed,     │
//!                  │   deadline    │ Left: abandoned, every offer withdrawn
//!                  ▼               ▼
//!            Leave: too long, nobody there, a key, a call back promised; Taken: picked up by somebody else
//! ```
//!
//! The machine owns the callers and the offers; agents stand in the account's [`Roster`], which every call is given, so
//! that two queues never offer one agent two callers. Nothing it relies on is believed for ever: an offer has a
//! deadline, an agent's state has one too, and [`Queue::reap`] holds both against the calls that are up.

mod caller;
mod dispatch;
mod input;
mod order;
pub mod settings;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

pub use caller::Waiting;
pub use input::{Fact, FactKind, Input, Join, Leaving, Output};
pub use settings::{Announcements, NoAgentAction, Settings, Strategy, Tier, TierRules, TimeBase};

use self::caller::{Caller, Gone, Kind};
use crate::{
    CallId,
    agent::{Activity, LONGEST_CALL, Roster},
    cause::Cause,
};

/// How much later than its ring time an offer is taken for unanswered, if nobody says so before.
const GRACE: Duration = Duration::from_secs(3);
/// How long an offer that was withdrawn is remembered: the answer may be under way already.
const LATE: Duration = Duration::from_secs(30);
/// How long it may take to set up a call back, the customer's ring time included.
const CALLBACK_TIME: Duration = Duration::from_secs(120);
/// Between two attempts to call somebody back, and how many there are.
const CALLBACK_PAUSE: Duration = Duration::from_secs(300);
const CALLBACK_TRIES: u8 = 3;
/// Calls back that one queue promises at a time.
const MOST_PROMISED: usize = 200;
/// Abandoned calls that are remembered for a return.
const MOST_GONE: usize = 1_000;
/// Between two announcements at least.
const LEAST_PAUSE: Duration = Duration::from_secs(5);
/// What a call is taken to last, until calls have shown it.
const FIRST_GUESS: Duration = Duration::from_secs(180);

#[derive(Debug)]
struct Offer {
    call: CallId,
    agent: String,
    deadline: Instant,
    /// Withdrawn offers are kept for a while.
    is_off: bool,
    is_callback: bool,
}

#[derive(Debug)]
struct Talk {
    call: CallId,
    number: String,
    agent: String,
    since: Instant,
    waited: Duration,
}

/// One queue. Its task is the only owner.
#[derive(Debug)]
pub struct Queue {
    id: i64,
    settings: Settings,
    tiers: Vec<Tier>,
    callers: Vec<Caller>,
    offers: BTreeMap<u64, Offer>,
    talks: BTreeMap<u64, Talk>,
    gone: VecDeque<Gone>,
    made: u64,
    came: u64,
    /// Whom the queue offered last.
    last: Option<String>,
    /// Since when nobody is there.
    deserted_since: Option<Instant>,
    /// What a call takes an agent, on the average of the last ones.
    handling: Duration,
    outputs: VecDeque<Output>,
}

impl Queue {
    pub fn new(id: i64, settings: Settings, tiers: Vec<Tier>) -> Self {
        Self {
            id,
            settings,
            tiers,
            callers: Vec::new(),
            offers: BTreeMap::new(),
            talks: BTreeMap::new(),
            gone: VecDeque::new(),
            made: 0,
            came: 0,
            last: None,
            deserted_since: None,
            handling: FIRST_GUESS,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened. Late news of what is over is passed over. `random` decides where the strategy does not.
    pub fn handle(&mut self, input: Input, roster: &mut Roster, random: u64, now: Instant) {
        match input {
            Input::Join(join) => self.join(join, Kind::Live, roster, now),
            Input::Promised(join) => {
                self.join(join, Kind::Promised { not_before: now, tries: 0 }, roster, now);
            }
            Input::Left { call } => self.left(call, roster, now),
            Input::Taken { call } => self.taken(call, roster, now),
            Input::Failed { offer, cause } => self.failed(offer, cause, roster, now),
            Input::Answered { offer } => self.answered(offer, roster, now),
            Input::Ended { offer } => self.ended(offer, roster, now),
            Input::Key { call, key } => self.key(call, key, roster, now),
            Input::Placed { offer, call } => self.placed(offer, call, roster, now),
            Input::Unreached { offer } => self.unreached(offer, roster, now),
            Input::Change { settings, tiers } => self.change(*settings, tiers),
            Input::Look => {}
            Input::Close => self.close(roster, now),
        }
        self.handle_timeout(roster, random, now);
    }

    /// Lets time pass: offers end, callers leave or hear where they stand, levels open, agents become free.
    pub fn handle_timeout(&mut self, roster: &mut Roster, random: u64, now: Instant) {
        for agent in roster.handle_timeout(now) {
            self.outputs.push_back(Output::Agent(agent));
        }
        self.end_offers(roster, now);
        self.watch_presence(roster, now);
        self.send_away(roster, now);
        self.dispatch(roster, random, now);
        self.announce(roster, now);
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when something is due by time alone.
    pub fn next_timeout(&self, roster: &Roster, now: Instant) -> Option<Instant> {
        let offers = self.offers.values().map(|offer| offer.deadline);
        let agents = roster.next_timeout(self.tiers.iter().map(|tier| tier.agent.as_str()), now);
        let callers = self.callers.iter().flat_map(|caller| self.moments(caller, now));
        offers.chain(agents).chain(callers).min()
    }

    /// Sets right what has no live call: agents who are busy with nothing, callers who are gone. Returns the agents
    /// and callers whose state was wrong; there should be none, ever.
    pub fn reap(&mut self, is_live: impl Fn(CallId) -> bool, roster: &mut Roster, now: Instant) -> usize {
        let gone: Vec<CallId> = self
            .callers
            .iter()
            .filter(|caller| caller.is_live() && !is_live(caller.call))
            .map(|caller| caller.call)
            .collect();
        let over: Vec<u64> =
            self.talks.iter().filter(|(_, talk)| !is_live(talk.call)).map(|(offer, _)| *offer).collect();
        let mut wrong = gone.len() + over.len();
        for call in gone {
            self.left(call, roster, now);
        }
        for offer in over {
            self.ended(offer, roster, now);
        }
        for agent in roster.reap(&is_live, now) {
            wrong += 1;
            self.outputs.push_back(Output::Agent(agent));
        }
        wrong
    }

    /// Returns who waits, in the order in which they are served.
    pub fn waiting(&self, now: Instant) -> Vec<Waiting> {
        let ranked = self.ranked().into_iter().enumerate();
        let seen = ranked.map(|(place, at)| {
            let caller = &self.callers[at];
            Waiting {
                call: caller.call,
                number: caller.number.clone(),
                name: caller.name.clone(),
                position: place + 1,
                waited: caller.waited(now),
                is_callback: !caller.is_live(),
                offered_to: self.rung_for(caller.call).map(|(_, offer)| offer.agent.clone()).collect(),
            }
        });
        seen.collect()
    }

    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// Tells whether anybody waits, on the line or for a call back.
    pub fn is_waited_in(&self) -> bool {
        !self.callers.is_empty()
    }

    /// Tells whether nothing goes on that may get stuck.
    pub fn is_quiet(&self) -> bool {
        self.callers.is_empty() && self.offers.is_empty() && self.talks.is_empty()
    }

    fn join(&mut self, join: Join, kind: Kind, roster: &Roster, now: Instant) {
        if self.callers.iter().any(|caller| caller.call == join.call) {
            return;
        }
        self.came += 1;
        let since = match self.settings.time_base {
            TimeBase::System => join.started,
            TimeBase::Queue if kind == Kind::Live => now,
            TimeBase::Queue => join.started,
        };
        let mut rank = roster.millis(since).saturating_sub(join.priority.saturating_mul(1000));
        self.gone.retain(|gone| now < gone.until);
        if let Some(at) = self.gone.iter().position(|gone| gone.number == join.number)
            && let Some(before) = self.gone.remove(at)
        {
            rank = rank.min(before.rank);
        }
        let announces = kind == Kind::Live && !self.settings.announcements.every.is_zero();
        let caller = Caller {
            call: join.call,
            number: join.number,
            name: join.name,
            joined: if kind == Kind::Live { now } else { join.started },
            rank: (rank, self.came),
            kind,
            last: None,
            announce_at: announces.then_some(now),
        };
        if caller.is_live() {
            self.outputs.push_back(Output::Fact(caller.fact(FactKind::Joined, None, now)));
        }
        self.callers.push(caller);
    }

    fn left(&mut self, call: CallId, roster: &mut Roster, now: Instant) {
        if let Some(caller) = self.take(call, true, roster) {
            self.outputs.push_back(Output::Fact(caller.fact(FactKind::Abandoned, None, now)));
            if !self.settings.resume_within.is_zero() && !caller.number.is_empty() {
                self.gone.retain(|gone| gone.number != caller.number);
                if self.gone.len() >= MOST_GONE {
                    self.gone.pop_front();
                }
                let until = now + self.settings.resume_within;
                self.gone.push_back(Gone { number: caller.number, rank: caller.rank.0, until });
            }
        }
        let over: Vec<u64> = self.talks.iter().filter(|(_, talk)| talk.call == call).map(|(offer, _)| *offer).collect();
        for offer in over {
            self.ended(offer, roster, now);
        }
    }

    /// Whoever was served by somebody else has not hung up: that is no abandoned call.
    fn taken(&mut self, call: CallId, roster: &mut Roster, now: Instant) {
        if let Some(caller) = self.take(call, true, roster) {
            self.outputs.push_back(Output::Fact(caller.fact(FactKind::Overflowed(Leaving::Taken), None, now)));
        }
    }

    /// Takes a caller out of the queue and calls off every phone that rings for them.
    fn take(&mut self, call: CallId, live: bool, roster: &mut Roster) -> Option<Caller> {
        let at = self.callers.iter().position(|caller| caller.call == call && caller.is_live() == live)?;
        let caller = self.callers.remove(at);
        let rung: Vec<u64> = self.rung_for(call).map(|(offer, _)| offer).collect();
        for offer in rung {
            self.withdraw(offer, roster);
        }
        Some(caller)
    }

    fn rung_for(&self, call: CallId) -> impl Iterator<Item = (u64, &Offer)> {
        self.offers.iter().filter(move |(_, offer)| offer.call == call && !offer.is_off).map(|(id, offer)| (*id, offer))
    }

    /// Calls an offer off; no fault of the agent.
    fn withdraw(&mut self, id: u64, roster: &mut Roster) {
        let Some(offer) = self.offers.get_mut(&id) else { return };
        if std::mem::replace(&mut offer.is_off, true) {
            return;
        }
        offer.deadline += LATE;
        if roster.holds(&offer.agent, self.id, id) {
            roster.release(&offer.agent);
            self.outputs.push_back(Output::Agent(offer.agent.clone()));
        }
        self.outputs.push_back(Output::Withdraw { offer: id, call: offer.call });
    }

    fn failed(&mut self, id: u64, cause: Cause, roster: &mut Roster, now: Instant) {
        let Some(offer) = self.offers.remove(&id) else { return };
        if offer.is_off || !roster.holds(&offer.agent, self.id, id) {
            return;
        }
        roster.fail(&offer.agent, cause, &self.settings.patience, now);
        self.outputs.push_back(Output::Agent(offer.agent.clone()));
        if let Some(caller) = self.callers.iter().find(|caller| caller.call == offer.call) {
            let fact = caller.fact(FactKind::Missed(cause), Some(&offer.agent), now);
            self.outputs.push_back(Output::Fact(fact));
        }
    }

    fn answered(&mut self, id: u64, roster: &mut Roster, now: Instant) {
        let Some(offer) = self.offers.remove(&id) else { return };
        let is_offered = roster.holds(&offer.agent, self.id, id);
        let Some(caller) = self.take(offer.call, !offer.is_callback, roster) else {
            // The caller left in the same moment.
            if is_offered {
                roster.release(&offer.agent);
                self.outputs.push_back(Output::Agent(offer.agent));
            }
            return;
        };
        if offer.is_callback {
            self.outputs.push_back(Output::Fact(caller.fact(FactKind::CallbackDone, Some(&offer.agent), now)));
        } else {
            self.outputs.push_back(Output::Fact(caller.fact(FactKind::Answered, Some(&offer.agent), now)));
        }
        let call = match roster.agent(&offer.agent).and_then(|agent| agent.activity.call()) {
            // A call back runs under a name of its own.
            Some(call) if offer.is_callback && is_offered => call,
            _ => offer.call,
        };
        let (since, deadline) = (now, now + LONGEST_CALL);
        // The two talk, whatever was offered to the agent since this offer was called off: that one is withdrawn as soon
        // as its queue looks. Only an agent who talks already belongs to that call.
        let talks = matches!(roster.agent(&offer.agent), Some(agent) if agent.activity.as_str() == "in_call");
        if is_offered || !talks {
            roster.answer(&offer.agent, Activity::InCall { queue: self.id, call, offer: id, since, deadline });
            self.outputs.push_back(Output::Agent(offer.agent.clone()));
        }
        let waited = caller.waited(now);
        self.talks.insert(id, Talk { call, number: caller.number, agent: offer.agent, since, waited });
    }

    fn ended(&mut self, id: u64, roster: &mut Roster, now: Instant) {
        let Some(talk) = self.talks.remove(&id) else {
            // The agent's phone is gone before it was answered.
            return self.failed(id, Cause::NoUserResponse, roster, now);
        };
        let talked = now.saturating_duration_since(talk.since);
        self.handling = (self.handling * 7 + talked + self.settings.wrap_up) / 8;
        if roster.holds(&talk.agent, self.id, id) {
            roster.end(&talk.agent, self.id, talk.call, talked, self.settings.wrap_up, now);
            self.outputs.push_back(Output::Agent(talk.agent.clone()));
        }
        self.outputs.push_back(Output::Fact(Fact {
            call: talk.call,
            number: talk.number,
            kind: FactKind::Ended { talked },
            agent: Some(talk.agent),
            waited: talk.waited,
        }));
    }

    fn key(&mut self, call: CallId, key: char, roster: &mut Roster, now: Instant) {
        if self.settings.exit_key == Some(key) {
            self.leave(call, Leaving::Key, roster, now);
        } else if self.settings.callback_key == Some(key) {
            let Some(caller) = self.callers.iter().find(|caller| caller.call == call && caller.is_live()) else {
                return;
            };
            let promised = self.callers.iter().filter(|caller| !caller.is_live()).count();
            let refused = !crate::number::is_dialable(&caller.number) || self.is_promised(&caller.number);
            if refused || promised >= MOST_PROMISED {
                return self.outputs.push_back(Output::Refuse { call });
            }
            if let Some(mut caller) = self.take(call, true, roster) {
                // The place is kept; only the line is given up.
                self.outputs.push_back(Output::Fact(caller.fact(FactKind::CallbackAsked, None, now)));
                self.outputs.push_back(Output::Leave { call, why: Leaving::CallBack });
                caller.kind = Kind::Promised { not_before: now, tries: 0 };
                caller.announce_at = None;
                self.callers.push(caller);
            }
        }
    }

    fn is_promised(&self, number: &str) -> bool {
        self.callers.iter().any(|caller| !caller.is_live() && caller.number == number)
    }

    fn placed(&mut self, id: u64, call: CallId, roster: &mut Roster, now: Instant) {
        let Some(offer) = self.offers.get(&id) else { return };
        if roster.holds(&offer.agent, self.id, id) {
            let ringing = Activity::Ringing { queue: self.id, call, offer: id, deadline: offer.deadline };
            roster.ring(&offer.agent, ringing, now);
            self.outputs.push_back(Output::Agent(offer.agent.clone()));
        }
    }

    fn unreached(&mut self, id: u64, roster: &mut Roster, now: Instant) {
        let Some(offer) = self.offers.remove(&id) else { return };
        if roster.holds(&offer.agent, self.id, id) {
            roster.release(&offer.agent);
            self.outputs.push_back(Output::Agent(offer.agent.clone()));
        }
        let Some(at) = self.callers.iter().position(|caller| caller.call == offer.call && !caller.is_live()) else {
            return;
        };
        let caller = &mut self.callers[at];
        let Kind::Promised { tries, .. } = caller.kind else { return };
        if tries + 1 < CALLBACK_TRIES {
            caller.kind = Kind::Promised { not_before: now + CALLBACK_PAUSE, tries: tries + 1 };
        } else {
            let caller = self.callers.remove(at);
            let fact = caller.fact(FactKind::CallbackFailed, Some(&offer.agent), now);
            self.outputs.push_back(Output::Fact(fact));
        }
    }

    fn change(&mut self, settings: Settings, tiers: Vec<Tier>) {
        self.settings = settings;
        self.tiers = tiers;
        if self.settings.announcements.every.is_zero() {
            self.callers.iter_mut().for_each(|caller| caller.announce_at = None);
        }
    }

    fn close(&mut self, roster: &mut Roster, now: Instant) {
        let live: Vec<CallId> =
            self.callers.iter().filter(|caller| caller.is_live()).map(|caller| caller.call).collect();
        for call in live {
            self.leave(call, Leaving::Closed, roster, now);
        }
        let promised: Vec<CallId> = self.callers.iter().map(|caller| caller.call).collect();
        for call in promised {
            if let Some(caller) = self.take(call, false, roster) {
                self.outputs.push_back(Output::Fact(caller.fact(FactKind::CallbackFailed, None, now)));
            }
        }
        self.tiers.clear();
    }

    fn leave(&mut self, call: CallId, why: Leaving, roster: &mut Roster, now: Instant) {
        if let Some(caller) = self.take(call, true, roster) {
            self.outputs.push_back(Output::Fact(caller.fact(FactKind::Overflowed(why), None, now)));
            self.outputs.push_back(Output::Leave { call, why });
        }
    }

    /// Returns the places of the callers, in the order in which they are served.
    fn ranked(&self) -> Vec<usize> {
        let mut ranked: Vec<usize> = (0..self.callers.len()).collect();
        ranked.sort_by_key(|at| self.callers[*at].rank);
        ranked
    }
}
