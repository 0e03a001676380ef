//! Old call records go, account by account and day by day, with their recordings and what queues wrote of their calls.

use std::time::Duration;

use ::store::Error;
use domain::{TenantId, Timestamp};
use tokio::time::{Instant, sleep};

use crate::{Pbx, store as rows};

/// Between two looks for what is too old.
const PAUSE: Duration = Duration::from_secs(3_600);
/// Before the first look: a start has other things to do.
const AFTER_START: Duration = Duration::from_secs(60);
/// Records that go at a time: the writer is theirs for a few milliseconds.
const BATCH: i64 = 200;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Deletes what is older than its account wants, until the program ends.
pub(crate) async fn keep(pbx: Pbx) {
    sleep(AFTER_START).await;
    loop {
        if let Err(error) = forget(&pbx).await {
            tracing::warn!(%error, "old call records could not be deleted");
        }
        sleep(PAUSE).await;
    }
}

/// Deletes every account's records that are too old; returns how many there were.
pub(crate) async fn forget(pbx: &Pbx) -> Result<u64, Error> {
    let accounts = {
        let mut tx = pbx.db.read_any_tenant().await?;
        rows::accounts::any_tenant_keep_days(&mut tx).await?
    };
    let (today, mut gone, mut kept_by_all) = (pbx.db.now().day(), 0, Some(i64::MAX));
    for (tenant, keep_days) in accounts {
        kept_by_all = kept_by_all.zip(keep_days).map(|(least, days)| least.min(today - days));
        if let Some(days) = keep_days {
            gone += forget_of(pbx, tenant, Timestamp((today - days) * DAY)).await?;
        }
    }
    // What no account has any rows in is dropped as a whole.
    if let Some(first_kept) = kept_by_all.filter(|day| *day < today) {
        ::store::drop_partitions(&pbx.db, "cdr", Timestamp(first_kept * DAY)).await?;
        ::store::drop_partitions(&pbx.db, "queue_call", Timestamp(first_kept * DAY)).await?;
    }
    Ok(gone)
}

/// Deletes an account's records that began before a day, in batches that leave the writer free for as long as they
/// held it.
async fn forget_of(pbx: &Pbx, tenant: TenantId, before: Timestamp) -> Result<u64, Error> {
    let mut gone = 0;
    loop {
        let oldest = {
            let mut tx = pbx.db.read(tenant).await?;
            rows::cdr::oldest(&mut tx, tenant, before, BATCH).await?
        };
        let Some((last, full)) = oldest.last().map(|row| (row.0, oldest.len())) else { break };
        // The sound goes first: a record whose file is gone is looked for again, a file without a record never.
        for path in oldest.iter().filter_map(|(_, _, path)| path.as_deref()) {
            unlink(pbx, path).await;
        }
        let start = Instant::now();
        let mut tx = pbx.db.begin(tenant).await?;
        gone += rows::cdr::forget(&mut tx, tenant, before, BATCH).await?;
        tx.commit().await?;
        tracing::debug!(tenant.id = %tenant, day = last, "old call records deleted");
        if i64::try_from(full).unwrap_or(BATCH) < BATCH {
            break;
        }
        sleep(start.elapsed()).await;
    }
    forget_steps(pbx, tenant, before).await?;
    let mut tx = pbx.db.begin(tenant).await?;
    rows::cdr_hours::forget(&mut tx, tenant, before).await?;
    tx.commit().await?;
    if gone > 0 {
        tracing::info!(tenant.id = %tenant, records = gone, "call records past their time were deleted");
    }
    Ok(gone)
}

/// Deletes what an account's queues wrote before a day, in the same way.
async fn forget_steps(pbx: &Pbx, tenant: TenantId, before: Timestamp) -> Result<(), Error> {
    loop {
        let start = Instant::now();
        let mut tx = pbx.db.begin(tenant).await?;
        let gone = rows::queue_calls::forget(&mut tx, tenant, before, BATCH).await?;
        tx.commit().await?;
        if gone < BATCH.unsigned_abs() {
            return Ok(());
        }
        sleep(start.elapsed()).await;
    }
}

async fn unlink(pbx: &Pbx, path: &str) {
    let file = pbx.config.recordings_dir.join(path);
    match tokio::fs::remove_file(&file).await {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, file = %file.display(), "a recording past its time could not be deleted"),
    }
}
