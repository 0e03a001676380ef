//! Which number of a caller-ID group a call shows.
//!
//! Simple rules over what is known of each number; chance is an argument, and whoever asks counts the pick in the same
//! step, so that two calls at once do not both take the last use of a number.

use crate::Timestamp;

/// How the numbers of a group take turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// One after another: the one whose turn was longest ago.
    #[default]
    RoundRobin,
    /// The one used least today.
    LeastUsed,
    /// The one with most left of its daily cap; numbers without a cap come first.
    CapBased,
    /// By chance, in proportion to the weights.
    Weighted,
    /// The same number for the same lead, while it may be used.
    StickyLead,
    Random,
}

impl Strategy {
    pub const ALL: &'static [Self] =
        &[Self::RoundRobin, Self::LeastUsed, Self::CapBased, Self::Weighted, Self::StickyLead, Self::Random];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastUsed => "least_used",
            Self::CapBased => "cap_based",
            Self::Weighted => "weighted",
            Self::StickyLead => "sticky_lead",
            Self::Random => "random",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|strategy| strategy.as_str() == name)
    }
}

/// What is known of one number of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub number: &'a str,
    /// Calls today.
    pub used: u32,
    /// Most calls a day.
    pub cap: Option<u32>,
    /// 0 is never drawn by weight.
    pub weight: u32,
    pub last_used: Option<Timestamp>,
    pub cooldown_until: Option<Timestamp>,
    pub healthy: bool,
}

/// Why a number is not used at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    Capped,
    CoolingDown,
    Unhealthy,
}

impl Unfit {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capped => "daily_cap",
            Self::CoolingDown => "cooldown",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl Candidate<'_> {
    /// Says why it may not be used now, if so.
    pub fn unfit(&self, now: Timestamp) -> Option<Unfit> {
        if self.cap.is_some_and(|cap| self.used >= cap) {
            Some(Unfit::Capped)
        } else if self.cooldown_until.is_some_and(|until| until > now) {
            Some(Unfit::CoolingDown)
        } else if !self.healthy {
            Some(Unfit::Unhealthy)
        } else {
            None
        }
    }
}

/// Returns the place of the number to show; `None` if none may be used. With a lead and `sticky`, or by the strategy of
/// that name, the same lead gets the same number while it may be used, without anybody having to remember it.
/// `random` is any 64 bits.
pub fn pick(
    strategy: Strategy,
    candidates: &[Candidate<'_>],
    lead: Option<&str>,
    sticky: bool,
    random: u64,
    now: Timestamp,
) -> Option<usize> {
    let fit: Vec<usize> = (0..candidates.len()).filter(|at| candidates[*at].unfit(now).is_none()).collect();
    if let Some(lead) = lead.filter(|_| sticky || strategy == Strategy::StickyLead) {
        // Rendezvous hashing: a number that drops out moves its own leads only, and they come back with it.
        return fit.into_iter().max_by_key(|at| (hash(lead, candidates[*at].number), *at));
    }
    let turn = |at: &usize| (candidates[*at].last_used.map_or(i64::MIN, Timestamp::millis), *at);
    match strategy {
        Strategy::RoundRobin | Strategy::StickyLead => fit.into_iter().min_by_key(turn),
        Strategy::LeastUsed => fit.into_iter().min_by_key(|at| (candidates[*at].used, turn(at))),
        Strategy::CapBased => fit.into_iter().min_by_key(|at| {
            let left = candidates[*at].cap.map_or(u32::MAX, |cap| cap.saturating_sub(candidates[*at].used));
            (std::cmp::Reverse(left), turn(at))
        }),
        Strategy::Random => {
            let count = u64::try_from(fit.len()).ok().filter(|count| *count > 0)?;
            fit.get(usize::try_from(random % count).ok()?).copied()
        }
        Strategy::Weighted => {
            let sum: u64 = fit.iter().map(|at| u64::from(candidates[*at].weight)).sum();
            let mut rest = random.checked_rem(sum)?;
            fit.into_iter().find(|at| {
                let weight = u64::from(candidates[*at].weight);
                let found = rest < weight;
                rest = rest.saturating_sub(weight);
                found
            })
        }
    }
}

/// FNV-1a over both texts, then mixed: its low bits alone are not even.
fn hash(lead: &str, number: &str) -> u64 {
    let bytes = lead.bytes().chain([0]).chain(number.bytes());
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    for _ in 0..2 {
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    hash ^ (hash >> 33)
}

/// How the calls with a number ended within the window that is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    pub answered: u32,
    /// Busy, no answer, hung up: the number rang.
    pub unanswered: u32,
    /// Refused in a way that looks like a block: 403, 603, 607, 608.
    pub blocked: u32,
    pub failed: u32,
}

/// When a number counts as burnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRule {
    /// Fewer calls say nothing.
    pub calls: u32,
    /// Least share of answered calls, percent.
    pub answered: u32,
    /// Most share of blocked calls, percent.
    pub blocked: u32,
}

impl Default for HealthRule {
    fn default() -> Self {
        Self { calls: 20, answered: 5, blocked: 30 }
    }
}

impl Outcomes {
    pub const fn calls(&self) -> u32 {
        self.answered + self.unanswered + self.blocked + self.failed
    }

