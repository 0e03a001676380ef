//! The ways out: which trunks may carry a number, in which order, and how each of them wants it written.

use std::cmp::Reverse;

use crate::{
    ids::TrunkId,
    number::{self, Region},
};

/// An outbound route: numbers that begin with `prefix` go by `trunk`. The empty prefix is the default route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub id: i64,
    pub prefix: String,
    pub trunk: TrunkId,
    /// Among routes of one length of prefix, the lowest goes first; among equals the cheapest.
    pub priority: i64,
    pub rewrite: Rewrite,
    /// The group that the shown number is drawn from.
    pub caller_id_group: Option<i64>,
    /// The called side does not see who calls.
    pub anonymous: bool,
}

impl Route {
    /// Returns a route that changes nothing of a call.
    pub fn new(prefix: impl Into<String>, trunk: TrunkId, priority: i64) -> Self {
        let rewrite = Rewrite::default();
        Self { id: 0, prefix: prefix.into(), trunk, priority, rewrite, caller_id_group: None, anonymous: false }
    }
}

/// A simple change of a number: so many characters off its beginning, then others in front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    pub strip: u8,
    pub prepend: String,
}

impl Rewrite {
    /// Returns the changed number; empty if everything was stripped.
    pub fn apply(&self, number: &str) -> String {
        let rest: String = number.chars().skip(usize::from(self.strip)).collect();
        format!("{}{rest}", self.prepend)
    }

    pub const fn is_nothing(&self) -> bool {
        self.strip == 0 && self.prepend.is_empty()
    }
}

/// How a trunk wants public numbers written. What is no public number goes as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    #[default]
    AsDialled,
    /// `+84987654321`
    E164Plus,
    /// `84987654321`
    E164,
    /// `0987654321` inside of the country; numbers of others with the international prefix.
    National,
    /// `0084987654321`
    International,
}

impl NumberFormat {
    pub const ALL: &'static [Self] =
        &[Self::AsDialled, Self::E164Plus, Self::E164, Self::National, Self::International];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsDialled => "as_dialled",
            Self::E164Plus => "e164_plus",
            Self::E164 => "e164",
            Self::National => "national",
            Self::International => "international",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.as_str() == name)
    }

    pub fn apply(self, dialled: &str, region: Region) -> String {
        if self == Self::AsDialled {
            return dialled.to_owned();
        }
        let Some(e164) = region.e164(dialled) else { return dialled.to_owned() };
        match self {
            Self::AsDialled => dialled.to_owned(),
            Self::E164Plus => format!("+{e164}"),
            Self::E164 => e164,
            Self::International => format!("{}{e164}", region.international_prefix),
            Self::National => match e164.strip_prefix(region.country) {
                // A second prefix would make it another number: `0` and `0190…` is a call abroad.
                Some(rest) if !rest.starts_with(['0', region.trunk_prefix.chars().next().unwrap_or('0')]) => {
                    format!("{}{rest}", region.trunk_prefix)
                }
                _ => format!("{}{e164}", region.international_prefix),
            },
        }
    }
}

/// Returns the routes that fit `dialled`, best first: longest prefix, then lowest priority number, then the cheapest by
/// `cost`, where an unknown cost is the highest. A prefix matches the number as dialled or its E.164 form.
/// A trunk appears once, by its best route.
pub fn ways<'a>(
    dialled: &str,
    region: Region,
    routes: &'a [Route],
    cost: impl Fn(TrunkId) -> Option<i64>,
) -> Vec<&'a Route> {
    let e164 = region.e164(dialled).unwrap_or_default();
    let plain = dialled.trim_start_matches('+');
    let mut fitting: Vec<(&Route, i64)> = routes
        .iter()
        .filter(|route| {
            let prefix = route.prefix.trim_start_matches('+');
            plain.starts_with(prefix) || (!e164.is_empty() && e164.starts_with(prefix))
        })
        .map(|route| (route, cost(route.trunk).unwrap_or(i64::MAX)))
        .collect();
    fitting.sort_by_key(|(route, cost)| (Reverse(route.prefix.len()), route.priority, *cost, route.trunk, route.id));
    let mut ways: Vec<&Route> = Vec::new();
    for (route, _) in fitting {
        if !ways.iter().any(|known| known.trunk == route.trunk) {
            ways.push(route);
        }
    }
    ways
}

/// Returns the trunks that may carry `dialled`, best first, without regard to cost.
pub fn trunks_for(dialled: &str, region: Region, routes: &[Route]) -> Vec<TrunkId> {
    ways(dialled, region, routes, |_| None).into_iter().map(|route| route.trunk).collect()
}

