//! The hard limit of the abandon rate: while any rule is used up, calls are placed one to one.

use std::{collections::VecDeque, time::Duration};

/// Parts that a rolling window is counted in; what leaves it leaves by whole parts.
const PARTS: u32 = 60;

/// What a rule counts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Since the campaign began, or since [`Governor::begin`] was called last: a report's day.
    Whole,
    /// The last so long.
    Last(Duration),
}

/// What the abandoned calls are measured against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Every abandoned call counts: abandoned ÷ (abandoned + passed to an agent).
    Every,
    /// A share of the abandoned calls (0..=1) is taken for machines: the share that agents found among the answers
    /// which they were passed. Whoever uses it has to be able to show where the share comes from.
    LessMachines(f64),
}

/// One limit of the abandon rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What reports and the wallboard call it.
    pub name: &'static str,
    /// 0.03 is three in a hundred. What is no number between 0 and 1 is held to that; 0 never lets a call be risked.
    pub limit: f64,
    pub window: Window,
    pub measure: Measure,
}

impl Rule {
    /// Returns the rule of a campaign's day: every abandoned call counts.
    pub const fn of_the_day(limit: f64) -> Self {
        Self { name: "day", limit, window: Window::Whole, measure: Measure::Every }
    }

    /// Returns the rule of a campaign's last thirty days.
    pub const fn of_thirty_days(limit: f64) -> Self {
        let window = Window::Last(Duration::from_secs(30 * 24 * 60 * 60));
        Self { name: "thirty_days", limit, window, measure: Measure::Every }
    }

    fn limit(&self) -> f64 {
        super::odds::chance(self.limit)
    }
}

/// Live answers and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    pub passed: u64,
    pub abandoned: u64,
}

impl Answered {
    /// Returns all live answers.
    pub const fn live(self) -> u64 {
        self.passed.saturating_add(self.abandoned)
    }

    /// Returns abandoned ÷ live, 0 where nothing was answered.
    pub fn rate(self) -> f64 {
        if self.live() == 0 { 0.0 } else { self.abandoned as f64 / self.live() as f64 }
    }

    fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.abandoned = self.abandoned.saturating_add(other.abandoned);
    }
}

/// A rule and its book.
#[derive(Clone, Debug)]
struct Kept {
    rule: Rule,
    /// By the number of the part of the window; a single one for [`Window::Whole`].
    parts: VecDeque<(u128, Answered)>,
}

impl Kept {
    fn part(&self, now: Duration) -> u128 {
        match self.rule.window {
            Window::Whole => 0,
            Window::Last(window) => now.as_nanos() / (window / PARTS).as_nanos().max(1),
        }
    }

    fn count(&mut self, what: Answered, now: Duration) {
        let part = self.part(now);
        match self.parts.back_mut() {
            // A clock that went backwards counts in the newest part.
            Some((newest, answered)) if *newest >= part => answered.add(what),
            _ => self.parts.push_back((part, what)),
        }
        if self.rule.window != Window::Whole {
            while self.parts.front().is_some_and(|(oldest, _)| oldest + u128::from(PARTS) < part) {
                self.parts.pop_front();
            }
        }
    }

    fn answered(&self, now: Duration) -> Answered {
        let part = self.part(now);
        let whole = self.rule.window == Window::Whole;
        let inside = self.parts.iter().filter(|(at, _)| whole || at + u128::from(PARTS) >= part);
        inside.fold(Answered::default(), |mut sum, (_, answered)| {
            sum.add(*answered);
            sum
        })
    }

    /// Returns what may still be abandoned if so many more live answers come.
    fn left(&self, more: f64, now: Duration) -> f64 {
        let answered = self.answered(now);
        let mut counted = answered.abandoned as f64;
        if let Measure::LessMachines(share) = self.rule.measure {
            counted *= 1.0 - super::odds::chance(share);
        }
        self.rule.limit() * (answered.live() as f64 + more) - counted
    }
}

/// The limits of a campaign and how much of each is used.
#[derive(Clone, Debug)]
pub struct Governor {
    kept: Vec<Kept>,
}

