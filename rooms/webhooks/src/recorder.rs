//! Writes results down in batches: one transaction for as many as there are.
//!
//! A result that a crash loses means one more delivery with the same id, never a loss.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use domain::{Principal, TenantId, Timestamp, ids::WebhookId, retry};
use store::{Db, Tx};
use tokio::sync::mpsc;

use crate::{
    client::{Exchange, retry_after},
    driver::Input,
    item::{Finished, Outcome},
    model::{DeliveryStatus, Status},
    store::{
        history::{self, Attempt, Record},
        queue, webhooks,
    },
    target::Targets,
};

/// Results in one transaction at most.
const BATCH: usize = 512;
/// How long a small batch waits for company.
const GATHER: Duration = Duration::from_millis(10);
/// Dead letters in a row that suspend a webhook.
pub(crate) const SUSPEND_AFTER: i64 = 50;

pub(crate) struct Recorder {
    pub(crate) db: Db,
    pub(crate) targets: Arc<Targets>,
    pub(crate) driver: mpsc::WeakSender<Input>,
    pub(crate) results: mpsc::Receiver<Finished>,
    pub(crate) retry_scale: f64,
}

impl Recorder {
    /// Runs until every sender is gone and all results are written.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.results.recv_many(&mut batch, BATCH).await > 0 {
            if batch.len() < BATCH / 8 {
                tokio::time::sleep(GATHER).await;
                while batch.len() < BATCH
                    && let Ok(finished) = self.results.try_recv()
                {
                    batch.push(finished);
                }
            }
            let mut wait = Duration::from_millis(100);
            while let Err(error) = self.write(&batch).await {
                tracing::warn!(%error, results = batch.len(), "results could not be written and are kept");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(2));
            }
            // Frees the seats.
            batch.clear();
        }
    }

    async fn write(&self, batch: &[Finished]) -> Result<(), store::Error> {
        let now = self.db.now();
        let mut plan = Plan::default();
        for finished in batch {
            plan.add(finished, now, self.retry_scale);
        }
        let mut tx = self.db.begin_any_tenant().await?;
        for records in plan.rounds {
            history::any_tenant_write(&mut tx, records).await?;
        }
        queue::any_tenant_delete(&mut tx, self.db.node(), &plan.done).await?;
        queue::any_tenant_release(&mut tx, self.db.node(), &plan.released).await?;
        for (webhook, tally) in plan.tallies {
            self.count(&mut tx, webhook, &tally).await?;
        }
        tx.commit().await?;
        for (result, count) in plan.counts {
            metrics::counter!("webhooks_attempts_total", "result" => result).increment(count);
        }
        Ok(())
    }

    /// Counts dead letters in a row and suspends at the limit.
    async fn count(&self, tx: &mut Tx, webhook: WebhookId, tally: &Tally) -> Result<(), store::Error> {
        let counted = webhooks::any_tenant_count_failures(tx, webhook, tally.succeeded, tally.dead).await?;
        let Some((tenant, failures)) = counted.filter(|(_, failures)| *failures >= SUSPEND_AFTER) else {
            return Ok(());
        };
        self.suspend(tx, tenant, webhook, failures).await
    }

    async fn suspend(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        webhook: WebhookId,
        failures: i64,
    ) -> Result<(), store::Error> {
        let reason = format!("{failures} events in a row could not be delivered");
        webhooks::set_status(tx, tenant, webhook, Status::Suspended, Some(&reason)).await?;
        let target = format!("webhook:{webhook}");
        let detail = serde_json::json!({ "failed_in_row": failures });
        store::audit(tx, &Principal::system(tenant), "webhook.suspend", &target, detail).await?;
        let (targets, driver) = (Arc::clone(&self.targets), self.driver.clone());
        tx.after_commit(move || {
            tracing::warn!(webhook.id = %webhook, tenant.id = %tenant, failures, "a webhook was suspended");
            metrics::counter!("webhooks_suspended_total").increment(1);
            targets.forget(webhook);
            // Without it each waiting delivery finds the webhook inactive by itself.
            if let Some(driver) = driver.upgrade() {
                driver.try_send(Input::Drain(webhook)).ok();
            }
        });
        Ok(())
    }
}

