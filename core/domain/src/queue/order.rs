//! In which order agents are offered a caller, and which tier levels are open to one.

use std::{cmp::Reverse, time::Duration};

use super::settings::{Strategy, Tier, TierRules};
use crate::agent::{Record, Roster};

/// Whom the order goes on from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct From<'a> {
    /// Whom the queue offered last, for `round-robin`.
    pub(super) queue: Option<&'a str>,
    /// Whom this caller was offered to last, for `top-down`.
    pub(super) caller: Option<&'a str>,
}

/// Returns the tiers in the order in which their agents are tried.
pub(super) fn order<'a>(
    strategy: Strategy,
    tiers: &'a [Tier],
    roster: &Roster,
    from: From<'_>,
    random: u64,
) -> Vec<&'a Tier> {
    let mut ranked: Vec<&Tier> = tiers.iter().collect();
    let record = |tier: &Tier| roster.agent(&tier.agent).map_or_else(Record::default, |agent| agent.record);
    // By place first: the sorts below are stable, so places decide between equals.
    ranked.sort_by(|a, b| place(a).cmp(&place(b)));
    match strategy {
        Strategy::RingAll => {}
        Strategy::LongestIdleAgent => ranked.sort_by_key(|tier| (tier.level, record(tier).last_ended)),
        Strategy::AgentWithLeastTalkTime => ranked.sort_by_key(|tier| (tier.level, record(tier).talk)),
        Strategy::AgentWithFewestCalls => ranked.sort_by_key(|tier| (tier.level, record(tier).calls)),
        Strategy::SequentiallyByAgentOrder => {
            ranked.sort_by_key(|tier| (tier.level, tier.position, record(tier).last_offered));
        }
        Strategy::RoundRobin => {
            let last = find(tiers, from.queue);
            // Only the level of the last one goes on after him; the others begin at their top.
            let goes_on = |tier: &Tier| last.is_some_and(|last| tier.level == last.level && place(tier) > place(last));
            ranked.sort_by_key(|tier| (tier.level, Reverse(goes_on(tier))));
        }
        Strategy::TopDown => {
            let last = find(tiers, from.caller);
            ranked.sort_by_key(|tier| Reverse(last.is_some_and(|last| place(tier) > place(last))));
        }
        Strategy::Random => ranked.sort_by_key(|tier| (tier.level, drawn(random, tier))),
    }
    ranked
}

/// Returns the highest level that a caller may be offered to after that wait.
pub(super) fn highest_level(rules: &TierRules, tiers: &[Tier], roster: &Roster, waited: Duration) -> u8 {
    if !rules.apply {
        return u8::MAX;
    }
    let levels = levels(tiers);
    let Some((&lowest, above)) = levels.split_first() else { return 0 };
    let mut open = lowest;
    for &level in above {
        let deserted = || !tiers.iter().any(|tier| tier.level == open && is_present(roster, tier));
        if (rules.no_agent_no_wait && deserted()) || waited >= opens_after(rules, lowest, level) {
            open = level;
        } else {
            break;
        }
    }
    open
}

