//! Laws as data: what the authorities of the one who is called allow, since when, and who says so.
//!
//! None of this is legal advice. Rows have versions and dates, so that a change of law is a new row, and a refusal can
//! be explained years later by the row that was in force.

use std::time::Duration;

use domain::{Timestamp, guard::country_of};

/// Why somebody is called. `call_purpose` of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Advertising,
    /// About something that the callee has or ordered.
    Service,
    /// How satisfied they are, how they are.
    Care,
    Debt,
}

impl Purpose {
    pub const ALL: &'static [Self] = &[Self::Advertising, Self::Service, Self::Care, Self::Debt];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advertising => "advertising",
            Self::Service => "service",
            Self::Care => "care",
            Self::Debt => "debt",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.as_str() == name)
    }
}

/// So many calls within so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    pub calls: u32,
    pub within: Duration,
}

impl Cap {
    /// Returns so many calls in any 24 hours.
    pub const fn a_day(calls: u32) -> Self {
        Self { calls, within: Duration::from_secs(24 * 60 * 60) }
    }
}

/// One rule of law, or of a regulator.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// The name that refusals carry, for example `vn.decree91`.
    pub id: &'static str,
    pub version: u32,
    /// In force from the first of these times until just before the second.
    pub valid: (Timestamp, Timestamp),
    /// ISO 3166; empty: every country that has no law of its own here.
    pub country: &'static str,
    /// E.164 beginnings within the country; empty: all of it.
    pub prefixes: &'static [&'static str],
    pub purposes: &'static [Purpose],
    /// Days of the week (1 is Monday) and minutes of the callee's day between which calls may begin.
    pub hours: Option<(&'static [u8], u16, u16)>,
    /// Calls of these purposes to one number, from the whole account.
    pub cap: Option<Cap>,
    /// Whether the callee may have agreed to more.
    pub cap_may_be_agreed: bool,
    pub needs_consent: bool,
    /// Whether the call has to show a registered name.
    pub needs_brand: bool,
    /// How old the national list of numbers that may not be called may be.
    pub list_no_older_than: Option<Duration>,
    pub source: &'static str,
    /// What breaking it costs, for whoever reads why a call was refused.
    pub penalty: &'static str,
}

const EVERY_DAY: &[u8] = &[1, 2, 3, 4, 5, 6, 7];
/// 1970-01-01 and the end of time.
const ALWAYS: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
/// 2020-10-01 00:00 in Viet Nam.
const DECREE_91: Timestamp = Timestamp(1_601_485_200_000);
/// 2020-01-01 00:00 in Viet Nam.
const CIRCULAR_18: Timestamp = Timestamp(1_577_811_600_000);
const HOUR: u16 = 60;

const NONE: Law = Law {
    id: "",
    version: 1,
    valid: ALWAYS,
    country: "",
    prefixes: &[],
    purposes: &[],
    hours: None,
    cap: None,
    cap_may_be_agreed: false,
    needs_consent: false,
    needs_brand: false,
    list_no_older_than: None,
    source: "",
    penalty: "",
};

