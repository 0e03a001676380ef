//! How the numbers of caller-ID groups are used: the pick of one and its count are one step.

use std::collections::{HashMap, HashSet, VecDeque};

use domain::{
    TenantId, Timestamp,
    rotation::{self, Candidate, HealthRule, Outcomes, Strategy, Unfit},
};

use super::{Border, lock};
use crate::{
    model::{CallerIdGroup, Quarter},
    store::caller_id_groups::Use,
};

const QUARTER_MS: i64 = 900_000;
/// Quarters of an hour that are remembered: the longest look back at health, and one more.
const KEPT: i64 = 168 * 4 + 1;

/// A group as calls see it.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) strategy: Strategy,
    pub(crate) sticky: bool,
    cooldown_ms: i64,
    health_hours: i64,
    health: HealthRule,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    caller_id: i64,
    number: String,
    weight: u32,
    cap: Option<u32>,
}

impl Group {
    pub(crate) fn of(group: &CallerIdGroup) -> Self {
        Self {
            strategy: group.strategy,
            sticky: group.sticky,
            cooldown_ms: group.cooldown * 1_000,
            health_hours: group.health_hours,
            health: group.health,
            members: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, caller_id: i64, number: String, weight: i64, cap: Option<i64>) {
        let weight = u32::try_from(weight).unwrap_or(0);
        let cap = cap.map(|cap| u32::try_from(cap).unwrap_or(u32::MAX));
        self.members.push(Member { caller_id, number, weight, cap });
    }
}

/// A number that was picked, and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picked {
    pub(crate) tenant: TenantId,
    pub(crate) caller_id: i64,
    pub(crate) number: String,
}

/// How a call with a picked number ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Unanswered,
    Blocked,
    Failed,
}

/// What the monitor shows of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberState {
    pub caller_id: i64,
    pub used_today: u32,
    pub last_used: Option<Timestamp>,
    pub cooldown_until: Option<Timestamp>,
    pub outcomes: Outcomes,
    pub healthy: bool,
    pub unfit: Option<Unfit>,
}

#[derive(Debug, Default)]
struct Book {
    quarters: VecDeque<Quarter>,
    /// What was asked for last; until something is counted, or another time is asked about, it stays true.
    sums: Option<(Since, Sums)>,
}

/// The first quarter of the day, and of the look at health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Since {
    today: i64,
    health: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    used_today: u32,
    last_used: Option<Timestamp>,
    outcomes: Outcomes,
}

impl Book {
    fn now(&mut self, now: Timestamp) -> &mut Quarter {
        let at = quarter_of(now);
        self.sums = None;
        while self.quarters.front().is_some_and(|quarter| quarter.at <= at - KEPT) {
            self.quarters.pop_front();
        }
        if self.quarters.back().is_none_or(|quarter| quarter.at < at) {
            self.quarters.push_back(Quarter { at, ..Quarter::default() });
        }
        self.quarters.back_mut().expect("one was pushed if none was there")
    }

    /// Returns the quarter that begins there.
    fn find(&self, at: i64) -> Option<&Quarter> {
        self.quarters.binary_search_by_key(&at, |quarter| quarter.at).ok().and_then(|found| self.quarters.get(found))
    }

    /// Returns the sums since then. A group is asked for a number with every call out: most books have not changed.
    fn sums(&mut self, since: Since) -> Sums {
        if let Some((known, sums)) = self.sums
            && known == since
        {
            return sums;
        }
        let sums = Sums {
            used_today: self.used_since(since.today),
            last_used: self.last_used(),
            outcomes: self.outcomes_since(since.health),
        };
        self.sums = Some((since, sums));
        sums
    }

    fn since(&self, at: i64) -> impl Iterator<Item = &Quarter> {
        self.quarters.iter().filter(move |quarter| quarter.at >= at)
    }

    fn used_since(&self, at: i64) -> u32 {
        self.since(at).map(|quarter| quarter.used).sum()
    }

    fn last_used(&self) -> Option<Timestamp> {
        self.quarters.iter().filter_map(|quarter| quarter.last_used).max()
    }

    fn outcomes_since(&self, at: i64) -> Outcomes {
        self.since(at).map(|quarter| quarter.outcomes).fold(Outcomes::default(), |sum, one| Outcomes {
            answered: sum.answered + one.answered,
            unanswered: sum.unanswered + one.unanswered,
            blocked: sum.blocked + one.blocked,
            failed: sum.failed + one.failed,
        })
    }
}

/// The books of every number that was ever picked.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    books: HashMap<(TenantId, i64), Book>,
    /// Quarters that are not on disk as they are.
    unwritten: HashSet<(TenantId, i64, i64)>,
}

const fn quarter_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(QUARTER_MS)
}

/// Returns the first quarter that is remembered.
pub(super) const fn first_quarter(now: Timestamp) -> i64 {
    quarter_of(now) - KEPT + 1
}

impl Numbers {
    /// Takes in what was written down, the oldest first.
    pub(super) fn restore(&mut self, uses: Vec<Use>) {
        for one in uses {
            self.books.entry((one.tenant, one.caller_id)).or_default().quarters.push_back(one.quarter);
        }
    }