impl Governor {
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { kept: rules.into_iter().map(|rule| Kept { rule, parts: VecDeque::new() }).collect() }
    }

    /// Counts a live answer that an agent got in time.
    pub fn passed(&mut self, now: Duration) {
        self.count(Answered { passed: 1, abandoned: 0 }, now);
    }

    /// Counts a live answer that no agent got in time.
    pub fn abandoned(&mut self, now: Duration) {
        self.count(Answered { passed: 0, abandoned: 1 }, now);
    }

    fn count(&mut self, what: Answered, now: Duration) {
        self.kept.iter_mut().for_each(|kept| kept.count(what, now));
    }

    /// Takes in what an earlier run counted for the rule of that name, as of `now`.
    pub fn restore(&mut self, name: &str, before: Answered, now: Duration) {
        self.kept.iter_mut().filter(|kept| kept.rule.name == name).for_each(|kept| kept.count(before, now));
    }

    /// Lets the rule of that name begin to count again: a new day.
    pub fn begin(&mut self, name: &str) {
        self.kept.iter_mut().filter(|kept| kept.rule.name == name).for_each(|kept| kept.parts.clear());
    }

    /// Returns what the rule of that name has counted.
    pub fn answered(&self, name: &str, now: Duration) -> Option<Answered> {
        self.kept.iter().find(|kept| kept.rule.name == name).map(|kept| kept.answered(now))
    }

    /// Returns the rule that allows least, and how many calls it lets be abandoned at present; negative beyond its
    /// limit. `None` if there is no rule at all.
    pub fn tightest(&self, now: Duration) -> Option<(&'static str, f64)> {
        let all = self.kept.iter().map(|kept| (kept.rule.name, kept.left(0.0, now)));
        all.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Says whether calls may be risked at all: whether each rule holds even if the next live answer is abandoned, and
    /// beyond it as many as `expected` says are under way.
    ///
    /// # Errors
    /// The name of the rule that does not.
    pub fn admits(&self, expected: f64, now: Duration) -> Result<(), &'static str> {
        let expected = if expected.is_nan() { f64::INFINITY } else { expected.max(0.0) };
        match self.kept.iter().find(|kept| kept.rule.limit() <= 0.0 || kept.left(1.0, now) < 1.0 + expected) {
            Some(kept) => Err(kept.rule.name),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn with(rules: Vec<Rule>, passed: u64, abandoned: u64) -> Governor {
        let mut governor = Governor::new(rules);
        (0..passed).for_each(|_| governor.passed(s(1)));
        (0..abandoned).for_each(|_| governor.abandoned(s(1)));
        governor
    }

    #[test]
    fn nothing_is_risked_until_one_abandoned_call_would_stay_within_the_limit() {
        for (passed, abandoned, admitted) in
            [(0, 0, false), (32, 0, false), (33, 0, true), (64, 1, false), (65, 1, true), (1_000, 30, false)]
        {
            let governor = with(vec![Rule::of_the_day(0.03)], passed, abandoned);
            assert_eq!(governor.admits(0.0, s(2)).is_ok(), admitted, "{passed} {abandoned}");
        }
    }

    #[test]
    fn every_rule_has_a_say_and_the_one_that_refuses_is_named() {
        let rules = vec![Rule::of_the_day(0.03), Rule::of_thirty_days(0.01)];
        let mut governor = with(rules, 80, 0);
        assert_eq!(governor.admits(0.0, s(2)), Err("thirty_days"));
        governor.restore("thirty_days", Answered { passed: 1_000, abandoned: 0 }, s(1));
        assert_eq!(governor.admits(0.0, s(2)), Ok(()));
        assert_eq!(governor.tightest(s(2)).map(|(name, _)| name), Some("day"));
    }

    #[test]
    fn a_window_forgets_and_a_new_day_begins_empty() {
        let window = Rule { name: "hour", limit: 0.03, window: Window::Last(s(3_600)), measure: Measure::Every };
        let mut governor = with(vec![Rule::of_the_day(0.03), window], 10, 3);
        assert_eq!(governor.answered("hour", s(3_500)), Some(Answered { passed: 10, abandoned: 3 }));
        assert_eq!(governor.answered("hour", s(3_800)), Some(Answered::default()));
        assert_eq!(governor.answered("day", s(1_000_000)), Some(Answered { passed: 10, abandoned: 3 }));
        governor.begin("day");
        assert_eq!(governor.answered("day", s(1_000_000)), Some(Answered::default()));
    }

    #[test]
    fn a_limit_of_zero_never_admits_and_no_rule_always_does() {
        assert!(with(vec![Rule::of_the_day(0.0)], 1_000_000, 0).admits(0.0, s(2)).is_err());
        assert!(with(vec![Rule::of_the_day(f64::NAN)], 1_000_000, 0).admits(0.0, s(2)).is_err());
        assert!(with(Vec::new(), 0, 9).admits(0.0, s(2)).is_ok());
    }

    #[test]
    fn machines_among_the_abandoned_may_be_taken_off_where_the_law_says_so() {
        let rule = Rule { measure: Measure::LessMachines(0.5), ..Rule::of_the_day(0.03) };
        assert!(with(vec![Rule::of_the_day(0.03)], 96, 4).admits(0.0, s(2)).is_err());
        assert!(with(vec![rule], 96, 4).admits(0.0, s(2)).is_ok());
    }

    proptest! {
        #[test]
        fn hostile_figures_neither_panic_nor_open_the_gate(
            limit in any::<f64>(), window in any::<Duration>(), share in any::<f64>(), expected in any::<f64>(),
            times in prop::collection::vec((any::<Duration>(), any::<bool>()), 0..50),
        ) {
            let rule = Rule { name: "x", limit, window: Window::Last(window), measure: Measure::LessMachines(share) };
            let mut governor = Governor::new(vec![rule]);
            governor.restore("x", Answered { passed: 0, abandoned: u64::MAX }, Duration::ZERO);
            governor.restore("x", Answered { passed: 5, abandoned: u64::MAX }, Duration::ZERO);
            for (at, passed) in &times {
                if *passed { governor.passed(*at) } else { governor.abandoned(*at) }
            }
            let last = times.iter().map(|(at, _)| *at).max().unwrap_or_default();
            if governor.admits(expected, last).is_ok() {
                prop_assert!(limit > 0.0 && governor.admits(f64::NAN, last).is_err());
            }
            governor.tightest(Duration::MAX);
        }
    }
}
