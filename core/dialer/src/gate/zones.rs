//! Which time zones a number may be in.
//!
//! A country with several zones, and a number that its digits do not place in one of them, is in all of them at once:
//! a rule about hours has to hold in each. Numbers are ported and people move; whoever knows better where somebody is
//! says so with the lead.

use domain::guard::country_of;

const NEW_YORK: &str = "America/New_York";
const CHICAGO: &str = "America/Chicago";
const LOS_ANGELES: &str = "America/Los_Angeles";

/// From Newfoundland to the Aleutians: what +1 stands for beside the islands that have country rows of their own.
const NORTH_AMERICA: &[&str] = &[
    "America/St_Johns",
    "America/Halifax",
    NEW_YORK,
    CHICAGO,
    "America/Denver",
    "America/Phoenix",
    LOS_ANGELES,
    "America/Anchorage",
    "America/Adak",
    "Pacific/Honolulu",
];

/// By country code (ISO 3166). Countries that are not named here are looked up by nobody: the account's zone counts.
const COUNTRIES: &[(&str, &[&str])] = &[
    ("AE", &["Asia/Dubai"]),
    ("AT", &["Europe/Vienna"]),
    ("AU", &["Australia/Sydney", "Australia/Brisbane", "Australia/Adelaide", "Australia/Darwin", "Australia/Perth"]),
    ("BE", &["Europe/Brussels"]),
    ("BN", &["Asia/Brunei"]),
    ("CH", &["Europe/Zurich"]),
    ("CN", &["Asia/Shanghai"]),
    ("CZ", &["Europe/Prague"]),
    ("DE", &["Europe/Berlin"]),
    ("DK", &["Europe/Copenhagen"]),
    ("ES", &["Europe/Madrid", "Atlantic/Canary"]),
    ("FI", &["Europe/Helsinki"]),
    ("FR", &["Europe/Paris"]),
    ("GB", &["Europe/London"]),
    ("HK", &["Asia/Hong_Kong"]),
    ("ID", &["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]),
    ("IE", &["Europe/Dublin"]),
    ("IN", &["Asia/Kolkata"]),
    ("IT", &["Europe/Rome"]),
    ("JP", &["Asia/Tokyo"]),
    ("KH", &["Asia/Phnom_Penh"]),
    ("KR", &["Asia/Seoul"]),
    ("LA", &["Asia/Vientiane"]),
    ("MM", &["Asia/Yangon"]),
    ("MO", &["Asia/Macau"]),
    ("MY", &["Asia/Kuala_Lumpur", "Asia/Kuching"]),
    ("NL", &["Europe/Amsterdam"]),
    ("NO", &["Europe/Oslo"]),
    ("NZ", &["Pacific/Auckland", "Pacific/Chatham"]),
    ("PH", &["Asia/Manila"]),
    ("PL", &["Europe/Warsaw"]),
    ("PT", &["Europe/Lisbon", "Atlantic/Azores"]),
    ("SE", &["Europe/Stockholm"]),
    ("SG", &["Asia/Singapore"]),
    ("TH", &["Asia/Bangkok"]),
    ("TW", &["Asia/Taipei"]),
    ("US", NORTH_AMERICA),
    ("VN", &["Asia/Ho_Chi_Minh"]),
];

/// Area codes of North America that lie in one zone, or in the two that are named (NANPA, "Area codes by state").
/// Codes that are not here may be anywhere in it.
const AREA_CODES: &[(&[&str], &[&str])] = &[
    (&["907"], &["America/Anchorage", "America/Adak"]),
    (&["808"], &["Pacific/Honolulu"]),
    // New York, Massachusetts, Pennsylvania, the east of Florida.
    (
        &[
            "212", "315", "332", "347", "516", "518", "585", "607", "631", "646", "716", "718", "845", "914", "917",
            "929", "934", "339", "351", "413", "508", "617", "774", "781", "857", "978", "215", "267", "272", "412",
            "484", "570", "610", "717", "724", "814", "878", "239", "305", "321", "352", "386", "407", "561", "727",
            "754", "772", "786", "813", "863", "904", "941", "954",
        ],
        &[NEW_YORK],
    ),
    (&["850", "448"], &[NEW_YORK, CHICAGO]),
    // Illinois, and Texas without its west.
    (
        &[
            "217", "309", "312", "331", "618", "630", "708", "773", "779", "815", "847", "872", "210", "214", "254",
            "281", "325", "346", "361", "409", "469", "512", "682", "713", "737", "806", "817", "830", "832", "903",
            "936", "940", "956", "972", "979",
        ],
        &[CHICAGO],
    ),
    // California.
    (
        &[
            "209", "213", "310", "323", "408", "415", "424", "442", "510", "530", "559", "562", "619", "626", "628",
            "650", "657", "661", "669", "707", "714", "747", "760", "805", "818", "831", "858", "909", "916", "925",
            "949", "951",
        ],
        &[LOS_ANGELES],
    ),
];

/// Returns the names of the zones that an E.164 number without `+` may be in; none if its country is not known.
pub fn zones_of(e164: &str) -> &'static [&'static str] {
    let Some(country) = country_of(e164) else { return &[] };
    if country.prefix == "1"
        && let Some(area) = e164.get(1..4)
        && let Some((_, zones)) = AREA_CODES.iter().find(|(codes, _)| codes.contains(&area))
    {
        return zones;
    }
    COUNTRIES.iter().find(|(iso, _)| *iso == country.iso).map_or(&[], |(_, zones)| zones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;

    #[test]
    fn every_zone_that_is_named_exists() {
        let all = COUNTRIES.iter().map(|(_, zones)| zones).chain(AREA_CODES.iter().map(|(_, zones)| zones));
        for name in all.copied().flatten() {
            assert!(Zone::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn no_country_and_no_area_code_stands_twice() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut codes: Vec<_> = AREA_CODES.iter().flat_map(|(codes, _)| codes.iter()).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn a_number_is_in_every_zone_that_it_may_be_in() {
        for (number, zones) in [
            ("84987654321", &["Asia/Ho_Chi_Minh"][..]),
            ("14155552671", &["America/Los_Angeles"]),
            ("18505552671", &["America/New_York", "America/Chicago"]),
            ("19995552671", NORTH_AMERICA),
            ("442079460000", &["Europe/London"]),
            ("881612345678", &[]),
            ("1", NORTH_AMERICA),
            ("", &[]),
        ] {
            assert_eq!(zones_of(number), zones, "{number}");
        }
    }
}