    /// Returns whether the number may be used by that rule. What failed in the network says nothing of the number.
    pub const fn is_healthy(&self, rule: HealthRule) -> bool {
        let told = self.answered + self.unanswered + self.blocked;
        told < rule.calls || (self.answered * 100 >= rule.answered * told && self.blocked * 100 <= rule.blocked * told)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{prelude::any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn candidate(number: &str) -> Candidate<'_> {
        Candidate { number, used: 0, cap: None, weight: 1, last_used: None, cooldown_until: None, healthy: true }
    }

    fn at(millis: i64) -> Option<Timestamp> {
        Some(Timestamp::from_millis(millis))
    }

    #[test]
    fn each_strategy_has_its_order() {
        let all = [
            Candidate { used: 5, cap: Some(10), last_used: at(30), weight: 0, ..candidate("1") },
            Candidate { used: 2, cap: Some(3), last_used: at(20), weight: 3, ..candidate("2") },
            Candidate { used: 9, cap: Some(100), last_used: at(10), weight: 1, ..candidate("3") },
            Candidate { used: 0, healthy: false, ..candidate("4") },
            Candidate { used: 0, cooldown_until: at(1_000_001), ..candidate("5") },
            Candidate { used: 7, cap: Some(7), ..candidate("6") },
        ];
        for (strategy, random, expected) in [
            (Strategy::RoundRobin, 0, 2),
            (Strategy::LeastUsed, 0, 1),
            (Strategy::CapBased, 0, 2),
            (Strategy::Weighted, 0, 1),
            (Strategy::Weighted, 2, 1),
            (Strategy::Weighted, 3, 2),
            (Strategy::Weighted, 4, 1),
            (Strategy::Random, 0, 0),
            (Strategy::Random, 5, 2),
            (Strategy::StickyLead, 0, 2),
        ] {
            assert_eq!(pick(strategy, &all, None, false, random, NOW), Some(expected), "{strategy:?} {random}");
            assert_eq!(Strategy::parse(strategy.as_str()), Some(strategy));
        }
        let unfit: Vec<_> = all.iter().map(|candidate| candidate.unfit(NOW)).collect();
        assert_eq!(unfit[3..], [Some(Unfit::Unhealthy), Some(Unfit::CoolingDown), Some(Unfit::Capped)]);
        for strategy in Strategy::ALL {
            assert_eq!(pick(*strategy, &all[3..], Some("lead"), true, 3, NOW), None, "{strategy:?}");
            assert_eq!(pick(*strategy, &[], None, false, 3, NOW), None);
        }
        assert_eq!(pick(Strategy::Weighted, &all[..1], None, false, 3, NOW), None, "no weight");
    }

    #[test]
    fn turns_are_even() {
        let numbers = ["1", "2", "3", "4"];
        for strategy in [Strategy::RoundRobin, Strategy::LeastUsed] {
            let mut all: Vec<_> = numbers.iter().map(|number| candidate(number)).collect();
            for turn in 0..4_000 {
                let found = pick(strategy, &all, None, false, 0, NOW).unwrap();
                all[found].used += 1;
                all[found].last_used = at(turn);
            }
            assert!(all.iter().all(|candidate| candidate.used == 1_000), "{strategy:?}");
        }
    }

    #[test]
    fn a_number_is_burnt_when_too_many_refuse_it() {
        let rule = HealthRule::default();
        for (outcomes, healthy) in [
            (Outcomes { answered: 0, unanswered: 10, ..Outcomes::default() }, true),
            (Outcomes { answered: 0, unanswered: 30, ..Outcomes::default() }, false),
            (Outcomes { answered: 10, unanswered: 30, blocked: 5, failed: 500 }, true),
            (Outcomes { answered: 10, unanswered: 10, blocked: 20, failed: 0 }, false),
            (Outcomes { failed: 500, ..Outcomes::default() }, true),
        ] {
            assert_eq!(outcomes.is_healthy(rule), healthy, "{outcomes:?}");
        }
    }

    #[test]
    fn leads_are_spread_evenly() {
        let numbers = ["02838220001", "02838220002", "02838220003", "02838220004", "02838220005"];
        let all: Vec<_> = numbers.iter().map(|number| candidate(number)).collect();
        let mut found: HashMap<usize, u32> = HashMap::new();
        for lead in 0..10_000 {
            let place = pick(Strategy::StickyLead, &all, Some(&format!("849{lead:08}")), false, 0, NOW).unwrap();
            *found.entry(place).or_default() += 1;
        }
        assert!(found.len() == 5 && found.values().all(|count| (1_700..2_300).contains(count)), "{found:?}");
    }

    proptest! {
        /// A number that drops out changes nothing for the leads of the others, and gets its own back.
        #[test]
        fn a_lead_keeps_its_number(lead in "[0-9]{8,12}", out in 0_usize..6, random in any::<u64>()) {
            let numbers = ["10", "11", "12", "13", "14", "15"];
            let mut all: Vec<_> = numbers.iter().map(|number| candidate(number)).collect();
            let first = pick(Strategy::Random, &all, Some(&lead), true, random, NOW);
            all[out].healthy = false;
            let second = pick(Strategy::Random, &all, Some(&lead), true, 0, NOW);
            prop_assert!(second != Some(out));
            if first != Some(out) {
                prop_assert_eq!(first, second);
            }
            all[out].healthy = true;
            prop_assert_eq!(pick(Strategy::StickyLead, &all, Some(&lead), false, 1, NOW), first);
        }
    }
}
