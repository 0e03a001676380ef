//! Civil time of a place: the few questions that rules ask of a time zone.

use domain::{
    Timestamp,
    hours::{Calendar, DAY, Local},
};
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};

/// Days that are looked ahead for an opening.
const DAYS_AHEAD: usize = 400;

/// A time zone of the IANA database that is compiled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Returns the zone of that name, for example `Asia/Ho_Chi_Minh`.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Returns what the clocks show there. Times beyond the calendar (the years -9999 to 9999) are taken for its ends.
    pub fn local(&self, at: Timestamp) -> Local {
        let there = self.0.to_datetime(instant(at));
        Local {
            year: there.year(),
            month: u8::try_from(there.month()).unwrap_or(1),
            day: u8::try_from(there.day()).unwrap_or(1),
            weekday: u8::try_from(there.weekday().to_monday_one_offset()).unwrap_or(1),
            minute: u16::from(there.hour().unsigned_abs()) * 60 + u16::from(there.minute().unsigned_abs()),
        }
    }

    /// Returns the beginning of the next day there.
    pub fn next_day(&self, at: Timestamp) -> Timestamp {
        self.date(at).tomorrow().ok().and_then(|date| self.moment(date, 0)).unwrap_or(Timestamp(i64::MAX))
    }

    /// Says whether both times are of the same day there.
    pub fn same_day(&self, a: Timestamp, b: Timestamp) -> bool {
        self.date(a) == self.date(b)
    }

    /// Returns the next time after `now` at which the calendar opens; `None` if it does not within the next 400 days.
    pub fn opens(&self, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
        let mut minutes: Vec<u16> = calendar.week.iter().map(|span| span.from).collect();
        minutes.extend(calendar.holidays.iter().filter_map(|holiday| holiday.open.map(|(from, _)| from)));
        minutes.retain(|minute| *minute < DAY);
        if minutes.is_empty() {
            return None;
        }
        // A day after which the calendar is closed at midnight and open again, too, begins with an opening.
        minutes.push(0);
        minutes.sort_unstable();
        minutes.dedup();
        let mut date = self.date(now);
        for _ in 0..DAYS_AHEAD {
            for minute in &minutes {
                let opening = self.moment(date, *minute).filter(|at| *at > now);
                if let Some(at) = opening.filter(|at| calendar.is_open(self.local(*at))) {
                    return Some(at);
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn date(&self, at: Timestamp) -> Date {
        self.0.to_datetime(instant(at)).date()
    }

    /// Returns when the clocks show that minute on that day; a time that is skipped is taken for the first one after it.
    fn moment(&self, date: Date, minute: u16) -> Option<Timestamp> {
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let zoned = self.0.to_zoned(date.at(hour, minute, 0, 0)).ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond()))
    }
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    let (first, last) = (jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
    jiff::Timestamp::from_millisecond(at.millis().clamp(first + 1, last - 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::hours::Span;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn week(from: u16, to: u16) -> Calendar {
        Calendar { week: (1..=7).map(|day| Span { day, from, to }).collect(), holidays: Vec::new() }
    }

    #[test]
    fn a_place_knows_its_day_and_minute() {
        let there = Zone::named("Asia/Ho_Chi_Minh").unwrap();
        let local = there.local(at("2026-11-22T17:30:00Z"));
        assert_eq!((local.year, local.month, local.day, local.weekday, local.minute), (2026, 11, 23, 1, 30));
        assert_eq!(there.next_day(at("2026-11-22T17:30:00Z")), at("2026-11-23T17:00:00Z"));
        assert!(there.same_day(at("2026-11-22T17:30:00Z"), at("2026-11-23T16:59:59Z")));
        assert!(Zone::named("Nowhere/At_All").is_none());
    }

    #[test]
    fn an_opening_follows_the_clocks_when_they_change() {
        let there = Zone::named("Europe/Berlin").unwrap();
        let opens = |now| there.opens(&week(480, 1_020), at(now));
        assert_eq!(opens("2026-10-24T20:00:00Z"), Some(at("2026-10-25T07:00:00Z")), "winter time began that night");
        assert_eq!(opens("2026-03-28T20:00:00Z"), Some(at("2026-03-29T06:00:00Z")), "summer time began that night");
        // 02:30 does not exist on that day.
        assert_eq!(there.opens(&week(150, 300), at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn what_never_opens_has_no_opening_and_no_time_panics() {
        let there = Zone::named("America/New_York").unwrap();
        assert_eq!(there.opens(&Calendar::default(), at("2026-11-22T00:00:00Z")), None);
        for millis in [i64::MIN, i64::MAX, 0, -62_135_596_800_000] {
            there.local(Timestamp(millis));
            there.next_day(Timestamp(millis));
            there.opens(&week(480, 1_020), Timestamp(millis));
        }
    }
}
