//! The two places where this tool meets the clock.

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the wall clock in milliseconds since 1970, to compare with what the product wrote.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn wall_ms() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// Lets a load run for a while.
#[expect(clippy::disallowed_methods, reason = "a load has to last")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Asks again and again until the answer is yes; returns whether it came in time.
pub(crate) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = now() + patience;
    loop {
        if condition() {
            return true;
        }
        if now() > end {
            return false;
        }
        pause(Duration::from_millis(20));
    }
}
