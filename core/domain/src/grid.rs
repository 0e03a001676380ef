//! Moments at which many do together what would cost each of them a wake-up or a commit of its own.

use std::time::{Duration, Instant};

/// Equally spaced moments. Everybody who waits for one of them waits for the same.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    origin: Instant,
    step: Duration,
}

impl Grid {
    /// Returns the grid with moments at `origin` and every `step` (at least 1 ms) after it.
    pub fn new(origin: Instant, step: Duration) -> Self {
        Self { origin, step: step.max(Duration::from_millis(1)) }
    }

    /// Returns the first moment of the grid that is not before `at`.
    pub fn up(&self, at: Instant) -> Instant {
        let steps = at.saturating_duration_since(self.origin).as_nanos().div_ceil(self.step.as_nanos());
        self.origin + self.step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to begin with")]
    fn deadlines_are_met_on_a_grid_and_never_early() {
        let start = Instant::now();
        let grid = Grid::new(start, Duration::from_millis(50));
        let ms = |ms| start + Duration::from_millis(ms);
        for (due, met) in [(0, 0), (1, 50), (50, 50), (51, 100), (32_000, 32_000), (32_001, 32_050)] {
            assert_eq!(grid.up(ms(due)), ms(met), "{due}");
        }
    }
}
