//! Dates and times of day.

use super::{Found, Scan, Sort};
use crate::{
    numeral::{self, cardinal, ordinal},
    reading::Reading,
};

/// A day of a month, perhaps of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) day: u32,
    pub(crate) month: u32,
    pub(crate) year: Option<u32>,
}

impl Date {
    /// Returns the date if there is such a day; without a year, the 29th of February is one.
    pub(crate) fn new(day: u32, month: u32, year: Option<u32>) -> Option<Self> {
        let is_leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if year.is_none_or(is_leap) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&day).then_some(Self { day, month, year })
    }

    /// Returns the words in the parts in which they are cached.
    pub(crate) fn parts(self, reading: Reading) -> Vec<String> {
        let say = |value: u32| cardinal(&value.to_string(), reading);
        match reading {
            Reading::Vietnamese(_) => {
                let early = if self.day <= 10 { "mùng " } else { "" };
                let mut parts = vec![format!("ngày {early}{}", say(self.day)), month(self.month, reading)];
                parts.extend(self.year.map(|year| format!("năm {}", say(year))));
                parts
            }
            Reading::English => {
                let mut parts = vec![format!("{} {}", month(self.month, reading), ordinal(&say(self.day)))];
                parts.extend(self.year.map(numeral::year));
                parts
            }
        }
    }
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    pub(crate) half: Half,
}

/// Which half of the day an hour up to twelve means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Unsaid,
    Morning,
    Afternoon,
}

impl Time {
    pub(crate) fn new(hour: u32, minute: u32, second: u32, half: Half) -> Option<Self> {
        let fits = if half == Half::Unsaid { hour <= 24 } else { (1..=12).contains(&hour) };
        (fits && minute < 60 && second < 60).then_some(Self { hour, minute, second, half })
    }

    /// Returns the words in the parts in which they are cached.
    pub(crate) fn parts(self, reading: Reading) -> Vec<String> {
        let say = |value: u32| cardinal(&value.to_string(), reading);
        if reading.is_vietnamese() {
            let mut parts = vec![format!("{} giờ", say(self.hour))];
            if self.minute > 0 || self.second > 0 {
                parts.push(format!("{} phút", say(self.minute)));
            }
            if self.second > 0 {
                parts.push(format!("{} giây", say(self.second)));
            }
            let half = match (self.half, self.hour) {
                (Half::Unsaid, _) => None,
                (Half::Morning, 12) => Some("đêm"),
                (Half::Morning, _) => Some("sáng"),
                (Half::Afternoon, 12) => Some("trưa"),
                (Half::Afternoon, 1..=6) => Some("chiều"),
                (Half::Afternoon, _) => Some("tối"),
            };
            parts.extend(half.map(str::to_owned));
            return parts;
        }
        let half = match self.half {
            Half::Unsaid if self.hour == 0 || self.hour == 24 => Some("A M"),
            Half::Unsaid if self.hour > 12 => Some("P M"),
            Half::Unsaid => None,
            Half::Morning => Some("A M"),
            Half::Afternoon => Some("P M"),
        };
        let hour = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let mut parts = match self.minute {
            0 if half.is_none() && self.second == 0 => vec![format!("{} o'clock", say(hour))],
            0 if self.second == 0 => vec![say(hour)],
            minute @ 0..=9 => vec![say(hour), format!("oh {}", say(minute))],
            minute => vec![say(hour), say(minute)],
        };
        if self.second > 0 {
            let unit = if self.second == 1 { "second" } else { "seconds" };
            parts.push(format!("and {} {unit}", say(self.second)));
        }
        parts.extend(half.map(str::to_owned));
        parts
    }
}

/// Returns the name of a month, *tháng tư* and *April*.
pub(crate) fn month(month: u32, reading: Reading) -> String {
    const EN: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let place = (month.clamp(1, 12) - 1) as usize;
    match reading {
        Reading::English => EN[place].to_owned(),
        Reading::Vietnamese(_) if month == 4 => "tháng tư".to_owned(),
        Reading::Vietnamese(_) => format!("tháng {}", cardinal(&month.to_string(), reading)),
    }
}

