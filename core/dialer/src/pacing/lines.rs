//! The pace of campaigns without agents: so many calls at a time, so many a second on each trunk.
//!
//! Calls of a trunk are spaced evenly, so that no second ever sees more of them than it may, wherever it begins.

use std::time::Duration;

/// Most calls a second that anybody may ask for; beyond it the spacing would be finer than timers are.
pub const MOST_PER_SECOND: u32 = 10_000;

/// What a campaign is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at a time.
    pub at_once: u32,
    /// Calls a second on the trunk that is used; 0 places none.
    pub per_second: u32,
}

/// When the next call may go out on a trunk. All campaigns on it share one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spacing {
    next: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Place one call and ask again.
    Dial,
    /// The trunk takes the next one then.
    Wait(Duration),
    /// All lines are taken: ask again when a call has ended.
    Full,
    /// The trunk takes no calls.
    Never,
}

impl Spacing {
    /// Says whether one more call may go out, and counts it if so. `up` is how many the campaign has up.
    pub fn step(&mut self, limits: Limits, up: usize, now: Duration) -> Step {
        if limits.per_second == 0 {
            return Step::Never;
        }
        if up >= limits.at_once as usize {
            return Step::Full;
        }
        if now < self.next {
            return Step::Wait(self.next);
        }
        let per_second = u64::from(limits.per_second.min(MOST_PER_SECOND));
        // Rounded up: a second never holds one more.
        self.next = now.saturating_add(Duration::from_nanos(1_000_000_000_u64.div_ceil(per_second)));
        Step::Dial
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_a_second_go_out_every_fifth_of_a_second_while_lines_are_free() {
        let (limits, mut spacing) = (Limits { at_once: 3, per_second: 5 }, Spacing::default());
        let ms = Duration::from_millis;
        assert_eq!(spacing.step(limits, 0, ms(0)), Step::Dial);
        assert_eq!(spacing.step(limits, 1, ms(0)), Step::Wait(ms(200)));
        assert_eq!(spacing.step(limits, 1, ms(200)), Step::Dial);
        assert_eq!(spacing.step(limits, 2, ms(400)), Step::Dial);
        assert_eq!(spacing.step(limits, 3, ms(600)), Step::Full);
        assert_eq!(spacing.step(Limits { per_second: 0, ..limits }, 0, ms(600)), Step::Never);
    }

    proptest! {
        #[test]
        fn no_second_ever_sees_more_calls_than_it_may(
            per_second in 1_u32..50, at_once in 0_u32..40, gaps in prop::collection::vec(0_u64..400, 1..400),
        ) {
            let (limits, mut spacing) = (Limits { at_once, per_second }, Spacing::default());
            let (mut now, mut placed) = (Duration::ZERO, Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                let up = placed.iter().filter(|at| now.saturating_sub(**at) < Duration::from_millis(1_500)).count();
                if spacing.step(limits, up, now) == Step::Dial {
                    placed.push(now);
                    prop_assert!(up < at_once as usize);
                }
            }
            for from in &placed {
                let second = placed.iter().filter(|at| (*from..*from + Duration::from_secs(1)).contains(at)).count();
                prop_assert!(second <= per_second as usize);
            }
        }

        #[test]
        fn figures_at_the_end_of_numbers_do_no_harm(now in any::<Duration>(), per_second: u32, at_once: u32, up: usize) {
            let mut spacing = Spacing::default();
            spacing.step(Limits { at_once, per_second }, up, now);
            spacing.step(Limits { at_once, per_second }, up, Duration::MAX);
            spacing.step(Limits { at_once, per_second }, up, Duration::ZERO);
        }
    }
}
