//! Time conditions: when an account is open.

use serde::{Deserialize, Serialize};

/// Minutes of a day.
pub const DAY: u16 = 24 * 60;

/// A moment on the account's wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    pub year: i16,
    pub month: u8,
    pub day: u8,
    /// 1 is Monday, 7 Sunday.
    pub weekday: u8,
    /// Since midnight.
    pub minute: u16,
}

/// Open from `from` until just before `to`, minutes since midnight; 1440 is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// 1 is Monday, 7 Sunday.
    pub day: u8,
    pub from: u16,
    pub to: u16,
}

/// A day on which the week does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    pub name: String,
    /// `None`: every year.
    pub year: Option<i16>,
    pub month: u8,
    pub day: u8,
    /// The hours of that day; `None`: closed.
    pub open: Option<(u16, u16)>,
}

/// Weekly hours and holidays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    pub week: Vec<Span>,
    pub holidays: Vec<Holiday>,
}

/// What somebody decided by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Override {
    /// The calendar decides.
    #[default]
    Automatic,
    Open,
    Closed,
}

impl Override {
    pub const ALL: &'static [Self] = &[Self::Automatic, Self::Open, Self::Closed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == name)
    }

    /// Returns what the feature code turns it to: first to the opposite of what the calendar says, then back.
    pub const fn turned(self, calendar_is_open: bool) -> Self {
        match (self, calendar_is_open) {
            (Self::Automatic, true) => Self::Closed,
            (Self::Automatic, false) => Self::Open,
            (Self::Open | Self::Closed, _) => Self::Automatic,
        }
    }
}

/// Most spans of a week and most holidays.
const MOST: usize = 200;

impl Calendar {
    /// Returns whether it is open then.
    pub fn is_open(&self, now: Local) -> bool {
        let inside = |from: u16, to: u16| (from..to).contains(&now.minute);
        let today = |holiday: &&Holiday| {
            holiday.month == now.month && holiday.day == now.day && holiday.year.is_none_or(|year| year == now.year)
        };
        // A holiday of this very year says more than one of every year.
        if let Some(holiday) = self.holidays.iter().filter(today).max_by_key(|holiday| holiday.year.is_some()) {
            return holiday.open.is_some_and(|(from, to)| inside(from, to));
        }
        self.week.iter().any(|span| span.day == now.weekday && inside(span.from, span.to))
    }

    /// Returns whether every day and hour exists.
    pub fn is_sound(&self) -> bool {
        let hours = |from: u16, to: u16| from < to && to <= DAY;
        let exists = |holiday: &Holiday| {
            let most = match holiday.month {
                2 if holiday.year.is_some_and(|year| !is_leap(year)) => 28,
                2 => 29,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (1..=12).contains(&holiday.month)
                && (1..=most).contains(&holiday.day)
                && holiday.year.is_none_or(|year| (2_000..=2_200).contains(&year))
                && holiday.open.is_none_or(|(from, to)| hours(from, to))
                && holiday.name.chars().count() <= 100
        };
        self.week.len() <= MOST
            && self.holidays.len() <= MOST
            && self.week.iter().all(|span| (1..=7).contains(&span.day) && hours(span.from, span.to))
            && self.holidays.iter().all(exists)
    }
}

const fn is_leap(year: i16) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Calendar {
        let week = (1..=5).flat_map(|day| [Span { day, from: 480, to: 720 }, Span { day, from: 780, to: 1_020 }]);
        let holiday = |year, month, day, open| Holiday { name: "holiday".to_owned(), year, month, day, open };
        Calendar {
            week: week.chain([Span { day: 7, from: 0, to: DAY }]).collect(),
            holidays: vec![
                holiday(None, 9, 2, None),
                holiday(Some(2027), 2, 6, None),
                holiday(None, 12, 24, Some((480, 720))),
                holiday(Some(2027), 12, 24, None),
            ],
        }
    }

    #[test]
    fn an_office_is_open_when_its_calendar_says_so() {
        let calendar = office();
        assert!(calendar.is_sound());
        for (year, month, day, weekday, minute, open) in [
            (2026, 11, 23, 1, 480, true),
            (2026, 11, 23, 1, 479, false),
            (2026, 11, 23, 1, 719, true),
            (2026, 11, 23, 1, 720, false),
            (2026, 11, 23, 1, 1_019, true),
            (2026, 11, 28, 6, 600, false),
            (2026, 11, 29, 7, 0, true),
            (2026, 11, 29, 7, 1_439, true),
            (2026, 9, 2, 3, 600, false),
            (2027, 9, 2, 4, 600, false),
            (2027, 2, 6, 6, 600, false),
            (2026, 2, 6, 5, 600, true),
            (2026, 12, 24, 4, 600, true),
            (2026, 12, 24, 4, 800, false),
            (2027, 12, 24, 5, 600, false),
        ] {
            let now = Local { year, month, day, weekday, minute };
            assert_eq!(calendar.is_open(now), open, "{now:?}");
        }
        assert!(!Calendar::default().is_open(Local { year: 2026, month: 1, day: 1, weekday: 4, minute: 0 }));
    }

    #[test]
    fn days_and_hours_that_do_not_exist_are_refused() {
        let span = |day, from, to| Calendar { week: vec![Span { day, from, to }], ..Calendar::default() };
        let holiday = |year, month, day| {
            let holiday = Holiday { name: String::new(), year, month, day, open: None };
            Calendar { holidays: vec![holiday], ..Calendar::default() }
        };
        for (calendar, sound) in [
            (span(1, 0, 1_440), true),
            (span(0, 0, 10), false),
            (span(8, 0, 10), false),
            (span(1, 10, 10), false),
            (span(1, 10, 1_441), false),
            (holiday(None, 2, 29), true),
            (holiday(Some(2028), 2, 29), true),
            (holiday(Some(2027), 2, 29), false),
            (holiday(None, 4, 31), false),
            (holiday(None, 13, 1), false),
            (holiday(None, 0, 1), false),
        ] {
            assert_eq!(calendar.is_sound(), sound, "{calendar:?}");
        }
    }

    #[test]
    fn the_code_turns_to_the_opposite_and_back() {
        assert_eq!(Override::Automatic.turned(true), Override::Closed);
        assert_eq!(Override::Automatic.turned(false), Override::Open);
        assert_eq!(Override::Closed.turned(true), Override::Automatic);
        for value in Override::ALL {
            assert_eq!(Override::parse(value.as_str()), Some(*value));
        }
    }
}
