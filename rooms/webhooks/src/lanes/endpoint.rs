//! One endpoint: what waits for it and what it can bear.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use domain::{CallId, Timestamp};

use super::{Health, Lane, Task, Turn};

const CAP_START: usize = 8;
const CAP_MIN: usize = 4;
const CAP_MAX: usize = 64;
/// Failures without any answer, in a row, after which an endpoint is left alone for a while.
const BREAK_AFTER: u32 = 10;
/// The last attempts that are remembered, and how many of them without an answer are too many: 70 %.
const MEMORY: u32 = 20;
const BREAK_OF_MEMORY: u32 = 14;
/// A tenth of a second's starts may come at once: timers are no finer than milliseconds.
const BURST: Duration = Duration::from_millis(100);

pub(super) struct Endpoint<T> {
    first: VecDeque<T>,
    replays: VecDeque<T>,
    retries: VecDeque<T>,
    /// Calls with an ordered delivery under way, and what waits behind it.
    calls: HashMap<CallId, VecDeque<T>>,
    in_flight: usize,
    /// Retries and replays under way.
    again: usize,
    cap: usize,
    /// Without an answer, in a row.
    unanswered: u32,
    /// The last attempts, newest in the lowest bit; set is without an answer.
    recent: u32,
    closed_until: Option<Instant>,
    /// It was closed, and has not answered since.
    quiet: bool,
    /// How far apart starts are.
    interval: Option<Duration>,
    /// When the next start would be due if starts were as far apart as they may.
    next_start: Option<Instant>,
    /// The earliest alarm that is set for it.
    pub(super) alarm: Option<Instant>,
    /// It stands in the ring.
    pub(super) queued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Now,
    NotBefore(Instant),
}

impl<T> Default for Endpoint<T> {
    fn default() -> Self {
        Self {
            first: VecDeque::new(),
            replays: VecDeque::new(),
            retries: VecDeque::new(),
            calls: HashMap::new(),
            in_flight: 0,
            again: 0,
            cap: CAP_START,
            unanswered: 0,
            recent: 0,
            closed_until: None,
            quiet: false,
            interval: None,
            next_start: None,
            alarm: None,
            queued: false,
        }
    }
}

impl<T: Task> Endpoint<T> {
    pub(super) fn push(&mut self, task: T, pace: Option<u32>) {
        self.interval = task.pace().or(pace).filter(|pace| *pace > 0).map(|pace| Duration::from_secs(1) / pace);
        // Also behind a busy call's: only `take` moves it there, after all that came before it.
        self.lane(task.lane()).push_back(task);
    }

    /// Returns whether a free slot is all that it needs, time left aside.
    pub(super) fn may_start(&self) -> bool {
        let again = self.again < self.again_cap() && !(self.retries.is_empty() && self.replays.is_empty());
        self.in_flight < self.cap && (again || !self.first.is_empty())
    }

    /// Returns whether it may be sent to now, or when.
    pub(super) fn readiness(&mut self, now: Instant) -> Readiness {
        if let Some(until) = self.closed_until {
            if until > now {
                return Readiness::NotBefore(until);
            }
            self.closed_until = None;
        }
        let (Some(interval), Some(next)) = (self.interval, self.next_start) else { return Readiness::Now };
        let early = BURST.saturating_sub(interval);
        match next.checked_sub(early) {
            Some(at) if at > now => Readiness::NotBefore(at),
            _ => Readiness::Now,
        }
    }

    /// Takes the next task; those whose call is busy step behind it.
    pub(super) fn take(&mut self) -> Option<T> {
        if !self.may_start() {
            return None;
        }
        if self.again < self.again_cap() {
            if let Some(task) = self.retries.pop_front() {
                return Some(task);
            }
            if let Some(task) = take_ordered(&mut self.replays, &mut self.calls) {
                return Some(task);
            }
        }
        take_ordered(&mut self.first, &mut self.calls)
    }

    pub(super) fn put_back(&mut self, task: T) {
        self.lane(task.lane()).push_front(task);
    }

