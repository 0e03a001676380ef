//! What an account may dial at all.

use std::fmt;

use super::places::{SERVICES, country_of, premium_of};
use crate::number::Region;

/// The account's rules against fraud. The default lets nobody out of Vietnam and the account's own region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Nothing leaves but emergency calls, until somebody says otherwise.
    pub stopped: bool,
    /// Country codes that may be called besides Vietnam's and the region's own, E.164 without `+`; a longer one opens a
    /// part of a country alone, `*` every country.
    pub countries: Vec<String>,
    /// Prefixes that may be called although they are premium or in no country that may.
    pub opened: Vec<String>,
    /// Prefixes that may not be called.
    pub blocked: Vec<String>,
    /// The dearest minute, in millionths of the account's currency.
    pub dearest_minute: Option<i64>,
    /// Most calls to one number within the 24 hours that begin with the first; `None` is no limit.
    pub calls_per_number: Option<u32>,
    pub extension: Limits,
    pub account: Limits,
}

/// How much may be dialled out; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub calls_at_once: Option<u32>,
    pub calls_per_hour: Option<u32>,
    pub minutes_per_hour: Option<u32>,
    /// In millionths of the account's currency.
    pub spend_per_hour: Option<i64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            stopped: false,
            countries: Vec::new(),
            opened: Vec::new(),
            blocked: Vec::new(),
            dearest_minute: None,
            calls_per_number: None,
            extension: Limits {
                calls_at_once: Some(4),
                calls_per_hour: Some(120),
                minutes_per_hour: Some(180),
                spend_per_hour: None,
            },
            account: Limits {
                calls_at_once: Some(200),
                calls_per_hour: Some(6_000),
                minutes_per_hour: Some(12_000),
                spend_per_hour: None,
            },
        }
    }
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    Extension,
    Account,
}

/// Why a call may not leave, or may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    Stopped,
    Blocked,
    /// A number that nobody can say the meaning of: too long, a plus in it, one prefix too many.
    Unreadable,
    Premium,
    Country,
    TooDear,
    /// One number was called too often within a day.
    CallsPerNumber,
    CallsAtOnce(Whose),
    CallsPerHour(Whose),
    MinutesPerHour(Whose),
    SpendPerHour(Whose),
}

impl Why {
    /// Returns the name of the reason, as in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Blocked => "blocked",
            Self::Unreadable => "unreadable",
            Self::Premium => "premium",
            Self::Country => "country",
            Self::TooDear => "too_dear",
            Self::CallsPerNumber => "number_calls_per_day",
            Self::CallsAtOnce(Whose::Extension) => "extension_calls_at_once",
            Self::CallsAtOnce(Whose::Account) => "account_calls_at_once",
            Self::CallsPerHour(Whose::Extension) => "extension_calls_per_hour",
            Self::CallsPerHour(Whose::Account) => "account_calls_per_hour",
            Self::MinutesPerHour(Whose::Extension) => "extension_minutes_per_hour",
            Self::MinutesPerHour(Whose::Account) => "account_minutes_per_hour",
            Self::SpendPerHour(Whose::Extension) => "extension_spend_per_hour",
            Self::SpendPerHour(Whose::Account) => "account_spend_per_hour",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Always allowed beside the account's own region.
const HOME: &str = "84";
/// Longest number that may be a short service of the country: nothing that a carrier reads as a number abroad.
const LONGEST_SHORT: usize = 6;
/// Lengths of Vietnam's free numbers.
const FREE_LENGTHS: [usize; 2] = [8, 10];

impl Policy {
    /// Says whether a number may be called, whatever was called before.
    ///
    /// # Errors
    /// Why not.
    pub fn allows(&self, number: &str, region: Region) -> Result<(), Why> {
        if self.stopped {
            return Err(Why::Stopped);
        }
        let plain = number.strip_prefix('+').unwrap_or(number);
        let e164 = region.e164(number);
        let begins = |prefixes: &[String]| {
            prefixes.iter().map(|prefix| prefix.trim_start_matches('+')).any(|prefix| {
                !prefix.is_empty()
                    && (plain.starts_with(prefix) || e164.as_ref().is_some_and(|e164| e164.starts_with(prefix)))
            })
        };
        if begins(&self.blocked) {
            return Err(Why::Blocked);
        }
        if begins(&self.opened) {
            return Ok(());
        }
        let service = SERVICES.iter().find(|service| {
            service.region == region.code && !number.starts_with('+') && number.starts_with(service.prefix)
        });
        match service {
            Some(service) if !service.free => return Err(Why::Premium),
            Some(_) if FREE_LENGTHS.contains(&number.len()) => return Ok(()),
            _ => {}
        }
        let Some(e164) = e164 else {
            let short = number.len() <= LONGEST_SHORT && number.bytes().all(|digit| digit.is_ascii_digit());
            return if short && !number.starts_with('0') { Ok(()) } else { Err(Why::Unreadable) };
        };
        if e164.strip_prefix(region.country).is_some_and(|rest| rest.starts_with('0')) {
            return Err(Why::Unreadable);
        }
        if premium_of(&e164).is_some() {
            return Err(Why::Premium);
        }
        if self.opens(&e164, region) { Ok(()) } else { Err(Why::Country) }
    }

