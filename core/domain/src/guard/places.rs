//! What is known of numbers by how they begin: countries, and prefixes that cost the caller more than a call does.
//!
//! Countries are ITU-T's assignments (E.164.D "List of ITU-T Recommendation E.164 assigned country codes"), the islands
//! of +1 are the North American Numbering Plan's area codes (nanpa.com, "Area codes by country"). Premium ranges are
//! those of the regulators named beside them. The list holds what is certain and is no complete one: what protects is
//! that only named countries may be called at all.

/// Numbers of a country, or of what is billed like one, begin like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// E.164 without `+`.
    pub prefix: &'static str,
    /// ISO 3166; the first where several share a code.
    pub iso: &'static str,
}

/// Numbers that begin like this cost more than a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Premium {
    /// E.164 without `+`.
    pub prefix: &'static str,
    pub what: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// Short services of a country, as they are dialled inside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) region: &'static str,
    pub(super) prefix: &'static str,
    pub(super) free: bool,
}

pub(super) const SERVICES: &[Service] = &[
    // Circular 22/2014/TT-BTTTT: 1800 is paid by the called side, 1900 by the caller.
    Service { region: "VN", prefix: "1900", free: false },
    Service { region: "VN", prefix: "1800", free: true },
    // Directory enquiries.
    Service { region: "GB", prefix: "118", free: false },
    Service { region: "DE", prefix: "118", free: false },
    Service { region: "FR", prefix: "118", free: false },
];

const fn premium(prefix: &'static str, what: &'static str, source: &'static str) -> Premium {
    Premium { prefix, what, source }
}

const ITU: &str = "ITU-T E.164, shared codes";
const OFCOM: &str = "Ofcom, National Telephone Numbering Plan";
const BNETZA: &str = "Bundesnetzagentur, Nummernplan";
const ARCEP: &str = "Arcep, plan national de numérotation";

/// Prefixes that cost more than a call, in their order.
pub const PREMIUM: &[Premium] = &[
    premium("1900", "premium rate", "NANPA, area code 900"),
    premium("31900", "premium rate", "ACM, nummerplan"),
    premium("31906", "premium rate", "ACM, nummerplan"),
    premium("31909", "premium rate", "ACM, nummerplan"),
    premium("33118", "directory enquiries", ARCEP),
    premium("3381", "shared cost", ARCEP),
    premium("3382", "shared cost", ARCEP),
    premium("3389", "premium rate", ARCEP),
    premium("34803", "premium rate", "CNMC, plan nacional de numeración"),
    premium("34806", "premium rate", "CNMC, plan nacional de numeración"),
    premium("34807", "premium rate", "CNMC, plan nacional de numeración"),
    premium("34905", "premium rate", "CNMC, plan nacional de numeración"),
    premium("41900", "premium rate", "BAKOM, Nummernplan E.164"),
    premium("41901", "premium rate", "BAKOM, Nummernplan E.164"),
    premium("41906", "premium rate", "BAKOM, Nummernplan E.164"),
    premium("43900", "premium rate", "RTR, Rufnummernplan"),
    premium("43901", "premium rate", "RTR, Rufnummernplan"),
    premium("43930", "premium rate", "RTR, Rufnummernplan"),
    premium("43931", "premium rate", "RTR, Rufnummernplan"),
    premium("44118", "directory enquiries", OFCOM),
    premium("4470", "personal numbers", OFCOM),
    premium("44871", "special services", OFCOM),
    premium("44872", "special services", OFCOM),
    premium("44873", "special services", OFCOM),
    premium("449", "premium rate", OFCOM),
    premium("49118", "directory enquiries", BNETZA),
    premium("49137", "mass traffic", BNETZA),
    premium("49180", "service numbers", BNETZA),
    premium("49900", "premium rate", BNETZA),
    premium("61190", "premium rate", "ACMA, Telecommunications Numbering Plan"),
    premium("808", "international shared cost", ITU),
    premium("841900", "premium rate", "Circular 22/2014/TT-BTTTT"),
    premium("870", "satellite (Inmarsat)", ITU),
    premium("878", "universal personal numbers", ITU),
    premium("881", "satellite", ITU),
    premium("882", "international networks", ITU),
    premium("883", "international networks", ITU),
    premium("979", "international premium rate", ITU),
];

macro_rules! countries {
    ($($prefix:literal $iso:literal),* $(,)?) => { &[$(Country { prefix: $prefix, iso: $iso }),*] };
}

