//! Telephone numbers as dialled, as stored and as compared.

/// Longest number that the API and dial plan accept, in digits (ITU-T E.164 allows 15; carriers' prefixes add some).
pub const MAX_DIGITS: usize = 32;

/// Digits of a number in North America as it is dialled without any prefix.
const NANP_DIGITS: usize = 10;

/// The numbering plan of a country, as far as normalising needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub code: &'static str,
    /// The E.164 country code, without `+`.
    pub country: &'static str,
    /// What stands before a national number.
    pub trunk_prefix: &'static str,
    /// What stands before an international number.
    pub international_prefix: &'static str,
    pub emergency: &'static [&'static str],
}

/// The plans we know. VN is the default of an account.
pub const REGIONS: &[Region] = &[
    Region { code: "VN", country: "84", trunk_prefix: "0", international_prefix: "00", emergency: VN_EMERGENCY },
    Region { code: "GB", country: "44", trunk_prefix: "0", international_prefix: "00", emergency: &["112", "999"] },
    Region { code: "DE", country: "49", trunk_prefix: "0", international_prefix: "00", emergency: &["112", "110"] },
    Region {
        code: "FR",
        country: "33",
        trunk_prefix: "0",
        international_prefix: "00",
        emergency: &["112", "15", "17", "18"],
    },
    Region { code: "US", country: "1", trunk_prefix: "1", international_prefix: "011", emergency: &["911"] },
];

const VN_EMERGENCY: &[&str] = &["112", "113", "114", "115"];

impl Region {
    /// Returns the plan of that ISO 3166 code; VN if it is unknown.
    pub fn of(code: &str) -> Self {
        REGIONS.iter().copied().find(|region| region.code.eq_ignore_ascii_case(code)).unwrap_or(REGIONS[0])
    }

    pub fn is_emergency(&self, dialled: &str) -> bool {
        self.emergency.contains(&dialled)
    }

    /// Returns the E.164 number without `+` that `dialled` means here, or `None` if it is no
    /// public number: too short, too long, or not digits (blanks, dots, dashes and brackets are passed over).
    pub fn e164(&self, dialled: &str) -> Option<String> {
        let mut digits = String::with_capacity(dialled.len());
        for (at, c) in dialled.trim().chars().enumerate() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if at == 0 => digits.push('+'),
                ' ' | '.' | '-' | '(' | ')' => {}
                _ => return None,
            }
        }
        let number = if let Some(rest) = digits.strip_prefix('+') {
            rest.to_owned()
        } else if let Some(rest) = digits.strip_prefix(self.international_prefix) {
            rest.to_owned()
        } else if let Some(rest) = digits.strip_prefix(self.trunk_prefix)
            && self.trunk_prefix == "0"
        {
            format!("{}{rest}", self.country)
        } else if self.trunk_prefix == "1" && digits.len() == NANP_DIGITS {
            format!("{}{digits}", self.country)
        } else {
            digits
        };
        let plausible = (7..=15).contains(&number.len()) && !number.starts_with('0');
        plausible.then_some(number)
    }
}

/// Checks a number of the API: `^[0-9+]+$`, 3-32 characters.
pub fn is_dialable(text: &str) -> bool {
    (3..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'+')
}

/// Checks a number to show to callees: at most what E.164 allows, 3-15 digits, after a `+` perhaps.
pub fn is_shown(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Checks an extension number: `^[0-9]{3,10}$`.
pub fn is_extension(text: &str) -> bool {
    (3..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Shortens a number for logs: the last three digits only.
pub fn masked(number: &str) -> String {
    let tail: String = number.chars().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect();
    format!("…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_normalised_by_the_accounts_region() {
        let vn = Region::of("VN");
        for (dialled, stored) in [
            ("0987654321", Some("84987654321")),
            ("84987654321", Some("84987654321")),
            ("+84987654321", Some("84987654321")),
            ("0084987654321", Some("84987654321")),
            ("0912.345.678", Some("84912345678")),
            ("(028) 3822-1234", Some("842838221234")),
            ("+1 415 555 2671", Some("14155552671")),
            ("113", None),
            ("", None),
            ("9.12346E+08", None),
            ("98+4", None),
            ("12345678901234567", None),
        ] {
            assert_eq!(vn.e164(dialled).as_deref(), stored, "{dialled}");
        }
    }

    #[test]
    fn ten_digits_are_a_number_of_north_america_there_alone() {
        assert_eq!(Region::of("US").e164("4155552671").as_deref(), Some("14155552671"));
        assert_eq!(Region::of("US").e164("14155552671").as_deref(), Some("14155552671"));
        assert_eq!(Region::of("US").e164("01184987654321").as_deref(), Some("84987654321"));
        assert_eq!(Region::of("VN").e164("4155552671").as_deref(), Some("4155552671"));
    }

    #[test]
    fn emergency_numbers_are_known_by_region() {
        assert!(Region::of("VN").is_emergency("113"));
        assert!(!Region::of("VN").is_emergency("911"));
        assert!(Region::of("US").is_emergency("911"));
    }

    #[test]
    fn a_number_of_letters_cannot_be_dialled() {
        for (text, ok) in [("0987654321", true), ("+84987654321", true), ("abc", false), ("12", false), ("", false)] {
            assert_eq!(is_dialable(text), ok, "{text}");
        }
        assert!(!is_dialable(&"1".repeat(33)));
    }

    #[test]
    fn a_number_to_show_has_fifteen_digits_at_most() {
        for (text, ok) in [
            ("02873001234", true),
            ("+842873001234", true),
            ("+123456789012345", true),
            ("1234567890123456", false),
            ("01234567890123456789", false),
            ("84+2873001234", false),
            ("+12", false),
            ("", false),
        ] {
            assert_eq!(is_shown(text), ok, "{text}");
        }
    }

    #[test]
    fn logs_show_three_digits() {
        assert_eq!(masked("0987654321"), "…321");
    }
}
