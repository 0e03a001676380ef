//! When a failed webhook delivery is tried again.

use std::time::Duration;

/// Attempts after which a delivery becomes a dead letter.
pub const ATTEMPTS: u32 = 4;
/// The longest wait that a receiver's `Retry-After` may ask for.
pub const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The waits after the first, second and third failed attempt.
const SCHEDULE: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(300), Duration::from_secs(1800)];
/// The largest share of the wait that chance adds, so that a crowd of retries spreads.
const JITTER: f64 = 0.1;

/// Returns the wait between failed attempt `attempt` (1 is the first) and the next one; `None` if it was the last.
///
/// `retry_after` is what the receiver asked for: the wait is never shorter than that, up to 24 h.
/// `chance` is a random number in 0..1 and adds up to 10 % to the scheduled wait; the wait never gets shorter by it.
pub fn wait_before(attempt: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
    let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
    let base = SCHEDULE.get(index)?;
    // A NaN clamps to NaN: take it for no jitter.
    let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
    let wait = base.mul_f64(1.0 + JITTER * chance);
    Some(wait.max(retry_after.unwrap_or_default().min(RETRY_AFTER_LIMIT)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_attempts_are_made_after_thirty_seconds_five_and_thirty_minutes() {
        let waits: Vec<_> = (0..=5).map(|attempt| wait_before(attempt, None, 0.0).map(|w| w.as_secs())).collect();
        assert_eq!(waits, [None, Some(30), Some(300), Some(1800), None, None]);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_less_nor_for_more_than_a_day() {
        let asked = |seconds| wait_before(1, Some(Duration::from_secs(seconds)), 0.0).map(|w| w.as_secs());
        assert_eq!(asked(0), Some(30));
        assert_eq!(asked(29), Some(30));
        assert_eq!(asked(31), Some(31));
        assert_eq!(asked(1_000_000_000), Some(86_400));
        assert_eq!(wait_before(4, Some(Duration::from_secs(60)), 0.5), None);
    }

    proptest! {
        #[test]
        fn chance_adds_at_most_a_tenth(attempt in 1_u32..4, chance in any::<f64>()) {
            let base = wait_before(attempt, None, 0.0).unwrap_or_default();
            let wait = wait_before(attempt, None, chance).unwrap_or_default();
            prop_assert!(wait >= base && wait <= base.mul_f64(1.1));
        }

        #[test]
        fn a_longer_wish_never_shortens_the_wait(attempt in 1_u32..4, a: u64, b: u64) {
            let (less, more) = (Duration::from_secs(a.min(b)), Duration::from_secs(a.max(b)));
            prop_assert!(wait_before(attempt, Some(less), 0.0) <= wait_before(attempt, Some(more), 0.0));
        }
    }
}