/// The rows that are known.
pub const LAWS: &[Law] = &[
    Law {
        id: "vn.decree91",
        valid: (DECREE_91, Timestamp(i64::MAX)),
        country: "VN",
        purposes: &[Purpose::Advertising],
        hours: Some((EVERY_DAY, 8 * HOUR, 17 * HOUR)),
        cap: Some(Cap::a_day(1)),
        cap_may_be_agreed: true,
        needs_consent: true,
        needs_brand: true,
        source: "Decree 91/2020/ND-CP, articles 7, 9 and 13; Law 91/2025/QH15, articles 9 and 28",
        penalty: "20-30 million VND for time or frequency, 5-10 million without consent, to 100 million for the list",
        ..NONE
    },
    Law {
        id: "vn.circular18",
        valid: (CIRCULAR_18, Timestamp(i64::MAX)),
        country: "VN",
        purposes: &[Purpose::Debt],
        hours: Some((EVERY_DAY, 7 * HOUR, 21 * HOUR)),
        cap: Some(Cap::a_day(5)),
        source: "Circular 18/2019/TT-NHNN, article 1 (reminders of finance companies)",
        ..NONE
    },
    Law {
        id: "us.tsr",
        country: "US",
        purposes: &[Purpose::Advertising],
        hours: Some((EVERY_DAY, 8 * HOUR, 21 * HOUR)),
        needs_consent: true,
        list_no_older_than: Some(Duration::from_secs(31 * 24 * 60 * 60)),
        source: "16 CFR 310.4 (c) and (b)(3)(iv); 47 CFR 64.1200",
        penalty: "per call, set yearly by the FTC",
        ..NONE
    },
    Law {
        id: "us.regulation_f",
        country: "US",
        purposes: &[Purpose::Debt],
        hours: Some((EVERY_DAY, 8 * HOUR, 21 * HOUR)),
        cap: Some(Cap { calls: 7, within: Duration::from_secs(7 * 24 * 60 * 60) }),
        source: "12 CFR 1006.6 (b) and 1006.14 (b)",
        ..NONE
    },
    Law {
        id: "us.florida",
        country: "US",
        prefixes: &[
            "1239", "1305", "1321", "1352", "1386", "1407", "1448", "1561", "1727", "1754", "1772", "1786", "1813",
            "1850", "1863", "1904", "1941", "1954",
        ],
        purposes: &[Purpose::Advertising],
        hours: Some((EVERY_DAY, 8 * HOUR, 20 * HOUR)),
        cap: Some(Cap::a_day(3)),
        source: "Florida Statutes 501.616 (6)",
        ..NONE
    },
    Law {
        id: "elsewhere",
        purposes: &[Purpose::Advertising, Purpose::Debt],
        hours: Some((EVERY_DAY, 8 * HOUR, 20 * HOUR)),
        needs_consent: true,
        source: "no law is known to us: decent hours, with consent",
        ..NONE
    },
];

impl Law {
    /// Says whether a call for that purpose to an E.164 number without `+` is its concern at that time.
    pub fn concerns(&self, e164: &str, purpose: Purpose, at: Timestamp, all: &[Self]) -> bool {
        let place = if self.country.is_empty() { !all.iter().any(|law| is_of(law, e164)) } else { is_of(self, e164) };
        let here = self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| e164.starts_with(prefix));
        place && here && self.purposes.contains(&purpose) && self.valid.0 <= at && at < self.valid.1
    }
}

fn is_of(law: &Law, e164: &str) -> bool {
    country_of(e164).is_some_and(|country| country.iso == law.country)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_has_a_name_a_source_and_hours_that_exist() {
        for law in LAWS {
            assert!(!law.id.is_empty() && !law.source.is_empty() && !law.purposes.is_empty(), "{law:?}");
            assert!(law.valid.0 < law.valid.1);
            if let Some((days, from, to)) = law.hours {
                assert!(from < to && to <= 1_440 && days.iter().all(|day| (1..=7).contains(day)));
            }
        }
        let mut rows: Vec<_> = LAWS.iter().map(|law| (law.id, law.version)).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), LAWS.len());
    }

    #[test]
    fn a_law_concerns_its_country_its_purpose_and_its_time() {
        let concerning = |number, purpose, at| -> Vec<&str> {
            LAWS.iter().filter(|law| law.concerns(number, purpose, at, LAWS)).map(|law| law.id).collect()
        };
        let (now, before) = (Timestamp(1_795_000_000_000), Timestamp(1_601_485_199_999));
        assert_eq!(concerning("84912345678", Purpose::Advertising, now), ["vn.decree91"]);
        assert_eq!(concerning("84912345678", Purpose::Advertising, before), [""; 0]);
        assert_eq!(concerning("84912345678", Purpose::Service, now), [""; 0]);
        assert_eq!(concerning("13055552671", Purpose::Advertising, now), ["us.tsr", "us.florida"]);
        assert_eq!(concerning("4930123456", Purpose::Advertising, now), ["elsewhere"]);
    }
}