    pub(super) fn start(&mut self, task: &T, now: Instant) {
        self.in_flight += 1;
        if task.lane() != Lane::First {
            self.again += 1;
        }
        if let Some(call) = ordered_call(task) {
            self.calls.entry(call).or_default();
        }
        if let Some(interval) = self.interval {
            self.next_start = Some(self.next_start.unwrap_or(now).max(now) + interval);
        }
    }

    pub(super) fn finish(&mut self, task: &T, health: Health, rested: Instant) -> Turn {
        self.in_flight = self.in_flight.saturating_sub(1);
        if task.lane() != Lane::First {
            self.again = self.again.saturating_sub(1);
        }
        if let Some(behind) = ordered_call(task).and_then(|call| self.calls.remove(&call)) {
            for task in behind.into_iter().rev() {
                self.put_back(task);
            }
        }
        let answered = match health {
            Health::Good => {
                self.cap = (self.cap + 1).min(CAP_MAX);
                true
            }
            Health::Refusing => true,
            Health::Timeout => {
                self.cap = (self.cap / 2).max(CAP_MIN);
                false
            }
            Health::Unreachable => false,
            Health::Unknown => return Turn::None,
        };
        self.recent = (self.recent << 1 | u32::from(!answered)) & ((1 << MEMORY) - 1);
        self.unanswered = if answered { 0 } else { self.unanswered + 1 };
        let too_many = self.unanswered >= BREAK_AFTER || self.recent.count_ones() >= BREAK_OF_MEMORY;
        if !answered && too_many {
            self.cap = CAP_MIN;
            self.closed_until = Some(rested);
            // Half of what was without an answer is forgiven: what comes after the rest decides.
            self.recent &= (1 << (MEMORY / 2)) - 1;
            self.quiet = true;
            return Turn::Closed;
        }
        match self.quiet && answered {
            true => {
                self.quiet = false;
                Turn::Opened
            }
            false => Turn::None,
        }
    }

    pub(super) const fn forgive(&mut self) {
        self.cap = CAP_START;
        self.unanswered = 0;
        self.recent = 0;
        self.quiet = false;
        self.closed_until = None;
    }

    /// Returns since when the oldest that waits has been due. Lanes are in the order of arrival.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let lanes = [&self.first, &self.replays, &self.retries];
        lanes.into_iter().chain(self.calls.values()).filter_map(|lane| lane.front().map(Task::since)).min()
    }

    /// Takes out what waits, but for the first `keep` of what happens now.
    pub(super) fn drain(&mut self, keep: usize) -> Vec<T> {
        let mut tasks: Vec<T> = self.calls.values_mut().flat_map(std::mem::take).collect();
        // What is kept must not pass what is taken out of the same call.
        let keep = if tasks.is_empty() { keep } else { 0 };
        tasks.extend(self.first.drain(keep.min(self.first.len())..));
        tasks.extend(self.replays.drain(..));
        tasks.extend(self.retries.drain(..));
        tasks
    }

    /// Returns whether nothing is remembered of it that matters.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0
            && self.first.is_empty()
            && self.replays.is_empty()
            && self.retries.is_empty()
            && self.calls.is_empty()
            && self.recent == 0
            && !self.quiet
            && self.cap == CAP_START
            && self.alarm.is_none()
            && self.next_start.is_none_or(|next| next <= now)
    }

    const fn again_cap(&self) -> usize {
        self.cap / 4
    }

    const fn lane(&mut self, lane: Lane) -> &mut VecDeque<T> {
        match lane {
            Lane::First => &mut self.first,
            Lane::Replay => &mut self.replays,
            Lane::Retry => &mut self.retries,
        }
    }
}

fn take_ordered<T: Task>(lane: &mut VecDeque<T>, calls: &mut HashMap<CallId, VecDeque<T>>) -> Option<T> {
    while let Some(task) = lane.pop_front() {
        match task.call().and_then(|call| calls.get_mut(&call)) {
            Some(behind) => behind.push_back(task),
            None => return Some(task),
        }
    }
    None
}

/// Returns the call whose deliveries wait for this one. Retries are passed by what is newer.
fn ordered_call<T: Task>(task: &T) -> Option<CallId> {
    if task.lane() == Lane::Retry { None } else { task.call() }
}
