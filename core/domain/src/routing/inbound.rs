//! Calls from outside: which rule takes them.

use super::Destination;
use crate::{ids::TrunkId, number::Region};

/// What a number has to look like: the very number, its beginning, or anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    Any,
    /// Numbers that begin like this; E.164 digits or as dialled.
    Begins(String),
    Is(String),
}

impl Pattern {
    /// Reads `02838221234`, `0283822*` or `*`. `None` if it is none of them.
    pub fn read(text: &str) -> Option<Self> {
        let digits = |text: &str| {
            let bare = text.strip_prefix('+').unwrap_or(text);
            (1..=32).contains(&bare.len()) && bare.bytes().all(|digit| digit.is_ascii_digit())
        };
        match text.strip_suffix('*') {
            Some("") => Some(Self::Any),
            Some(start) => digits(start).then(|| Self::Begins(start.to_owned())),
            None => digits(text).then(|| Self::Is(text.to_owned())),
        }
    }

    /// Returns whether it fits a number, as written or by E.164.
    pub fn fits(&self, number: &str, region: Region) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => {
                wanted == number || region.e164(number).is_some_and(|e164| region.e164(wanted) == Some(e164))
            }
            Self::Begins(start) => {
                let start = start.trim_start_matches('+');
                // A beginning with the prefix of the country is one of its own numbers.
                let home = start.strip_prefix(region.trunk_prefix).filter(|_| region.trunk_prefix == "0");
                let home = home.map(|rest| format!("{}{rest}", region.country));
                number.trim_start_matches('+').starts_with(start)
                    || region
                        .e164(number)
                        .is_some_and(|e164| e164.starts_with(start) || home.is_some_and(|home| e164.starts_with(&home)))
            }
        }
    }

    /// Returns how much it says: the longer, the more.
    fn weight(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Begins(start) => start.len(),
            Self::Is(_) => usize::MAX,
        }
    }
}

/// A rule for calls from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: i64,
    /// The called number.
    pub number: Pattern,
    /// Only calls by this trunk.
    pub trunk: Option<TrunkId>,
    /// Only calls from such numbers.
    pub caller: Option<Pattern>,
    /// Only while this time condition is open, or only while it is closed.
    pub when: Option<(i64, bool)>,
    /// Lower goes first.
    pub priority: i64,
    pub destination: Destination,
}

/// A call from outside, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub number: &'a str,
    pub caller: &'a str,
    pub trunk: TrunkId,
}

/// Returns the rule that takes a call, if one does. What says more of the called number goes first; then the lower
/// priority number; then what says more of trunk, caller and time.
pub fn inbound<'a>(
    arrival: Arrival<'_>,
    region: Region,
    rules: impl IntoIterator<Item = &'a Rule>,
    is_open: impl Fn(i64) -> bool,
) -> Option<&'a Rule> {
    let takes = |rule: &&Rule| {
        rule.number.fits(arrival.number, region)
            && rule.trunk.is_none_or(|trunk| trunk == arrival.trunk)
            && rule.caller.as_ref().is_none_or(|caller| caller.fits(arrival.caller, region))
            && rule.when.is_none_or(|(condition, open)| is_open(condition) == open)
    };
    let rank = |rule: &&Rule| {
        let said = usize::from(rule.trunk.is_some())
            + usize::from(rule.caller.is_some()) * 2
            + usize::from(rule.when.is_some()) * 4;
        (std::cmp::Reverse(rule.number.weight()), rule.priority, std::cmp::Reverse(said), rule.id)
    };
    rules.into_iter().filter(takes).min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: i64, number: &str, to: &str) -> Rule {
        Rule {
            id,
            number: Pattern::read(number).unwrap(),
            trunk: None,
            caller: None,
            when: None,
            priority: 0,
            destination: Destination::Extension(to.to_owned()),
        }
    }

    #[test]
    fn a_number_fits_however_the_carrier_writes_it() {
        let vn = Region::of("VN");
        for (pattern, number, fits) in [
            ("02838221234", "02838221234", true),
            ("02838221234", "842838221234", true),
            ("02838221234", "+842838221234", true),
            ("+842838221234", "02838221234", true),
            ("02838221234", "02838221235", false),
            ("1900", "1900", true),
            ("028382*", "+842838221234", true),
            ("84283*", "02838221234", true),
            ("+84283*", "02838221234", true),
            ("0283*", "02438221234", false),
            ("*", "anything", true),
            ("*", "", true),
        ] {
            assert_eq!(Pattern::read(pattern).unwrap().fits(number, vn), fits, "{pattern} {number}");
        }
        for nonsense in ["", "**", "12*3", "abc", "+", "+*", "0 1"] {
            assert_eq!(Pattern::read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_rule_that_says_more_goes_first_and_priority_among_those_of_one_number() {
        let vn = Region::of("VN");
        let rules = [
            rule(1, "*", "1000"),
            rule(2, "02838*", "1001"),
            rule(3, "02838221234", "1002"),
            Rule { trunk: Some(TrunkId(7)), ..rule(4, "02838221234", "1003") },
            Rule { caller: Pattern::read("0987*"), ..rule(5, "02838221234", "1004") },
            Rule { when: Some((1, false)), ..rule(6, "02838221234", "1005") },
            Rule { priority: -1, when: Some((2, true)), ..rule(7, "02838221234", "1006") },
        ];
        for (number, caller, trunk, open, expected) in [
            ("02838221234", "0900000000", 1, &[1][..], Some(3)),
            ("02838221234", "0900000000", 7, &[1], Some(4)),
            ("02838221234", "+84987000000", 7, &[1], Some(5)),
            ("02838221234", "+84987000000", 7, &[], Some(6)),
            ("02838221234", "+84987000000", 7, &[2], Some(7)),
            ("02838229999", "anonymous", 1, &[], Some(2)),
            ("02438229999", "anonymous", 1, &[], Some(1)),
        ] {
            let arrival = Arrival { number, caller, trunk: TrunkId(trunk) };
            let found = inbound(arrival, vn, &rules, |id| open.contains(&id)).map(|rule| rule.id);
            assert_eq!(found, expected, "{number} from {caller} by {trunk} while {open:?}");
        }
        let arrival = Arrival { number: "1", caller: "", trunk: TrunkId(1) };
        assert_eq!(inbound(arrival, vn, &rules[1..], |_| true), None);
    }
}