/// What a batch changes.
#[derive(Default)]
struct Plan {
    /// Records, so many lists that none names a delivery twice.
    rounds: Vec<Vec<Record>>,
    seen: Vec<HashSet<uuid::Uuid>>,
    done: Vec<queue::Key>,
    released: Vec<(queue::Key, i64, Timestamp)>,
    tallies: HashMap<WebhookId, Tally>,
    counts: HashMap<&'static str, u64>,
}

/// A webhook's results of a batch, in their order.
#[derive(Default)]
struct Tally {
    /// A success came before the dead letters that are counted.
    succeeded: bool,
    dead: i64,
}

impl Plan {
    fn add(&mut self, finished: &Finished, now: Timestamp, retry_scale: f64) {
        let item = &finished.item;
        let key = (item.event_id, item.webhook);
        let exchange = match &finished.outcome {
            Outcome::Attempted(exchange) => exchange,
            Outcome::Returned => {
                self.released.push((key, item.attempt.into(), item.due_at));
                return;
            }
            Outcome::Dropped => {
                self.done.push(key);
                return;
            }
        };
        let attempt = item.attempt + 1;
        let next = next_attempt(exchange, attempt, now, retry_scale);
        let (status, counted) = match (exchange.result, next) {
            (Ok(()), _) => (DeliveryStatus::Delivered, "delivered"),
            (Err(failure), Some(_)) => (DeliveryStatus::Failed, failure.as_str()),
            (Err(_), None) => (DeliveryStatus::Deadletter, "deadletter"),
        };
        *self.counts.entry(counted).or_default() += 1;
        match next {
            Some(due) => self.released.push((key, attempt.into(), due)),
            None => self.done.push(key),
        }
        let tally = self.tallies.entry(item.webhook).or_default();
        match status {
            DeliveryStatus::Delivered => *tally = Tally { succeeded: true, dead: 0 },
            DeliveryStatus::Deadletter => tally.dead += 1,
            _ => {}
        }
        self.record(record(finished, exchange, status, next));
    }

    fn record(&mut self, record: Record) {
        let round = self.seen.iter_mut().position(|seen| seen.insert(record.id)).unwrap_or_else(|| {
            self.seen.push(HashSet::from([record.id]));
            self.rounds.push(Vec::new());
            self.rounds.len() - 1
        });
        if let Some(records) = self.rounds.get_mut(round) {
            records.push(record);
        }
    }
}

fn record(finished: &Finished, exchange: &Exchange, status: DeliveryStatus, next: Option<Timestamp>) -> Record {
    let item = &finished.item;
    metrics::histogram!("webhooks_attempt_seconds").record(exchange.duration.as_secs_f64());
    Record {
        day: item.day,
        id: item.delivery(),
        tenant: item.tenant,
        webhook: item.webhook,
        event_id: item.event_id,
        event: item.event.to_string(),
        status,
        created_at: item.created_at,
        attempt: Some(Attempt {
            at: finished.at,
            duration_ms: i64::try_from(exchange.duration.as_millis()).unwrap_or(i64::MAX),
            response_status: exchange.status,
            response_body: String::from_utf8_lossy(&exchange.body).into_owned(),
            error: exchange.result.err(),
        }),
        next_attempt_at: next,
    }
}

/// Returns when the next attempt is due; `None` after success and after the last one.
fn next_attempt(exchange: &Exchange, attempt: u32, now: Timestamp, retry_scale: f64) -> Option<Timestamp> {
    exchange.result.err()?;
    let scheduled = retry::wait_before(attempt, None, rand::random())?.mul_f64(retry_scale);
    let asked = exchange.retry_after.as_deref().and_then(|text| retry_after(text, now)).unwrap_or_default();
    Some(now.after(scheduled.max(asked.min(retry::RETRY_AFTER_LIMIT))))
}