// A macro, so that two hundred rows stand in few lines.
pub const COUNTRIES: &[Country] = countries![
    "1" "US", "1242" "BS", "1246" "BB", "1264" "AI", "1268" "AG", "1284" "VG", "1340" "VI", "1345" "KY", "1441" "BM",
    "1473" "GD", "1649" "TC", "1658" "JM", "1664" "MS", "1670" "MP", "1671" "GU", "1684" "AS", "1721" "SX", "1758" "LC",
    "1767" "DM", "1784" "VC", "1787" "PR", "1809" "DO", "1829" "DO", "1849" "DO", "1868" "TT", "1869" "KN", "1876" "JM",
    "1939" "PR", "20" "EG", "211" "SS", "212" "MA", "213" "DZ", "216" "TN", "218" "LY", "220" "GM", "221" "SN",
    "222" "MR", "223" "ML", "224" "GN", "225" "CI", "226" "BF", "227" "NE", "228" "TG", "229" "BJ", "230" "MU",
    "231" "LR", "232" "SL", "233" "GH", "234" "NG", "235" "TD", "236" "CF", "237" "CM", "238" "CV", "239" "ST",
    "240" "GQ", "241" "GA", "242" "CG", "243" "CD", "244" "AO", "245" "GW", "246" "IO", "247" "AC", "248" "SC",
    "249" "SD", "250" "RW", "251" "ET", "252" "SO", "253" "DJ", "254" "KE", "255" "TZ", "256" "UG", "257" "BI",
    "258" "MZ", "260" "ZM", "261" "MG", "262" "RE", "263" "ZW", "264" "NA", "265" "MW", "266" "LS", "267" "BW",
    "268" "SZ", "269" "KM", "27" "ZA", "290" "SH", "291" "ER", "297" "AW", "298" "FO", "299" "GL", "30" "GR", "31" "NL",
    "32" "BE", "33" "FR", "34" "ES", "350" "GI", "351" "PT", "352" "LU", "353" "IE", "354" "IS", "355" "AL", "356" "MT",
    "357" "CY", "358" "FI", "359" "BG", "36" "HU", "370" "LT", "371" "LV", "372" "EE", "373" "MD", "374" "AM",
    "375" "BY", "376" "AD", "377" "MC", "378" "SM", "379" "VA", "380" "UA", "381" "RS", "382" "ME", "383" "XK",
    "385" "HR", "386" "SI", "387" "BA", "389" "MK", "39" "IT", "40" "RO", "41" "CH", "420" "CZ", "421" "SK", "423" "LI",
    "43" "AT", "44" "GB", "45" "DK", "46" "SE", "47" "NO", "48" "PL", "49" "DE", "500" "FK", "501" "BZ", "502" "GT",
    "503" "SV", "504" "HN", "505" "NI", "506" "CR", "507" "PA", "508" "PM", "509" "HT", "51" "PE", "52" "MX", "53" "CU",
    "54" "AR", "55" "BR", "56" "CL", "57" "CO", "58" "VE", "590" "GP", "591" "BO", "592" "GY", "593" "EC", "594" "GF",
    "595" "PY", "596" "MQ", "597" "SR", "598" "UY", "599" "CW", "60" "MY", "61" "AU", "62" "ID", "63" "PH", "64" "NZ",
    "65" "SG", "66" "TH", "670" "TL", "672" "NF", "673" "BN", "674" "NR", "675" "PG", "676" "TO", "677" "SB", "678" "VU",
    "679" "FJ", "680" "PW", "681" "WF", "682" "CK", "683" "NU", "685" "WS", "686" "KI", "687" "NC", "688" "TV",
    "689" "PF", "690" "TK", "691" "FM", "692" "MH", "7" "RU", "76" "KZ", "77" "KZ", "81" "JP", "82" "KR", "84" "VN",
    "850" "KP", "852" "HK", "853" "MO", "855" "KH", "856" "LA", "86" "CN", "880" "BD", "886" "TW", "90" "TR", "91" "IN",
    "92" "PK", "93" "AF", "94" "LK", "95" "MM", "960" "MV", "961" "LB", "962" "JO", "963" "SY", "964" "IQ", "965" "KW",
    "966" "SA", "967" "YE", "968" "OM", "970" "PS", "971" "AE", "972" "IL", "973" "BH", "974" "QA", "975" "BT",
    "976" "MN", "977" "NP", "98" "IR", "992" "TJ", "993" "TM", "994" "AZ", "995" "GE", "996" "KG", "998" "UZ",
];

/// Longest prefix of [`COUNTRIES`].
const LONGEST: usize = 4;

/// Returns the country of an E.164 number without `+`, by the longest prefix.
pub fn country_of(e164: &str) -> Option<&'static Country> {
    (1..=LONGEST.min(e164.len())).rev().find_map(|length| {
        let start = e164.get(..length)?;
        COUNTRIES.binary_search_by(|country| country.prefix.cmp(start)).ok().map(|at| &COUNTRIES[at])
    })
}

/// Returns the premium range of an E.164 number without `+`.
pub fn premium_of(e164: &str) -> Option<&'static Premium> {
    PREMIUM.iter().find(|premium| e164.starts_with(premium.prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_have_no_row_twice() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].prefix < pair[1].prefix));
        assert!(PREMIUM.windows(2).all(|pair| pair[0].prefix < pair[1].prefix));
        assert!(COUNTRIES.len() > 220, "{}", COUNTRIES.len());
        for row in COUNTRIES {
            assert!(row.prefix.len() <= LONGEST && row.iso.len() == 2, "{row:?}");
        }
        for row in PREMIUM {
            assert!(row.prefix.bytes().all(|digit| digit.is_ascii_digit()) && !row.source.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn the_longest_prefix_says_the_country() {
        for (number, iso) in [
            ("84987654321", Some("VN")),
            ("14155552671", Some("US")),
            ("18765552671", Some("JM")),
            ("77012345678", Some("KZ")),
            ("79012345678", Some("RU")),
            ("881612345678", None),
            ("979123456789", None),
            ("2101234567", None),
            ("", None),
        ] {
            assert_eq!(country_of(number).map(|country| country.iso), iso, "{number}");
        }
    }
}
