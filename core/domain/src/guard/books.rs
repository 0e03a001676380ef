//! What was dialled within the last hour, minute by minute.

use std::collections::VecDeque;

use super::policy::{Limits, Whose, Why};
use crate::Timestamp;

/// Minutes that limits look back.
pub const MINUTES: i64 = 60;
const MINUTE_MS: i64 = 60_000;

/// What was used in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Minutes since 1970.
    pub at: i64,
    pub calls: i64,
    /// Milliseconds of talk.
    pub talk: i64,
    /// Millionths of the account's currency.
    pub cost: i64,
}

/// How much is used of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    pub calls_at_once: u32,
    pub calls: i64,
    /// Milliseconds.
    pub talk: i64,
    pub cost: i64,
}

/// The last hour of one extension, or of the account. At most [`MINUTES`] + 1 entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    minutes: VecDeque<(Minute, bool)>,
    pub(super) up: u32,
}

/// Returns the minute of a time.
pub(super) const fn minute_of(now: Timestamp) -> i64 {
    now.millis().div_euclid(MINUTE_MS)
}

impl Book {
    /// Adds to the minute of `now`.
    pub(super) fn add(&mut self, now: Timestamp, calls: i64, talk: i64, cost: i64) {
        self.add_at(minute_of(now), calls, talk, cost, true);
        self.forget(now);
    }

    /// Adds what an earlier run wrote down.
    pub(super) fn restore(&mut self, minute: Minute) {
        self.add_at(minute.at, minute.calls, minute.talk, minute.cost, false);
    }

    fn add_at(&mut self, at: i64, calls: i64, talk: i64, cost: i64, changed: bool) {
        let place = self.minutes.partition_point(|(minute, _)| minute.at < at);
        if self.minutes.get(place).is_none_or(|(minute, _)| minute.at != at) {
            self.minutes.insert(place, (Minute { at, ..Minute::default() }, false));
        }
        let Some((minute, is_changed)) = self.minutes.get_mut(place) else { return };
        minute.calls += calls;
        minute.talk += talk;
        minute.cost = minute.cost.saturating_add(cost);
        *is_changed |= changed;
    }

    /// Drops what no limit looks at any more. What was not written down yet may go too: it counts for nothing.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let first = minute_of(now) - MINUTES;
        while self.minutes.front().is_some_and(|(minute, _)| minute.at <= first) {
            self.minutes.pop_front();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.up == 0 && self.minutes.is_empty()
    }

    pub(super) fn usage(&self, now: Timestamp) -> Usage {
        let first = minute_of(now) - MINUTES;
        let recent = self.minutes.iter().map(|(minute, _)| minute).filter(|minute| minute.at > first);
        let start = Usage { calls_at_once: self.up, ..Usage::default() };
        recent.fold(start, |sum, minute| Usage {
            calls: sum.calls + minute.calls,
            talk: sum.talk + minute.talk,
            cost: sum.cost.saturating_add(minute.cost),
            ..sum
        })
    }

    /// Hands out the minutes that changed since the last time.
    pub(super) fn take_changed(&mut self) -> Vec<Minute> {
        let changed = self.minutes.iter_mut().filter(|(_, changed)| *changed);
        changed
            .map(|(minute, changed)| {
                *changed = false;
                *minute
            })
            .collect()
    }
}

impl Limits {
    /// Says whether one more call may begin.
    pub(super) fn admit(&self, usage: &Usage, whose: Whose) -> Result<(), Why> {
        if self.calls_at_once.is_some_and(|most| usage.calls_at_once >= most) {
            return Err(Why::CallsAtOnce(whose));
        }
        if self.calls_per_hour.is_some_and(|most| usage.calls >= i64::from(most)) {
            return Err(Why::CallsPerHour(whose));
        }
        self.last(usage, whose)
    }

    /// Says whether calls that are up may go on.
    pub(super) fn last(&self, usage: &Usage, whose: Whose) -> Result<(), Why> {
        if self.minutes_per_hour.is_some_and(|most| usage.talk >= i64::from(most) * MINUTE_MS) {
            return Err(Why::MinutesPerHour(whose));
        }
        if self.spend_per_hour.is_some_and(|most| usage.cost >= most) {
            return Err(Why::SpendPerHour(whose));
        }
        Ok(())
    }
}