    /// Returns what is not on disk yet.
    pub(super) fn changed(&self) -> Vec<Use> {
        let found = |(tenant, caller_id, at): &(TenantId, i64, i64)| {
            let quarter = *self.books.get(&(*tenant, *caller_id))?.find(*at)?;
            Some(Use { tenant: *tenant, caller_id: *caller_id, quarter })
        };
        self.unwritten.iter().filter_map(found).collect()
    }

    pub(super) fn written(&mut self, uses: &[Use]) {
        for one in uses {
            let at = one.quarter.at;
            let now = self.books.get(&(one.tenant, one.caller_id)).and_then(|book| book.find(at));
            // What changed meanwhile is written the next time; what is too old for the books never is.
            if now.is_none_or(|now| *now == one.quarter) {
                self.unwritten.remove(&(one.tenant, one.caller_id, at));
            }
        }
    }

    /// Returns the quarter in which something is to be counted.
    fn count(&mut self, tenant: TenantId, caller_id: i64, now: Timestamp) -> &mut Quarter {
        let quarter = self.books.entry((tenant, caller_id)).or_default().now(now);
        self.unwritten.insert((tenant, caller_id, quarter.at));
        quarter
    }

    fn state(
        &mut self,
        tenant: TenantId,
        group: &Group,
        member: &Member,
        now: Timestamp,
        today: Timestamp,
    ) -> MemberState {
        let since = Since { today: quarter_of(today), health: quarter_of(now) - group.health_hours * 4 + 1 };
        let book = self.books.get_mut(&(tenant, member.caller_id));
        let Sums { used_today, last_used, outcomes } = book.map(|book| book.sums(since)).unwrap_or_default();
        let cooldown_until = last_used
            .map(|last| Timestamp::from_millis(last.millis() + group.cooldown_ms))
            .filter(|until| *until > now);
        let healthy = outcomes.is_healthy(group.health);
        let candidate = candidate(member, used_today, last_used, cooldown_until, healthy);
        let unfit = candidate.unfit(now);
        MemberState { caller_id: member.caller_id, used_today, last_used, cooldown_until, outcomes, healthy, unfit }
    }
}

const fn candidate(
    member: &Member,
    used: u32,
    last_used: Option<Timestamp>,
    cooldown_until: Option<Timestamp>,
    healthy: bool,
) -> Candidate<'_> {
    let number = member.number.as_str();
    Candidate { number, used, cap: member.cap, weight: member.weight, last_used, cooldown_until, healthy }
}

/// When a group is asked for a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    /// When the account's day began.
    pub(crate) today: Timestamp,
    pub(crate) lead: Option<&'a str>,
}

impl Border {
    /// Picks a number among those that `may` be used and counts it, in one step.
    pub(crate) fn pick(
        &self,
        tenant: TenantId,
        group: &Group,
        moment: Moment<'_>,
        may: impl Fn(&str) -> bool,
    ) -> Option<Picked> {
        let mut numbers = lock(&self.0.numbers);
        let usable: Vec<&Member> = group.members.iter().filter(|member| may(&member.number)).collect();
        let states: Vec<MemberState> =
            usable.iter().map(|member| numbers.state(tenant, group, member, moment.now, moment.today)).collect();
        let candidates: Vec<Candidate<'_>> = usable
            .iter()
            .zip(&states)
            .map(|(member, state)| {
                candidate(member, state.used_today, state.last_used, state.cooldown_until, state.healthy)
            })
            .collect();
        let found = rotation::pick(group.strategy, &candidates, moment.lead, group.sticky, rand::random(), moment.now)?;
        let member = *usable.get(found)?;
        let quarter = numbers.count(tenant, member.caller_id, moment.now);
        quarter.used += 1;
        quarter.last_used = Some(moment.now);
        Some(Picked { tenant, caller_id: member.caller_id, number: member.number.clone() })
    }

    /// Counts how a call with a picked number ended.
    pub(crate) fn turned_out(&self, picked: &Picked, outcome: Outcome) {
        let now = self.now();
        let mut numbers = lock(&self.0.numbers);
        let outcomes = &mut numbers.count(picked.tenant, picked.caller_id, now).outcomes;
        let count = match outcome {
            Outcome::Answered => &mut outcomes.answered,
            Outcome::Unanswered => &mut outcomes.unanswered,
            Outcome::Blocked => &mut outcomes.blocked,
            Outcome::Failed => &mut outcomes.failed,
        };
        *count += 1;
    }

    /// Returns how the numbers of a group stand.
    pub(crate) fn monitor(&self, tenant: TenantId, group: &Group, moment: Moment<'_>) -> Vec<MemberState> {
        let mut numbers = lock(&self.0.numbers);
        let state = |member| numbers.state(tenant, group, member, moment.now, moment.today);
        group.members.iter().map(state).collect()
    }

