//! Waiting for a condition instead of sleeping.

use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Asks `condition` until it yields something and returns that; an error naming `what` after `patience`.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return Ok(found);
        }
        if began.elapsed() > patience {
            bail!("{what}: not within {patience:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
}