    fn opens(&self, e164: &str, region: Region) -> bool {
        let Some(country) = country_of(e164) else { return false };
        let own = self.countries.iter().map(String::as_str).chain([HOME, region.country]);
        own.map(|allowed| allowed.trim_start_matches('+')).any(|allowed| {
            allowed == "*"
                || allowed == country.prefix
                // A part of a country; never the whole of what its code happens to begin.
                || (allowed.len() > country.prefix.len() && e164.starts_with(allowed))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::places::COUNTRIES, *};

    #[test]
    fn of_all_countries_only_home_and_the_accounts_own_may_be_called() {
        for region in crate::number::REGIONS {
            let policy = Policy::default();
            for country in COUNTRIES {
                let number = format!("+{}{}", country.prefix, &"5123456789"[..11 - country.prefix.len().max(1)]);
                let allowed = policy.allows(&number, *region);
                let home = country.prefix == "84" || country.prefix == region.country;
                assert_eq!(allowed.is_ok(), home, "{number} from {}: {allowed:?}", region.code);
            }
        }
    }

    #[test]
    fn premium_numbers_are_refused_however_they_are_written() {
        let (vn, policy) = (Region::of("VN"), Policy { countries: vec!["*".to_owned()], ..Policy::default() });
        for number in [
            "19001234",
            "1900123456",
            "+19001234567",
            "0019001234567",
            "+841900123456",
            "01900123456",
            "00841900123456",
            "+979123456789",
            "00979123456789",
            "+8816123456789",
            "+882161234567",
            "+883510001234",
            "+8701234567890",
            "+449061234567",
            "+447012345678",
            "+499001234567",
            "+33899123456",
        ] {
            assert_eq!(policy.allows(number, vn), Err(Why::Premium), "{number}");
            let opened = Policy { opened: vec!["19".to_owned(), "8".to_owned()], ..Policy::default() };
            let _ = opened.allows(number, vn);
        }
        let opened = Policy { opened: vec!["19001234".to_owned()], ..Policy::default() };
        assert_eq!(opened.allows("19001234", vn), Ok(()));
        assert_eq!(opened.allows("19001235", vn), Err(Why::Premium));
    }

    #[test]
    fn numbers_that_two_would_read_differently_are_refused() {
        let (vn, policy) = (Region::of("VN"), Policy::default());
        for number in
            ["+8401900123456", "84+19001234567", "0098765432101234567", "000841234567", "++84987654321", "00", "0"]
        {
            assert_eq!(policy.allows(number, vn), Err(Why::Unreadable), "{number}");
        }
    }

    #[test]
    fn what_an_account_opens_and_blocks_is_opened_and_blocked() {
        let vn = Region::of("VN");
        let policy = Policy {
            countries: vec!["1".to_owned(), "4420".to_owned()],
            blocked: vec!["8490".to_owned()],
            ..Policy::default()
        };
        for (number, verdict) in [
            ("0987654321", Ok(())),
            ("02838221234", Ok(())),
            ("18001234", Ok(())),
            ("1080", Ok(())),
            ("0907654321", Err(Why::Blocked)),
            ("+14155552671", Ok(())),
            ("+18765552671", Err(Why::Country)),
            ("+442012345678", Ok(())),
            ("+441612345678", Err(Why::Country)),
            ("+4915112345678", Err(Why::Country)),
        ] {
            assert_eq!(policy.allows(number, vn), verdict, "{number}");
        }
        let stopped = Policy { stopped: true, ..policy };
        assert_eq!(stopped.allows("0987654321", vn), Err(Why::Stopped));
    }
}
