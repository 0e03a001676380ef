//! Brings back into memory what nobody has: due retries, replays, what did not fit, what a dead node left.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use domain::Timestamp;
use store::{Db, Engine, Error};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    driver::Input,
    inbox::Inbox,
    item::Item,
    room::Room,
    store::{
        figures, history,
        queue::{self, Claimed, Due, Payload},
        replays,
    },
    target::Targets,
};

/// How often the queue is looked at when nothing wakes us.
const POLL: Duration = Duration::from_millis(250);
/// How long places in memory are waited for when there are due rows and few places.
const SOON: Duration = Duration::from_millis(5);
/// How long a node's deliveries stay its own without a sign of life.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// How often a node gives its sign of life.
const BEAT: Duration = Duration::from_secs(4);
/// After how many signs of life it is looked for rows of nodes that nobody knows: a look at the whole queue.
const ORPHANS: u64 = 15;
/// How often old history is looked for.
const CLEAN: Duration = Duration::from_secs(3600);
/// Days that deliveries and their payloads are kept.
pub(crate) const KEEP_DAYS: i64 = 30;
/// Rows deleted in one transaction.
const FORGET_BATCH: i64 = 250;
/// A row due for longer is reported: a live process proves nothing.
const STALE: Duration = Duration::from_secs(60);

pub(crate) struct Claimer {
    pub(crate) db: Db,
    pub(crate) room: Arc<Room>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) inbox: Arc<Inbox>,
    /// When a growing queue was last reported, in milliseconds.
    pub(crate) reported: AtomicI64,
    pub(crate) turn: AtomicUsize,
}

/// Whether more may be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum More {
    Later,
    Soon,
    Now,
}

