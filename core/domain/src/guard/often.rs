//! How often each number was called within a day.

use std::collections::HashMap;

use crate::Timestamp;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// How often numbers are looked for whose day is over.
const SWEEP: i64 = 600_000;

/// The calls to each number within the 24 hours that begin with the first of them. A number of the world has at most
/// fifteen digits: that is a `u64`, and a million numbers take some 30 MB.
#[derive(Debug, Default)]
pub(super) struct Often {
    days: HashMap<u64, Day>,
    swept: i64,
}

#[derive(Clone, Copy, Debug)]
struct Day {
    began: i64,
    calls: u32,
}

impl Often {
    /// Returns how often a number was called within its day. What is no number of the world is never counted.
    pub(super) fn calls(&self, number: &str, now: Timestamp) -> u32 {
        let day = key(number).and_then(|key| self.days.get(&key));
        day.filter(|day| is_running(day, now)).map_or(0, |day| day.calls)
    }

    pub(super) fn add(&mut self, number: &str, now: Timestamp) {
        let Some(key) = key(number) else { return };
        let day = self.days.entry(key).or_insert_with(|| Day { began: now.millis(), calls: 0 });
        if !is_running(day, now) {
            *day = Day { began: now.millis(), calls: 0 };
        }
        day.calls = day.calls.saturating_add(1);
    }

    /// Adds what an earlier run counted since that time.
    pub(super) fn restore(&mut self, number: &str, began: Timestamp, calls: u32) {
        let Some(key) = key(number) else { return };
        let day = self.days.entry(key).or_insert_with(|| Day { began: began.millis(), calls: 0 });
        day.began = day.began.min(began.millis());
        day.calls = day.calls.saturating_add(calls);
    }

    /// Forgets numbers whose day is over, at times: there may be many.
    pub(super) fn forget(&mut self, now: Timestamp) {
        if now.millis() - self.swept >= SWEEP {
            self.swept = now.millis();
            self.days.retain(|_, day| is_running(day, now));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}

const fn is_running(day: &Day, now: Timestamp) -> bool {
    now.millis() - day.began < DAY
}

fn key(number: &str) -> Option<u64> {
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000;

    #[test]
    fn a_day_begins_with_the_first_call_and_ends_a_day_later() {
        let mut often = Often::default();
        let at = |millis| Timestamp::from_millis(START + millis);
        for hour in 0..3 {
            often.add("84987654321", at(hour * 3_600_000));
        }
        assert_eq!((often.calls("84987654321", at(DAY - 1)), often.calls("84987654322", at(0))), (3, 0));
        assert_eq!(often.calls("84987654321", at(DAY)), 0);
        often.add("84987654321", at(DAY + 5));
        assert_eq!(often.calls("84987654321", at(2 * DAY)), 1, "another day began");
        often.forget(at(3 * DAY));
        assert!(often.is_empty());
    }

    #[test]
    fn what_an_earlier_run_counted_counts() {
        let mut often = Often::default();
        let at = |millis| Timestamp::from_millis(START + millis);
        often.restore("84987654321", at(0), 4);
        often.add("84987654321", at(10));
        assert_eq!(often.calls("84987654321", at(20)), 5);
        assert_eq!(often.calls("84987654321", at(DAY)), 0, "its day began with the first call");
    }
}
