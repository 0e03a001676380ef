//! Goes on with replays of time ranges, in steps that are each one transaction: what is queued again and how far that
//! is are written together, so a crash neither forgets nor repeats.

use std::{sync::Arc, time::Duration};

use store::{Db, Error};
use tokio::{sync::Notify, time::sleep};

use crate::{
    model::DeliveryStatus,
    room::Room,
    store::{
        history::{self, Place},
        queue,
        replays::{self, Running},
    },
};

/// How often replays are looked at when nothing wakes us.
const POLL: Duration = Duration::from_secs(1);
/// Deliveries of one step.
const STEP: i64 = if cfg!(test) { 16 } else { 256 };
/// A webhook with as many due deliveries in the database gets no more for now.
const CROWD: i64 = 512;
/// A pause between steps, so that others come to write.
const BREATH: Duration = Duration::from_millis(5);

pub(crate) struct Replayer {
    pub(crate) db: Db,
    pub(crate) room: Arc<Room>,
    pub(crate) wake: Arc<Notify>,
}

impl Replayer {
    /// Goes on with replays, for ever.
    pub(crate) async fn run(&self) {
        loop {
            match self.step_all().await {
                Ok(true) => sleep(BREATH).await,
                other => {
                    if let Err(error) = other {
                        tracing::warn!(%error, "a replay could not be gone on with");
                    }
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = sleep(POLL) => {}
                    }
                }
            }
        }
    }

    /// Takes one step of every replay. Returns whether there is more to do at once.
    async fn step_all(&self) -> Result<bool, Error> {
        let mut tx = self.db.read_any_tenant().await?;
        let running = replays::any_tenant_running(&mut tx).await?;
        drop(tx);
        let mut more = false;
        for (id,) in running {
            more |= self.step(id).await?;
        }
        Ok(more)
    }

    async fn step(&self, id: i64) -> Result<bool, Error> {
        // Looked up outside of the transaction that writes: a long look must stall nobody.
        let mut tx = self.db.read_any_tenant().await?;
        let Some(replay) = replays::any_tenant_peek(&mut tx, id).await? else { return Ok(false) };
        if replays::any_tenant_is_crowded(&mut tx, replay.webhook_id, CROWD).await? {
            return Ok(false);
        }
        let places = find(&mut tx, &replay).await?;
        drop(tx);
        if replay.total.is_none() {
            self.count(id, &replay).await;
        }
        let mut tx = self.db.begin_any_tenant().await?;
        // Another node may have taken this step, or somebody cancelled.
        match replays::any_tenant_lock(&mut tx, id).await? {
            Some(now) if (now.cursor_at, &now.cursor_id) == (replay.cursor_at, &replay.cursor_id) => {}
            _ => return Ok(true),
        }
        let Some(last) = places.last() else {
            replays::any_tenant_done(&mut tx, id).await?;
            tx.commit().await?;
            return Ok(false);
        };
        let events: Vec<_> = places.iter().map(|place| (place.event_id, place.day)).collect();
        let keys: Vec<_> = places.iter().map(|place| (place.day, place.id)).collect();
        queue::requeue(&mut tx, replay.tenant_id, replay.webhook_id, &events).await?;
        history::reopen(&mut tx, replay.tenant_id, &keys).await?;
        let count = i64::try_from(places.len()).unwrap_or(STEP);
        replays::any_tenant_advance(&mut tx, id, count, (last.created_at, last.id)).await?;
        let room = Arc::clone(&self.room);
        // No spill: what happens now need not wait behind what happened long ago.
        tx.after_commit(move || room.unleased.notify_one());
        tx.commit().await?;
        Ok(true)
    }

    /// Counts what the replay is about. That may take too long, and nothing depends on it.
    async fn count(&self, id: i64, replay: &Running) {
        let counted = async {
            let mut tx = self.db.read_any_tenant().await?;
            let range = (replay.cursor_at, replay.to_at);
            let total = history::any_tenant_count(&mut tx, replay.webhook_id, range, &wanted(replay)).await?;
            drop(tx);
            let mut tx = self.db.begin_any_tenant().await?;
            replays::any_tenant_set_total(&mut tx, id, total).await?;
            tx.commit().await
        };
        if let Err(error) = counted.await {
            tracing::debug!(%error, replay = id, "how many deliveries a replay is about is not known");
        }
    }
}

async fn find(tx: &mut store::Tx, replay: &Running) -> Result<Vec<Place>, Error> {
    let (range, cursor) = ((replay.from_at, replay.to_at), (replay.cursor_at, replay.cursor_id.as_str()));
    let statuses = wanted(replay);
    if replays::split(&replay.statuses).contains(&DeliveryStatus::Delivered) {
        history::any_tenant_finished(tx, replay.webhook_id, range, cursor, &statuses, STEP).await
    } else {
        history::any_tenant_undelivered(tx, replay.webhook_id, range, cursor, &statuses, STEP).await
    }
}

/// The statuses with a comma before and after each.
fn wanted(replay: &Running) -> String {
    format!(",{},", replay.statuses)
}