impl Claimer {
    /// Takes over what former runs left, before anything new comes in. Retries until the database answers.
    pub(crate) async fn start(&self) {
        loop {
            match self.take_over(self.db.engine() == Engine::Sqlite, true).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, "the delivery queue could not be taken over yet"),
            }
            sleep(POLL).await;
        }
        while !matches!(self.claim_due().await, Ok(More::Later)) && self.room.held() < crate::room::TOTAL / 2 {}
        self.room.open();
        self.room.unleased.notify_one();
    }

    /// Claims what is due, for ever.
    pub(crate) async fn run(&self) {
        loop {
            let wait = match self.claim_due().await {
                Ok(More::Now) => continue,
                Ok(More::Soon) => SOON,
                Ok(More::Later) => POLL,
                Err(error) => {
                    tracing::warn!(%error, "due deliveries could not be claimed");
                    POLL
                }
            };
            tokio::select! {
                () = self.room.unleased.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Gives signs of life and takes over from nodes that give none, for ever.
    pub(crate) async fn beat(&self) {
        // SQLite has one node, which looked at the start.
        let several = self.db.engine() == Engine::Postgres;
        for beat in 1_u64.. {
            sleep(BEAT).await;
            if let Err(error) = self.take_over(false, several && beat.is_multiple_of(ORPHANS)).await {
                tracing::warn!(%error, "the sign of life could not be written");
            }
            self.targets.tidy();
        }
    }

    /// Deletes history past its time, for ever.
    pub(crate) async fn clean(&self) {
        loop {
            if let Err(error) = self.forget().await {
                tracing::warn!(%error, "old deliveries could not be deleted");
            }
            sleep(CLEAN).await;
        }
    }

    /// Gives everything back when this node stops in order.
    pub(crate) async fn leave(&self) -> Result<(), Error> {
        let mut tx = self.db.begin_any_tenant().await?;
        queue::any_tenant_free_node(&mut tx, self.db.node()).await?;
        queue::any_tenant_forget_node(&mut tx, self.db.node()).await?;
        tx.commit().await
    }

    /// Deletes deliveries, attempts and events older than 30 days: whole partitions where there are some, otherwise in
    /// batches that leave the writer free for as long as they held it.
    pub(crate) async fn forget(&self) -> Result<(), Error> {
        let before = self.db.now().day() - KEEP_DAYS;
        let first = Timestamp::from_millis(before.saturating_mul(86_400_000));
        store::ensure_partitions(&self.db).await?;
        for table in ["delivery", "delivery_attempt", "event"] {
            store::drop_partitions(&self.db, table, first).await?;
        }
        let mut tx = self.db.begin_any_tenant().await?;
        figures::any_tenant_forget(&mut tx).await?;
        replays::any_tenant_forget(&mut tx, first).await?;
        tx.commit().await?;
        loop {
            let start = Instant::now();
            let mut tx = self.db.begin_any_tenant().await?;
            let deliveries = history::any_tenant_forget_deliveries(&mut tx, before, FORGET_BATCH).await?;
            let attempts = history::any_tenant_forget_attempts(&mut tx, before, FORGET_BATCH).await?;
            let events = history::any_tenant_forget_events(&mut tx, before, FORGET_BATCH).await?;
            tx.commit().await?;
            if deliveries.max(attempts).max(events) < FORGET_BATCH.unsigned_abs() {
                return Ok(());
            }
            sleep(start.elapsed()).await;
        }
    }

    async fn take_over(&self, alone: bool, orphans: bool) -> Result<(), Error> {
        let mut tx = self.db.begin_any_tenant().await?;
        let now = tx.now();
        let node = self.db.node();
        queue::any_tenant_beat(&mut tx, node, now.after(LEASE)).await?;
        // SQLite has one node: any other was a former run.
        let before = if alone { Timestamp::from_millis(i64::MAX) } else { now };
        for (dead,) in queue::any_tenant_dead_nodes(&mut tx, node, before).await? {
            let rows = queue::any_tenant_free_node(&mut tx, &dead).await?;
            queue::any_tenant_forget_node(&mut tx, &dead).await?;
            tracing::info!(node = dead, rows, "took over the deliveries of a node that is gone");
        }
        if orphans {
            // Written by a node in the moment when it left.
            queue::any_tenant_free_orphans(&mut tx).await?;
        }
        tx.commit().await
    }

    /// Claims a batch of every webhook that has due rows.
    async fn claim_due(&self) -> Result<More, Error> {
        let mut tx = self.db.read_any_tenant().await?;
        // What is spilled now is looked at after this point in time.
        let spilled = self.room.spilled();
        let tickets: Vec<_> = spilled.iter().map(|id| (*id, self.room.before_claim(*id).1)).collect();
        let mut due = queue::any_tenant_due(&mut tx).await?;
        let now = tx.now();
        drop(tx);
        self.watch(&due, now);
        for (id, ticket) in tickets {
            if !due.iter().any(|row| row.webhook_id == id) {
                self.room.drained(id, &ticket);
            }
        }
        let mut more = More::Later;
        // Somebody else is first each time: places in memory may be few.
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % due.len().max(1);
        due.rotate_left(first);
        for row in due {
            more = more.max(self.claim(&row).await?);
        }
        Ok(more)
    }

    /// Reports the age of what has been due longest, in the database and in memory: a live process proves nothing.
    fn watch(&self, due: &[Due], now: Timestamp) {
        let held = self.room.oldest();
        let waiting = due.iter().map(|row| (row.webhook_id, row.since)).chain(held);
        let oldest = waiting.min_by_key(|(_, since)| *since);
        let age = oldest.map(|(_, since)| now.since(since)).unwrap_or_default();
        metrics::gauge!("webhooks_oldest_due_seconds").set(age.as_secs_f64());
        let last = self.reported.load(Ordering::Relaxed);
        if age > STALE
            && now.since(Timestamp::from_millis(last)) > STALE
            && let Some((webhook, _)) = oldest
        {
            self.reported.store(now.millis(), Ordering::Relaxed);
            tracing::warn!(
                seconds = age.as_secs(),
                webhook.id = %webhook,
                in_database = due.len(),
                in_memory = self.room.held(),
                "deliveries are late"
            );
        }
    }

    async fn claim(&self, due: &Due) -> Result<More, Error> {
        let webhook = due.webhook_id;
        let (limit, ticket) = self.room.before_claim(webhook);
        if limit < self.room.worthwhile(webhook) {
            // Few places are free: a transaction for each of them would cost more than a moment's wait.
            return Ok(if limit == 0 { More::Later } else { More::Soon });
        }
        let mut tx = self.db.begin_any_tenant().await?;
        let rows = queue::any_tenant_claim(&mut tx, self.db.node(), webhook, i64::try_from(limit).unwrap_or(1)).await?;
        let events = rows.iter().map(|row| (row.day, row.event_id)).collect();
        let payloads: HashMap<Uuid, Payload> = queue::any_tenant_payloads(&mut tx, events)
            .await?
            .into_iter()
            .map(|payload| (payload.id, payload))
            .collect();
        let full = rows.len() == limit;
        let items: Vec<_> = rows.into_iter().map(|row| self.item(row, due, &payloads)).collect();
        tx.commit().await?;
        if !items.is_empty() && !self.inbox.send(Input::Items(items)) {
            return Ok(More::Later);
        }
        // Only now may newer events overtake nothing.
        if !full {
            self.room.drained(webhook, &ticket);
        }
        Ok(if full { More::Now } else { More::Later })
    }

    fn item(&self, row: Claimed, due: &Due, payloads: &HashMap<Uuid, Payload>) -> Item {
        let payload = payloads.get(&row.event_id);
        Item {
            event_id: row.event_id,
            webhook: row.webhook_id,
            tenant: row.tenant_id,
            kind: due.kind,
            day: row.day,
            version: row.version,
            attempt: u32::try_from(row.attempt).unwrap_or(u32::MAX - 1),
            replay: row.replay,
            due_at: row.due_at,
            created_at: row.created_at,
            call: payload.and_then(|payload| payload.call_uuid),
            event: Cow::Owned(payload.map_or_else(String::new, |payload| payload.name.clone())),
            body: payload.map(|payload| Bytes::from(payload.body.clone())),
            pace: due.pace.and_then(|pace| u32::try_from(pace).ok()),
            asked: None,
            spill: None,
            seat: Some(self.room.seat(row.webhook_id)),
        }
    }
}
