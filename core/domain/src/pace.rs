//! So many a second: a cell that admits at a steady pace (GCRA), with a second's worth at once after a pause.

use std::time::{Duration, Instant};

/// One thing's pace. 16 bytes, no history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the cell would be empty again.
    until: Option<Instant>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Pace {
    /// Admits one more, or says how long to wait. `per_second` is at least 1.
    ///
    /// # Errors
    /// The wait after which one would be admitted.
    pub fn admit(&mut self, per_second: u32, now: Instant) -> Result<(), Duration> {
        let each = SECOND / per_second.max(1);
        let until = self.until.filter(|until| *until > now).unwrap_or(now);
        let full = until + each;
        match full.checked_duration_since(now + SECOND) {
            Some(over) if !over.is_zero() => Err(over),
            _ => {
                self.until = Some(full);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests need one real instant to count from")]

    use super::*;

    #[test]
    fn five_a_second_are_five_at_once_and_then_one_every_fifth_of_a_second() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        for _ in 0..5 {
            assert!(pace.admit(5, start).is_ok());
        }
        assert_eq!(pace.admit(5, start), Err(Duration::from_millis(200)));
        assert!(pace.admit(5, start + Duration::from_millis(199)).is_err());
        assert!(pace.admit(5, start + Duration::from_millis(200)).is_ok());
        assert!(pace.admit(5, start + Duration::from_millis(200)).is_err());
    }

    #[test]
    fn in_any_ten_seconds_there_are_no_more_than_the_pace_and_one_second_more() {
        let (start, mut pace, mut admitted) = (Instant::now(), Pace::default(), 0);
        for millis in 0..10_000 {
            admitted += u32::from(pace.admit(7, start + Duration::from_millis(millis)).is_ok());
        }
        assert!((70..=77).contains(&admitted), "{admitted}");
    }
}