/// Returns the waits after which levels open, for whoever waits for that.
pub(super) fn openings(rules: &TierRules, tiers: &[Tier]) -> Vec<Duration> {
    let levels = levels(tiers);
    match levels.split_first() {
        Some((&lowest, above)) if rules.apply => above.iter().map(|&level| opens_after(rules, lowest, level)).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn is_present(roster: &Roster, tier: &Tier) -> bool {
    roster.agent(&tier.agent).is_some_and(crate::agent::Agent::is_present)
}

fn opens_after(rules: &TierRules, lowest: u8, level: u8) -> Duration {
    let times = if rules.multiply_by_level { u32::from(level - lowest) } else { 1 };
    rules.wait.saturating_mul(times)
}

fn levels(tiers: &[Tier]) -> Vec<u8> {
    let mut levels: Vec<u8> = tiers.iter().map(|tier| tier.level).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

fn place(tier: &Tier) -> (u8, u8, &str) {
    (tier.level, tier.position, &tier.agent)
}

fn find<'a>(tiers: &'a [Tier], agent: Option<&str>) -> Option<&'a Tier> {
    tiers.iter().find(|tier| Some(tier.agent.as_str()) == agent)
}

/// Draws a number for an agent: the same for the same chance, evenly spread (SplitMix64's finaliser).
fn drawn(random: u64, tier: &Tier) -> u64 {
    let mut x = tier.agent.bytes().fold(random, |x, byte| (x ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::agent::Status;

    fn tier(agent: &str, level: u8, position: u8) -> Tier {
        Tier { agent: agent.to_owned(), level, position }
    }

    /// Four agents on level 1 and one on level 2. `d` has never had a call.
    #[expect(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn scene() -> (Vec<Tier>, Roster) {
        let tiers = vec![tier("e", 2, 1), tier("a", 1, 1), tier("b", 1, 2), tier("c", 1, 2), tier("d", 1, 3)];
        let mut roster = Roster::new(Instant::now());
        for (agent, offered, ended, talk, calls) in [
            ("a", Some(400), Some(350), 90, 2),
            ("b", Some(300), Some(100), 20, 3),
            ("c", Some(200), Some(300), 60, 1),
            ("d", None, None, 0, 0),
            ("e", None, Some(-50), 0, 0),
        ] {
            let talk = Duration::from_secs(talk);
            let record = Record { last_offered: offered, last_ended: ended, talk, calls, unanswered: 0 };
            roster.add(agent, Status::Available, record);
            roster.set_presence(agent, true, false);
        }
        (tiers, roster)
    }

    #[test]
    fn each_strategy_has_its_order() {
        let (tiers, roster) = scene();
        for (strategy, queue, caller, expected) in [
            (Strategy::RingAll, None, None, "abcde"),
            // Who never had a call has been idle longest; c ended before a, b before c.
            (Strategy::LongestIdleAgent, None, None, "dbcae"),
            (Strategy::AgentWithLeastTalkTime, None, None, "dbcae"),
            (Strategy::AgentWithFewestCalls, None, None, "dcabe"),
            // Within one position whoever was offered less recently.
            (Strategy::SequentiallyByAgentOrder, None, None, "acbde"),
            (Strategy::RoundRobin, None, None, "abcde"),
            (Strategy::RoundRobin, Some("a"), None, "bcdae"),
            (Strategy::RoundRobin, Some("b"), None, "cdabe"),
            (Strategy::RoundRobin, Some("c"), None, "dabce"),
            (Strategy::RoundRobin, Some("d"), None, "abcde"),
            (Strategy::RoundRobin, Some("e"), Some("a"), "abcde"),
            (Strategy::TopDown, None, None, "abcde"),
            (Strategy::TopDown, Some("c"), None, "abcde"),
            (Strategy::TopDown, None, Some("a"), "bcdea"),
            (Strategy::TopDown, None, Some("c"), "deabc"),
            (Strategy::TopDown, None, Some("e"), "abcde"),
        ] {
            let tried = order(strategy, &tiers, &roster, From { queue, caller }, 0);
            let tried: String = tried.iter().map(|tier| tier.agent.as_str()).collect();
            assert_eq!(tried, expected, "{strategy:?} after {queue:?}, {caller:?}");
        }
    }

    #[test]
    fn chance_favours_nobody_and_levels_still_count() {
        let (tiers, roster) = scene();
        let mut firsts = std::collections::BTreeMap::new();
        for random in 0..4000_u64 {
            let tried = order(Strategy::Random, &tiers, &roster, From::default(), random.wrapping_mul(0x9e37_79b9));
            *firsts.entry(tried[0].agent.clone()).or_insert(0) += 1;
            assert_eq!(tried[4].agent, "e");
        }
        for (agent, first) in firsts {
            assert!((850..1150).contains(&first), "{agent} was first {first} times of 4000");
        }
    }

    #[test]
    fn levels_open_by_the_rules_of_the_queue() {
        let (mut tiers, mut roster) = scene();
        tiers.push(tier("f", 3, 1));
        let rules = |apply, multiply_by_level, no_agent_no_wait| TierRules {
            apply,
            wait: Duration::from_secs(30),
            multiply_by_level,
            no_agent_no_wait,
        };
        for (rules, waited, highest) in [
            (rules(false, true, false), 0, u8::MAX),
            (rules(true, true, false), 0, 1),
            (rules(true, true, false), 29, 1),
            (rules(true, true, false), 30, 2),
            (rules(true, true, false), 59, 2),
            (rules(true, true, false), 60, 3),
            (rules(true, false, false), 29, 1),
            (rules(true, false, false), 30, 3),
            // Somebody is there on level 1, so that there is a wait.
            (rules(true, true, true), 0, 1),
        ] {
            let open = highest_level(&rules, &tiers, &roster, Duration::from_secs(waited));
            assert_eq!(open, highest, "{rules:?} after {waited} s");
        }
        for agent in ["a", "b", "c", "d"] {
            roster.set_status(agent, Status::LoggedOut);
        }
        assert_eq!(highest_level(&rules(true, true, false), &tiers, &roster, Duration::ZERO), 1);
        assert_eq!(highest_level(&rules(true, true, true), &tiers, &roster, Duration::ZERO), 2);
    }
}
