//! When a trunk registers next.

use std::time::Duration;

/// The first wait after all registrars failed (RFC 5626 §4.5, "base time" when no flow is left).
const FIRST: Duration = Duration::from_secs(30);
/// The longest wait of all (RFC 5626 §4.5, "max time").
pub(super) const LONGEST: Duration = Duration::from_secs(1_800);
/// The shortest time between two refreshes, whatever a registrar grants.
const SHORTEST: Duration = Duration::from_secs(5);
/// A longer wait that a registrar asks for is cut down to this.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// Returns the wait after `failures` attempts in a row at all registrars: it doubles up to half an hour, and chance (a
/// number in 0..1) takes up to half of it, so that a crowd does not come back together. It is never shorter than what a
/// registrar asked for.
pub(super) fn back_off(failures: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let wait = doubled.mul_f64(1.0 - 0.5 * chance.clamp(0.0, 1.0));
    wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// Returns when to refresh what was granted: between 80 and 90 % of it, so that there is time for a second attempt.
pub(super) fn refresh_after(granted: u32, chance: f64) -> Duration {
    Duration::from_secs(granted.into()).mul_f64(0.8 + 0.1 * chance.clamp(0.0, 1.0)).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_an_hour_and_chance_takes_up_to_half() {
        let longest: Vec<u64> = (1..=9).map(|failures| back_off(failures, None, 0.0).as_secs()).collect();
        assert_eq!(longest, [30, 60, 120, 240, 480, 960, 1_800, 1_800, 1_800]);
        let shortest: Vec<u64> = (1..=3).map(|failures| back_off(failures, None, 1.0).as_secs()).collect();
        assert_eq!(shortest, [15, 30, 60]);
        assert_eq!(back_off(u32::MAX, None, 0.0), LONGEST);
    }

    #[test]
    fn a_registrar_may_ask_for_a_longer_wait_but_not_for_days() {
        assert_eq!(back_off(1, Some(Duration::from_secs(300)), 0.0).as_secs(), 300);
        assert_eq!(back_off(1, Some(Duration::from_secs(1)), 0.0).as_secs(), 30);
        assert_eq!(back_off(1, Some(Duration::from_secs(1_000_000)), 0.0).as_secs(), 3_600);
    }

    #[test]
    fn a_registration_is_refreshed_well_before_it_ends() {
        for (granted, earliest, latest) in [(3_600, 2_880, 3_240), (60, 48, 54), (1, 5, 5), (0, 5, 5)] {
            assert_eq!(refresh_after(granted, 0.0).as_secs(), earliest);
            assert_eq!(refresh_after(granted, 1.0).as_secs(), latest);
        }
    }
}
