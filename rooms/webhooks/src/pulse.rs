//! How endpoints do: counted in memory, written down every few seconds, shown as metrics.
//!
//! A crash loses the figures of the last seconds, never a delivery.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{TenantId, Timestamp, ids::WebhookId};
use store::{Db, Error};
use tokio::time::sleep;

use crate::{room::Room, store::figures};

/// How often the figures are written.
const WRITE: Duration = Duration::from_secs(10);

pub(crate) struct Pulse {
    db: Db,
    room: Arc<Room>,
    beats: Mutex<HashMap<WebhookId, Beat>>,
    /// Webhooks whose failure rate is shown.
    shown: Mutex<HashSet<WebhookId>>,
}

/// What happened at a webhook since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) tenant: TenantId,
    pub(crate) delivered: i64,
    pub(crate) failed: i64,
    pub(crate) dead: i64,
    pub(crate) success_at: Option<Timestamp>,
    pub(crate) failure_at: Option<Timestamp>,
}

impl Beat {
    pub(crate) const fn none(tenant: TenantId) -> Self {
        Self { tenant, delivered: 0, failed: 0, dead: 0, success_at: None, failure_at: None }
    }

    fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.dead += other.dead;
        self.success_at = self.success_at.max(other.success_at);
        self.failure_at = self.failure_at.max(other.failure_at);
    }
}

impl Pulse {
    pub(crate) fn new(db: Db, room: Arc<Room>) -> Self {
        Self { db, room, beats: Mutex::default(), shown: Mutex::default() }
    }

    pub(crate) fn add(&self, beats: impl IntoIterator<Item = (WebhookId, Beat)>) {
        let mut all = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        for (webhook, beat) in beats {
            all.entry(webhook).or_insert_with(|| Beat::none(beat.tenant)).add(&beat);
        }
    }

    /// Writes figures and shows them, for ever.
    pub(crate) async fn run(&self) {
        loop {
            sleep(WRITE).await;
            let done = async {
                self.write().await?;
                self.show().await
            };
            if let Err(error) = done.await {
                tracing::warn!(%error, "the figures of webhooks were not written");
            }
        }
    }

    /// Writes what was counted since the last time; what cannot be written is kept.
    pub(crate) async fn write(&self) -> Result<(), Error> {
        let beats = std::mem::take(&mut *self.beats.lock().unwrap_or_else(PoisonError::into_inner));
        if beats.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<_> = beats.into_iter().collect();
        // One order for every node: rows are locked in it.
        sorted.sort_unstable_by_key(|(webhook, _)| *webhook);
        let written = self.write_all(&sorted).await;
        if written.is_err() {
            self.add(sorted);
        }
        written
    }

    async fn write_all(&self, beats: &[(WebhookId, Beat)]) -> Result<(), Error> {
        let mut tx = self.db.begin_any_tenant().await?;
        figures::any_tenant_add(&mut tx, beats).await?;
        figures::any_tenant_touch(&mut tx, beats).await?;
        tx.commit().await
    }

    async fn show(&self) -> Result<(), Error> {
        let mut tx = self.db.read_any_tenant().await?;
        let rates = figures::any_tenant_last_hour(&mut tx).await?;
        drop(tx);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut silent = std::mem::take(&mut *shown);
        for rate in rates {
            silent.remove(&rate.webhook_id);
            shown.insert(rate.webhook_id);
            metrics::gauge!("webhooks_failure_rate", "webhook" => rate.webhook_id.to_string())
                .set(rate.failure_rate().unwrap_or(0.0));
        }
        for webhook in silent {
            metrics::gauge!("webhooks_failure_rate", "webhook" => webhook.to_string()).set(0.0);
        }
        metrics::gauge!("webhooks_in_memory").set(self.room.held() as f64);
        Ok(())
    }
}
