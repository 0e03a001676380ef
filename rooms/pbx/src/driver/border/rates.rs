//! The rates of one account, to look up by number.

use std::collections::HashMap;

use domain::{guard, ids::TrunkId};

use crate::model::Rate;

#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// By trunk; `None` is any.
    tables: HashMap<Option<TrunkId>, HashMap<String, guard::Rate>>,
    longest: usize,
}

impl Rates {
    pub(crate) fn of(rates: Vec<Rate>) -> Self {
        let longest = rates.iter().map(|rate| rate.prefix.len()).max().unwrap_or(0);
        let mut tables: HashMap<_, HashMap<_, _>> = HashMap::new();
        for rate in rates {
            tables.entry(rate.trunk).or_default().insert(rate.prefix, rate.price);
        }
        Self { tables, longest }
    }

    /// Returns the price of a number (E.164 without `+`) by a trunk: its own rates go before those of any trunk, and the
    /// longest prefix before shorter ones.
    pub(crate) fn find(&self, e164: &str, trunk: TrunkId) -> Option<guard::Rate> {
        [Some(trunk), None].into_iter().filter_map(|key| self.tables.get(&key)).find_map(|table| {
            (0..=self.longest.min(e164.len())).rev().find_map(|length| table.get(e164.get(..length)?).copied())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunks_own_rates_and_longer_prefixes_go_first() {
        let rate = |trunk: Option<i64>, prefix: &str, per_minute| Rate {
            trunk: trunk.map(TrunkId),
            prefix: prefix.to_owned(),
            name: String::new(),
            price: guard::Rate { per_minute, connection: 0, first: 60, next: 60 },
        };
        let rates = Rates::of(vec![
            rate(None, "84", 700),
            rate(None, "8490", 900),
            rate(Some(1), "84", 600),
            rate(Some(2), "1", 100),
            rate(None, "", 9_999),
        ]);
        for (number, trunk, price) in [
            ("84987654321", 1, Some(600)),
            ("84907654321", 1, Some(600)),
            ("84907654321", 2, Some(900)),
            ("14155552671", 2, Some(100)),
            ("14155552671", 1, Some(9_999)),
        ] {
            assert_eq!(rates.find(number, TrunkId(trunk)).map(|rate| rate.per_minute), price, "{number} by {trunk}");
        }
        assert_eq!(Rates::default().find("84987654321", TrunkId(1)), None);
    }
}