/// Years that a date without any other sign of being one may have.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2199;

impl Scan<'_> {
    /// `05/04/2026`, `5-4-2026`, `30.06.2026`, `2026-04-05`, `05/04`, `5/2026`. The day stands before the month, in
    /// English too, unless only the other order is a date: those who write here are in Vietnam.
    pub(super) fn date(&self, at: usize) -> Option<Found> {
        let (first, end) = self.small(at, 4)?;
        let sign = self.peek(end).filter(|c| matches!(c, '/' | '-' | '.'))?;
        let (second, after) = self.small(end + 1, 4)?;
        let goes_on = |at: usize| {
            self.is_word_at(at)
                || (self.peek(at) == Some(sign) && self.peek(at + 1).is_some_and(|c| c.is_ascii_digit()))
        };
        if self.peek(after) == Some(sign)
            && let Some((third, last)) = self.small(after + 1, 4)
        {
            let is_time = self.peek(last) == Some('T') && self.peek(last + 1).is_some_and(|c| c.is_ascii_digit());
            if goes_on(last) && !is_time {
                return None;
            }
            let date = match (end - at, last - after - 1) {
                (4, 1..=2) if sign != '.' => Date::new(third, second, Some(first)),
                (1..=2, 4) => Date::new(first, second, Some(third)).or_else(|| Date::new(second, first, Some(third))),
                (1..=2, 2) if sign == '/' => Date::new(first, second, Some(2000 + third)),
                _ => None,
            };
            let date = date.filter(|date| date.year.is_some_and(|year| YEARS.contains(&year)))?;
            return Some(self.found_date(last, date));
        }
        // "10-12/5" spans days, and "số 15/2" is a house.
        let is_span = sign == '-' && self.peek(after) == Some('/');
        if goes_on(after) || is_span || self.after(&["số", "nhà", "ngõ", "hẻm", "kiệt"]) {
            return None;
        }
        let digits = [end - at, after - end - 1];
        if sign == '/' && digits[1] == 4 && (1..=12).contains(&first) && YEARS.contains(&second) {
            return Some(self.found_month(after, first, second));
        }
        let follows_date = self.number.as_ref().is_some_and(|last| last.sort == Sort::Date && last.end + 1 >= at);
        let is_named = follows_date || self.is_after_date_word();
        let is_date = match sign {
            '/' => {
                is_named
                    || digits == [2, 2] && (first < 10 || second < 10)
                    || first > second && (first, second) != (24, 7)
            }
            '-' => {
                (follows_date || self.after(&["ngày", "hôm"]))
                    && self.reading.is_vietnamese()
                    && !self.is_before(after, &["tháng", "ngày", "năm"])
            }
            _ => false,
        };
        if !is_date || digits.iter().any(|digits| *digits > 2) {
            return None;
        }
        let english = !self.reading.is_vietnamese();
        let date = Date::new(first, second, None).or_else(|| Date::new(second, first, None).filter(|_| english))?;
        Some(self.found_date(after, date))
    }

    fn is_after_date_word(&self) -> bool {
        const VI: &[&str] = &[
            "ngày", "hôm", "sáng", "trưa", "chiều", "tối", "đêm", "lễ", "dịp", "hạn", "trước", "từ", "đến", "tới",
            "nay", "mai", "qua", "thứ", "nhật",
        ];
        const EN: &[&str] = &["on", "until", "before", "after", "by", "due", "since", "date", "today", "tomorrow"];
        self.after(if self.reading.is_vietnamese() { VI } else { EN })
    }

    fn found_date(&self, end: usize, date: Date) -> Found {
        let words = date.parts(self.reading).join(" ");
        let day = words.strip_prefix("ngày ");
        let words = match day {
            // Streets that are called after a day: *đường ba tháng hai*.
            Some(day) if self.after(&["đường", "phố"]) => day.strip_prefix("mùng ").unwrap_or(day).to_owned(),
            Some(day) if self.after(&["ngày", "hôm"]) => day.to_owned(),
            _ => words,
        };
        Found { end, words, sort: Sort::Date, value: None }
    }

    fn found_month(&self, end: usize, number: u32, year: u32) -> Found {
        let name = month(number, self.reading);
        let words = match self.reading {
            Reading::English => format!("{name} {}", numeral::year(year)),
            // Quarters and turns of a year are numbered too.
            reading if number <= 4 && self.after(&["quý", "đợt", "lần", "khóa", "khoá"]) => {
                let rank = if number == 4 { "tư" } else { numeral::digit(number, reading) };
                format!("{rank} năm {}", cardinal(&year.to_string(), reading))
            }
            reading => {
                let name = name.strip_prefix("tháng ").filter(|_| self.after(&["tháng"])).unwrap_or(&name);
                format!("{name} năm {}", cardinal(&year.to_string(), reading))
            }
        };
        Found { end, words, sort: Sort::Date, value: None }
    }

    /// `8:30`, `08:30:15`, `8h30`, `8h`, `8:30 PM`, `8pm`.
    pub(super) fn time(&self, at: usize) -> Option<Found> {
        if self.after(&["tỷ lệ", "tỉ lệ", "ratio", "scale"]) {
            return None;
        }
        let (time, end) = self.time_of_day(at)?;
        Some(Found { end, words: time.parts(self.reading).join(" "), sort: Sort::Time, value: None })
    }

    pub(super) fn time_of_day(&self, at: usize) -> Option<(Time, usize)> {
        let (hour, end) = self.small(at, 2)?;
        let (minute, second, end) = match self.peek(end)? {
            ':' => self.clock(end)?,
            'h' | 'g' | 'H' if self.reading.is_vietnamese() => self.vietnamese_hour(end)?,
            _ => (0, 0, end),
        };
        let has_minutes = end > at + 2 || self.peek(end - 1).is_none_or(|c| !c.is_ascii_digit());
        let (half, end) = self.half(end);
        if half == Half::Unsaid && !has_minutes || self.is_word_at(end) {
            return None;
        }
        let time = Time::new(hour, minute, second, half)
            .or_else(|| Time::new(hour, minute, second, Half::Unsaid).filter(|_| has_minutes))?;
        Some((time, end))
    }

    /// Reads `:MM` or `:MM:SS`.
    fn clock(&self, at: usize) -> Option<(u32, u32, usize)> {
        let (minute, end) = self.small(at + 1, 2).filter(|(_, end)| *end == at + 3)?;
        if self.peek(end) == Some(':')
            && let Some((second, last)) = self.small(end + 1, 2).filter(|(_, last)| *last == end + 3)
        {
            return Some((minute, second, last));
        }
        Some((minute, 0, end))
    }

    /// Reads `h`, `h30` or `h30p`.
    fn vietnamese_hour(&self, at: usize) -> Option<(u32, u32, usize)> {
        match self.small(at + 1, 2) {
            Some((minute, end)) => {
                let is_named = matches!(self.peek(end), Some('p' | '\'')) && !self.is_word_at(end + 1);
                Some((minute, 0, end + usize::from(is_named)))
            }
            None => {
                // "9g" is a weight unless the words around say otherwise.
                let is_hour = self.peek(at) != Some('g')
                    || self.after(&["lúc"])
                    || self.is_before(at + 1, &["sáng", "trưa", "chiều", "tối", "đêm"]);
                (is_hour && !self.is_word_at(at + 1)).then_some((0, 0, at + 1))
            }
        }
    }

    /// Reads `AM`, `pm`, `a.m.` and where it ends.
    fn half(&self, at: usize) -> (Half, usize) {
        let from = at + usize::from(self.peek(at) == Some(' '));
        let half = match self.peek(from).map(|c| c.to_ascii_lowercase()) {
            Some('a') => Half::Morning,
            Some('p') => Half::Afternoon,
            _ => return (Half::Unsaid, at),
        };
        let is_m = |at: usize| self.peek(at).is_some_and(|c| c.eq_ignore_ascii_case(&'m'));
        if is_m(from + 1) && !self.is_word_at(from + 2) {
            return (half, from + 2);
        }
        if self.peek(from + 1) == Some('.') && is_m(from + 2) && self.peek(from + 3) == Some('.') {
            return (half, from + 4);
        }
        (Half::Unsaid, at)
    }
}
