//! The sandbox plays other companies' machines, and those look at their own clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "an outside party has a clock of its own")]
pub(crate) fn epoch_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
}
