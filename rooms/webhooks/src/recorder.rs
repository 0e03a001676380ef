//! Writes results down in batches: one transaction for as many as there are.
//!
//! A result that a crash loses means one more delivery with the same id, never a loss.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use domain::{Principal, TenantId, Timestamp, ids::WebhookId};
use store::{Db, Tx};
use tokio::sync::mpsc;

use crate::{
    client::{Exchange, retry_after},
    driver::Input,
    inbox::Inbox,
    item::{Finished, Outcome},
    kind::Kind,
    model::DeliveryStatus,
    notice::{Notice, Notices},
    pulse::{Beat, Pulse},
    store::{
        history::{self, Attempt, Record},
        queue,
        webhooks::{self, Count},
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
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) results: mpsc::Receiver<Finished>,
    pub(crate) retry_scale: f64,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) notices: Notices,
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
        let counts = plan.counted();
        let mut tx = self.db.begin_any_tenant().await?;
        for records in plan.rounds {
            history::any_tenant_write_attempts(&mut tx, &records).await?;
            history::any_tenant_write(&mut tx, records).await?;
        }
        queue::any_tenant_delete(&mut tx, self.db.node(), &plan.done).await?;
        queue::any_tenant_release(&mut tx, self.db.node(), &plan.released).await?;
        for (webhook, tenant, failures) in webhooks::any_tenant_count_failures(&mut tx, &counts).await? {
            if failures >= SUSPEND_AFTER {
                let reason = format!("{failures} events in a row could not be delivered");
                self.suspend(&mut tx, tenant, webhook, failures, reason).await?;
            }
        }
        tx.commit().await?;
        for (result, count) in plan.counts {
            metrics::counter!("webhooks_attempts_total", "result" => result).increment(count);
        }
        self.pulse.add(plan.beats);
        Ok(())
    }

    async fn suspend(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        webhook: WebhookId,
        failures: i64,
        reason: String,
    ) -> Result<(), store::Error> {
        let Some(name) = webhooks::any_tenant_suspend(tx, webhook, &reason).await? else { return Ok(()) };
        let target = format!("webhook:{webhook}");
        let detail = serde_json::json!({ "failed_in_row": failures, "reason": reason });
        store::audit(tx, &Principal::system(tenant), "webhook.suspend", &target, detail).await?;
        let (targets, inbox, notices) = (Arc::clone(&self.targets), Arc::clone(&self.inbox), self.notices.clone());
        let at = tx.now();
        tx.after_commit(move || {
            tracing::warn!(webhook.id = %webhook, tenant.id = %tenant, reason, "a webhook was suspended");
            metrics::counter!("webhooks_suspended_total").increment(1);
            targets.forget(webhook);
            // Without it each waiting delivery finds the webhook inactive by itself.
            inbox.send(Input::Drain(webhook));
            notices.tell(Notice::Suspended { tenant, webhook, name, reason, at });
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
    beats: HashMap<WebhookId, Beat>,
    counts: HashMap<&'static str, u64>,
}

/// What a batch says about a webhook's failures in a row.
#[derive(Clone, Copy, Default)]
struct Tally {
    succeeded: bool,
    /// Dead letters since the last success, if there was one.
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
            Outcome::Expired => {
                self.done.push(key);
                *self.counts.entry("expired").or_default() += 1;
                self.record(record(finished, None, DeliveryStatus::Expired, None));
                return;
            }
        };
        let attempt = item.attempt + 1;
        let next = next_attempt(item.kind, exchange, attempt, now, retry_scale);
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
        self.tally(finished, exchange, status);
        metrics::histogram!("webhooks_attempt_seconds").record(exchange.duration.as_secs_f64());
        self.record(record(finished, Some(exchange), status, next));
    }

    fn tally(&mut self, finished: &Finished, exchange: &Exchange, status: DeliveryStatus) {
        let item = &finished.item;
        let beat = self.beats.entry(item.webhook).or_insert_with(|| Beat::none(item.tenant));
        match exchange.result {
            Ok(()) => {
                beat.delivered += 1;
                beat.success_at = beat.success_at.max(Some(finished.at));
            }
            Err(_) => {
                beat.failed += 1;
                beat.failure_at = beat.failure_at.max(Some(finished.at));
            }
        }
        beat.dead += i64::from(status == DeliveryStatus::Deadletter);
        if !item.kind.suspends() {
            return;
        }
        let tally = self.tallies.entry(item.webhook).or_default();
        match status {
            DeliveryStatus::Delivered => *tally = Tally { succeeded: true, dead: 0 },
            DeliveryStatus::Deadletter => tally.dead += 1,
            _ => {}
        }
    }

    /// Returns what there is to count, in one order for every node: rows are locked in it.
    fn counted(&self) -> Vec<Count> {
        let told = self.tallies.iter().filter(|(_, tally)| tally.succeeded || tally.dead > 0);
        let mut counts: Vec<_> = told
            .map(|(webhook, tally)| Count { webhook: *webhook, succeeded: tally.succeeded, dead: tally.dead })
            .collect();
        counts.sort_unstable_by_key(|count| count.webhook);
        counts
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

fn record(finished: &Finished, exchange: Option<&Exchange>, status: DeliveryStatus, next: Option<Timestamp>) -> Record {
    let item = &finished.item;
    Record {
        day: item.day,
        id: item.delivery(),
        tenant: item.tenant,
        webhook: item.webhook,
        event_id: item.event_id,
        event: item.event.to_string(),
        status,
        created_at: item.created_at,
        attempt: exchange.map(|exchange| Attempt {
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
fn next_attempt(kind: Kind, exchange: &Exchange, attempt: u32, now: Timestamp, retry_scale: f64) -> Option<Timestamp> {
    exchange.result.err()?;
    let asked = exchange.retry_after.as_deref().and_then(|text| retry_after(text, now));
    Some(now.after(kind.wait_before(attempt, asked, rand::random(), retry_scale)?))
}