/// Returns the ways for an emergency call: those that fit, then every other route, so that it leaves while any trunk
/// is there.
pub fn emergency_ways<'a>(dialled: &str, region: Region, routes: &'a [Route]) -> Vec<&'a Route> {
    let mut found = ways(dialled, region, routes, |_| None);
    let mut others: Vec<&Route> = routes.iter().collect();
    others.sort_by_key(|route| (route.prefix.len(), route.priority, route.trunk, route.id));
    for route in others {
        if !found.iter().any(|known| known.trunk == route.trunk) {
            found.push(route);
        }
    }
    found
}

/// Returns whether `dialled` calls for help: one of the account's own numbers, or of its region if it names none.
pub fn is_emergency(dialled: &str, region: Region, own: &[String]) -> bool {
    if own.is_empty() { region.is_emergency(dialled) } else { own.iter().any(|number| number == dialled) }
}

/// Returns whether this can be dialled out at all: a number of digits, or an emergency number.
pub(super) fn can_leave(dialled: &str, region: Region, emergency: &[String]) -> bool {
    number::is_dialable(dialled) || is_emergency(dialled, region, emergency)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(id: i64, prefix: &str, trunk: i64, priority: i64) -> Route {
        Route { id, ..Route::new(prefix, TrunkId(trunk), priority) }
    }

    #[test]
    fn the_cheapest_trunk_goes_first_among_equals_and_unknown_costs_last() {
        let routes = [route(1, "", 1, 0), route(2, "", 2, 0), route(3, "", 3, 0), route(4, "", 4, -1)];
        let cost = |trunk: TrunkId| [None, Some(300), Some(100), None, Some(900)][usize::try_from(trunk.0).unwrap()];
        let order: Vec<i64> =
            ways("0987654321", Region::of("VN"), &routes, cost).iter().map(|route| route.trunk.0).collect();
        assert_eq!(order, [4, 2, 1, 3]);
    }

    #[test]
    fn numbers_are_written_as_the_trunk_wants_them() {
        let vn = Region::of("VN");
        for (dialled, format, written) in [
            ("0987654321", NumberFormat::AsDialled, "0987654321"),
            ("0987654321", NumberFormat::E164Plus, "+84987654321"),
            ("0987654321", NumberFormat::E164, "84987654321"),
            ("+84987654321", NumberFormat::National, "0987654321"),
            ("+14155552671", NumberFormat::National, "0014155552671"),
            ("0987654321", NumberFormat::International, "0084987654321"),
            ("+8401900123456", NumberFormat::National, "008401900123456"),
            ("113", NumberFormat::E164Plus, "113"),
        ] {
            assert_eq!(format.apply(dialled, vn), written, "{dialled} {format:?}");
            assert_eq!(NumberFormat::parse(format.as_str()), Some(format));
        }
        let us = Region::of("US");
        assert_eq!(NumberFormat::National.apply("+14155552671", us), "14155552671");
        assert_eq!(NumberFormat::International.apply("+84987654321", us), "01184987654321");
    }

    #[test]
    fn a_rewrite_takes_from_the_front_and_puts_before() {
        let rewrite = |strip, prepend: &str| Rewrite { strip, prepend: prepend.to_owned() };
        for (number, rewrite, changed) in [
            ("90987654321", rewrite(1, ""), "0987654321"),
            ("0987654321", rewrite(1, "84"), "84987654321"),
            ("0987654321", rewrite(0, "00"), "000987654321"),
            ("12", rewrite(5, ""), ""),
            ("0987654321", Rewrite::default(), "0987654321"),
        ] {
            assert_eq!(rewrite.apply(number), changed);
        }
        assert!(Rewrite::default().is_nothing());
    }

    #[test]
    fn an_emergency_call_leaves_by_any_trunk_if_no_route_fits() {
        let vn = Region::of("VN");
        let routes = [route(1, "849", 2, 0), route(2, "1", 1, 0)];
        assert!(ways("115", vn, &routes[..1], |_| None).is_empty());
        let order: Vec<i64> = emergency_ways("115", vn, &routes).iter().map(|route| route.trunk.0).collect();
        assert_eq!(order, [1, 2]);
        let order: Vec<i64> = emergency_ways("999", vn, &routes).iter().map(|route| route.trunk.0).collect();
        assert_eq!(order, [1, 2]);
        let own = ["0900".to_owned()];
        assert!(is_emergency("115", vn, &[]) && !is_emergency("115", vn, &own) && is_emergency("0900", vn, &own));
    }

    proptest! {
        #[test]
        fn every_format_means_the_same_number(digits in "[1-9][0-9]{7,11}") {
            let vn = Region::of("VN");
            let dialled = format!("+{digits}");
            for format in NumberFormat::ALL {
                let written = format.apply(&dialled, vn);
                prop_assert_eq!(vn.e164(&written), vn.e164(&dialled));
            }
        }
    }
}
