//! What a queue does as time passes: who is offered to whom, who has waited long enough, who hears where they stand.

use std::time::Instant;

use super::{
    CALLBACK_TIME, GRACE, LATE, LEAST_PAUSE, Offer, Queue,
    caller::{Caller, Kind},
    input::{FactKind, Leaving, Output},
    order,
    settings::{NoAgentAction, Strategy},
};
use crate::{
    CallId,
    agent::{Activity, Roster, Status},
    cause::Cause,
};

impl Queue {
    /// Ends offers that are beyond their time, and those whose agent wants no calls any more.
    pub(super) fn end_offers(&mut self, roster: &mut Roster, now: Instant) {
        let due: Vec<u64> = self.offers.iter().filter(|(_, offer)| now >= offer.deadline).map(|(id, _)| *id).collect();
        for id in due {
            let Some(offer) = self.offers.get(&id) else { continue };
            if offer.is_off {
                self.offers.remove(&id);
                continue;
            }
            let (call, agent, is_callback) = (offer.call, offer.agent.clone(), offer.is_callback);
            self.outputs.push_back(Output::Withdraw { offer: id, call });
            self.failed(id, Cause::NoAnswer, roster, now);
            // The answer may be under way all the same.
            self.offers.insert(id, Offer { call, agent, deadline: now + LATE, is_off: true, is_callback });
        }
        let unwanted: Vec<u64> = self
            .offers
            .iter()
            .filter(|(id, offer)| {
                let status = roster.agent(&offer.agent).map(|agent| agent.status);
                !offer.is_off && (status != Some(Status::Available) || !roster.holds(&offer.agent, self.id, **id))
            })
            .map(|(id, _)| *id)
            .collect();
        for id in unwanted {
            self.withdraw(id, roster);
        }
    }

    pub(super) fn watch_presence(&mut self, roster: &Roster, now: Instant) {
        if self.tiers.iter().any(|tier| order::is_present(roster, tier)) {
            self.deserted_since = None;
        } else {
            self.deserted_since.get_or_insert(now);
        }
    }

    pub(super) fn send_away(&mut self, roster: &mut Roster, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        let leaving: Vec<(CallId, Leaving)> = self
            .callers
            .iter()
            .filter(|caller| caller.is_live())
            .filter_map(|caller| {
                if due(self.patience_ends(caller)) {
                    return Some((caller.call, Leaving::TooLong));
                }
                let why = match self.settings.no_agent_action {
                    NoAgentAction::Hangup => Leaving::NobodyToWaitFor,
                    NoAgentAction::Overflow => Leaving::NoAgent,
                };
                due(self.hope_ends(caller)).then_some((caller.call, why))
            })
            .collect();
        for (call, why) in leaving {
            self.leave(call, why, roster, now);
        }
    }

    /// Returns when the caller has waited for as long as is allowed.
    fn patience_ends(&self, caller: &Caller) -> Option<Instant> {
        let max = self.settings.max_wait;
        (!max.is_zero()).then(|| caller.joined.checked_add(max)).flatten()
    }

    /// Returns when the caller has waited for nobody for as long as is allowed.
    fn hope_ends(&self, caller: &Caller) -> Option<Instant> {
        let max = self.settings.max_wait_with_no_agent;
        let since = self.deserted_since?.max(caller.joined);
        (!max.is_zero()).then(|| since.checked_add(max)).flatten()
    }

    /// Offers whom may be offered, strictly in the order of the queue.
    pub(super) fn dispatch(&mut self, roster: &mut Roster, random: u64, now: Instant) {
        for at in self.ranked() {
            let caller = &self.callers[at];
            let rings_all = self.settings.strategy == Strategy::RingAll && caller.is_live();
            if !caller.is_ready(now) || (!rings_all && self.rung_for(caller.call).next().is_some()) {
                continue;
            }
            let highest = order::highest_level(&self.settings.tier_rules, &self.tiers, roster, caller.waited(now));
            let from = order::From { queue: self.last.as_deref(), caller: caller.last.as_deref() };
            let tried = order::order(self.settings.strategy, &self.tiers, roster, from, random);
            let free = tried.into_iter().filter(|tier| {
                tier.level <= highest && roster.agent(&tier.agent).is_some_and(|agent| agent.is_free(now))
            });
            let most = if rings_all { usize::MAX } else { 1 };
            let chosen: Vec<String> = free.take(most).map(|tier| tier.agent.clone()).collect();
            for agent in chosen {
                self.offer(at, agent, roster, now);
            }
        }
    }

    fn offer(&mut self, at: usize, agent: String, roster: &mut Roster, now: Instant) {
        // Unique among the queues of an account: late news of one queue says nothing to another.
        self.made += 1;
        let id = (self.id.unsigned_abs() << 32) | (self.made & 0xffff_ffff);
        let caller = &mut self.callers[at];
        caller.last = Some(agent.clone());
        self.last = Some(agent.clone());
        let (call, is_callback) = (caller.call, !caller.is_live());
        let deadline = now + if is_callback { CALLBACK_TIME } else { self.settings.ring + GRACE };
        roster.ring(&agent, Activity::Ringing { queue: self.id, call, offer: id, deadline }, now);
        self.outputs.push_back(if is_callback {
            Output::CallBack { offer: id, call, agent: agent.clone(), number: caller.number.clone() }
        } else {
            Output::Offer { offer: id, call, agent: agent.clone(), ring: self.settings.ring }
        });
        let fact = caller.fact(FactKind::Offered, Some(&agent), now);
        self.outputs.push_back(Output::Fact(fact));
        self.outputs.push_back(Output::Agent(agent.clone()));
        self.offers.insert(id, Offer { call, agent, deadline, is_off: false, is_callback });
    }

    /// Tells callers where they stand, unless somebody's phone rings for them at that moment.
    pub(super) fn announce(&mut self, roster: &Roster, now: Instant) {
        let announcements = self.settings.announcements;
        if announcements.every.is_zero() {
            return;
        }
        let staff = self.tiers.iter().filter(|tier| order::is_present(roster, tier)).count().max(1);
        for (place, at) in self.ranked().into_iter().enumerate() {
            let rings = self.rung_for(self.callers[at].call).next().is_some();
            let caller = &mut self.callers[at];
            if !caller.is_live() || caller.announce_at.is_none_or(|due| now < due) {
                continue;
            }
            caller.announce_at = now.checked_add(announcements.every.max(LEAST_PAUSE));
            if rings {
                continue;
            }
            let position = place + 1;
            let rounds = u32::try_from(position.div_ceil(staff)).unwrap_or(u32::MAX);
            self.outputs.push_back(Output::Announce {
                call: caller.call,
                position: announcements.position.then_some(position),
                estimate: announcements.estimate.then(|| self.handling.saturating_mul(rounds)),
            });
        }
    }

    /// Returns when something becomes due for a caller.
    pub(super) fn moments(&self, caller: &Caller, now: Instant) -> impl Iterator<Item = Instant> {
        let openings = order::openings(&self.settings.tier_rules, &self.tiers);
        let opens = openings.into_iter().filter_map(|wait| caller.joined.checked_add(wait)).find(|at| *at > now);
        let (ends, hope) = match caller.is_live() {
            true => (self.patience_ends(caller), self.hope_ends(caller)),
            false => (None, None),
        };
        let again = match caller.kind {
            Kind::Promised { not_before, .. } if not_before > now => Some(not_before),
            _ => None,
        };
        [opens, ends, hope, again, caller.announce_at].into_iter().flatten()
    }
}