    /// Forgets when a number was used last, and how its calls ended: it may be used at once.
    pub(crate) fn clear(&self, tenant: TenantId, caller_id: i64) {
        let mut numbers = lock(&self.0.numbers);
        let Numbers { books, unwritten } = &mut *numbers;
        if let Some(book) = books.get_mut(&(tenant, caller_id)) {
            book.sums = None;
            for quarter in &mut book.quarters {
                quarter.last_used = None;
                quarter.outcomes = Outcomes::default();
                unwritten.insert((tenant, caller_id, quarter.at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(1);

    fn group(strategy: Strategy, cap: Option<i64>, cooldown: i64) -> Group {
        let mut group = Group {
            strategy,
            sticky: false,
            cooldown_ms: cooldown * 1_000,
            health_hours: 24,
            health: HealthRule { calls: 4, answered: 1, blocked: 50 },
            members: Vec::new(),
        };
        for (id, number) in [(1, "02838220001"), (2, "02838220002"), (3, "02838220003")] {
            group.add(id, number.to_owned(), 1, cap);
        }
        group
    }

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const MOMENT: Moment<'static> = Moment { now: NOW, today: NOW, lead: None };

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_calls_at_once_are_counted_exactly_and_no_cap_is_passed() {
        let border = Border::new(NOW);
        let group = group(Strategy::LeastUsed, Some(100), 0);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (border, group) = (border.clone(), group.clone());
            tasks.spawn(
                async move { (0..50).filter(|_| border.pick(TENANT, &group, MOMENT, |_| true).is_some()).count() },
            );
        }
        let picked: usize = tasks.join_all().await.into_iter().sum();
        assert_eq!(picked, 300);
        let states = border.monitor(TENANT, &group, MOMENT);
        assert!(states.iter().all(|state| state.used_today == 100 && state.unfit == Some(Unfit::Capped)));
        // A restart knows it as well.
        let uses = lock(&border.0.numbers).changed();
        let after = Border::new(NOW);
        lock(&after.0.numbers).restore(uses.clone());
        assert_eq!(after.monitor(TENANT, &group, MOMENT), states);
        lock(&border.0.numbers).written(&uses);
        assert_eq!(lock(&border.0.numbers).changed(), []);
    }

    #[test]
    fn only_what_was_counted_since_is_written_and_summed_anew() {
        let border = Border::new(NOW);
        let group = group(Strategy::RoundRobin, None, 0);
        // A week of history of every number.
        let quarter = |back: i64| Quarter { at: quarter_of(NOW) - back, used: 2, ..Quarter::default() };
        let week = (1..=3).flat_map(|id| {
            (1..KEPT).rev().map(move |back| Use { tenant: TENANT, caller_id: id, quarter: quarter(back) })
        });
        lock(&border.0.numbers).restore(week.collect());
        assert_eq!(lock(&border.0.numbers).changed(), []);
        let yesterday = Moment { today: Timestamp::from_millis(NOW.millis() - 4 * QUARTER_MS), ..MOMENT };
        let used =
            || border.monitor(TENANT, &group, yesterday).iter().map(|state| state.used_today).collect::<Vec<_>>();
        assert_eq!(used(), [8, 8, 8]);
        let picked = border.pick(TENANT, &group, yesterday, |_| true).unwrap();
        let changed = lock(&border.0.numbers).changed();
        assert_eq!(
            changed.iter().map(|one| (one.caller_id, one.quarter.used)).collect::<Vec<_>>(),
            [(picked.caller_id, 1)]
        );
        let summed = lock(&border.0.numbers).books.values().filter(|book| book.sums.is_some()).count();
        assert_eq!(summed, 2, "the sums of the others stand");
        assert_eq!(used().iter().sum::<u32>(), 25);
        // Counted while it was being written: written again.
        border.turned_out(&picked, Outcome::Answered);
        lock(&border.0.numbers).written(&changed);
        assert_eq!(lock(&border.0.numbers).changed().len(), 1);
        let changed = lock(&border.0.numbers).changed();
        lock(&border.0.numbers).written(&changed);
        assert_eq!(lock(&border.0.numbers).changed(), []);
        border.clear(TENANT, 1);
        assert!(lock(&border.0.numbers).changed().len() > 600);
    }

    #[test]
    fn numbers_cool_down_and_are_burnt_and_are_cleared() {
        let border = Border::new(NOW);
        let group = group(Strategy::RoundRobin, None, 60);
        let pick = |at: i64| {
            let moment = Moment { now: Timestamp::from_millis(NOW.millis() + at * 1_000), ..MOMENT };
            border.pick(TENANT, &group, moment, |number| number != "02838220003").map(|picked| picked.caller_id)
        };
        assert_eq!([pick(0), pick(1), pick(2), pick(60), pick(61)], [Some(1), Some(2), None, Some(1), Some(2)]);
        border.clear(TENANT, 2);
        assert_eq!(pick(62), Some(2));
        let picked = Picked { tenant: TENANT, caller_id: 1, number: "02838220001".to_owned() };
        for outcome in [Outcome::Answered, Outcome::Blocked, Outcome::Blocked, Outcome::Blocked, Outcome::Failed] {
            border.turned_out(&picked, outcome);
        }
        assert_eq!([pick(300), pick(301)], [Some(2), None]);
        border.clear(TENANT, 1);
        assert_eq!(pick(302), Some(1));
    }
}
