//! The wall clock, movable by tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use domain::Timestamp;

/// Tells people's time. Timers use the monotonic clock instead.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<ManualClock>);

/// A clock that stands still until a test moves it. All clones move together.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    /// Returns the host's clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// Returns a clock that shows `start` until its [`ManualClock`] is moved.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let manual = ManualClock(Arc::new(AtomicI64::new(start.millis())));
        (Self(Some(manual.clone())), manual)
    }

    /// Returns the present time in UTC.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(manual) => Timestamp::from_millis(manual.0.load(Ordering::SeqCst)),
            None => system_now(),
        }
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.millis(), Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the host's wall clock")]
fn system_now() -> Timestamp {
    let millis = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_all_its_clones() {
        let (clock, hand) = Clock::manual(Timestamp(1_000));
        let other = clock.clone();
        hand.advance(Duration::from_secs(2));
        assert_eq!(other.now(), Timestamp(3_000));
    }
}
