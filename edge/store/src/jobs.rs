//! Durable work: committed with the fact that asks for it, run at least once, by whichever node claims it.
//!
//! A claim is a lease. A worker that dies loses it after [`LEASE`], or when its node starts again, and the job runs
//! again, so every handler must be idempotent. A worker that lost its lease cannot finish the job: the attempt number is the fence.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::{TenantId, Timestamp};
use futures_util::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Db, Error, FromRow, Tx, sql, sql_for};

/// How long a claimed job stays this worker's unless renewed.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often a running job's lease is renewed.
const RENEWAL: Duration = Duration::from_secs(10);
/// How often a worker looks for jobs of other nodes and for those that have become due.
const POLL: Duration = Duration::from_secs(1);
/// Attempts after which a job that panics or cannot be read is given up.
const MAX_CRASHES: i64 = 10;
/// Jobs of one kind claimed at once.
const BATCH: i64 = 16;

/// A claimed job.
#[derive(Clone, Debug, FromRow)]
pub struct Job {
    pub id: i64,
    pub tenant_id: TenantId,
    pub kind: String,
    pub payload: String,
    /// 1 at the first attempt.
    pub attempt: i64,
    pub run_at: Timestamp,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Finished; the job is deleted.
    Done,
    /// Try again at that time.
    RetryAt(Timestamp, String),
    /// Never again; the job is kept as failed with the reason.
    GiveUp(String),
}

/// Adds a job for the transaction's account. It exists if and only if the transaction commits.
pub async fn add(tx: &mut Tx, kind: &'static str, payload: &impl Serialize, run_at: Timestamp) -> Result<i64, Error> {
    let payload = serde_json::to_string(payload)?;
    let (id,) = sql("insert into job (tenant_id, kind, payload, run_at, created_at) values ($1, $2, $3, $4, $5) \
                     returning id")
    .bind(tx.tenant().unwrap_or(TenantId(0)))
    .bind(kind)
    .bind(payload)
    .bind(run_at)
    .bind(tx.now())
    .one::<(i64,)>(tx)
    .await?;
    let added = tx.job_added();
    tx.after_commit(move || added.notify_one());
    Ok(id)
}

/// Claims up to `limit` due jobs of a kind for this node, oldest first.
pub async fn claim(tx: &mut Tx, node: &str, kind: &str, limit: i64) -> Result<Vec<Job>, Error> {
    let now = tx.now();
    sql_for(
        "update job set lease_until = $1, lease_node = $2, attempt = attempt + 1 where id in (select id from job \
         where kind = $3 and state = 'ready' and run_at <= $4 and lease_until <= $4 order by run_at, id limit $5) \
         returning id, tenant_id, kind, payload, attempt, run_at",
        "update job set lease_until = $1, lease_node = $2, attempt = attempt + 1 where id in (select id from job \
         where kind = $3 and state = 'ready' and run_at <= $4 and lease_until <= $4 order by run_at, id limit $5 \
         for update skip locked) returning id, tenant_id, kind, payload, attempt, run_at",
    )
    .bind(now.after(LEASE))
    .bind(node)
    .bind(kind)
    .bind(now)
    .bind(limit)
    .all::<Job>(tx)
    .await
}

/// Frees what an earlier run of this very node was doing when it was cut off: nobody works on it any more.
async fn release(db: &Db) -> Result<(), Error> {
    let mut tx = db.begin_any_tenant().await?;
    let holders = sql("select distinct lease_node from job where state = 'ready' and lease_until > $1 \
                       and lease_node is not null")
    .bind(tx.now())
    .all::<(String,)>(&mut tx)
    .await?;
    for (holder,) in holders.iter().filter(|(holder,)| db.has_ended(holder)) {
        sql("update job set lease_until = 0, lease_node = null where lease_node = $1")
            .bind(holder)
            .run(&mut tx)
            .await?;
    }
    tx.commit().await
}

/// Finishes a job inside a transaction of its handler, so that its effect and its end are one.
/// Returns whether the job was still this worker's; if not, roll back.
pub async fn complete(tx: &mut Tx, job: &Job) -> Result<bool, Error> {
    let changed = sql("delete from job where id = $1 and attempt = $2").bind(job.id).bind(job.attempt).run(tx).await?;
    Ok(changed == 1)
}

/// Moves a job to a later time.
pub async fn retry_at(tx: &mut Tx, job: &Job, at: Timestamp, reason: &str) -> Result<bool, Error> {
    let changed = sql("update job set run_at = $1, lease_until = 0, lease_node = null, last_error = $2 \
                       where id = $3 and attempt = $4")
    .bind(at)
    .bind(reason)
    .bind(job.id)
    .bind(job.attempt)
    .run(tx)
    .await?;
    Ok(changed == 1)
}

/// Keeps a job as failed.
pub async fn give_up(tx: &mut Tx, job: &Job, reason: &str) -> Result<bool, Error> {
    let changed =
        sql("update job set state = 'failed', lease_until = 0, last_error = $1 where id = $2 and attempt = $3")
            .bind(reason)
            .bind(job.id)
            .bind(job.attempt)
            .run(tx)
            .await?;
    Ok(changed == 1)
}

/// Counts the jobs of a kind that the transaction's account has waiting.
pub async fn waiting(tx: &mut Tx, kind: &'static str) -> Result<i64, Error> {
    let (count,) = sql("select count(*) from job where kind = $1 and state = 'ready' and tenant_id = $2")
        .bind(kind)
        .bind(tx.tenant().unwrap_or(TenantId(0)))
        .one::<(i64,)>(tx)
        .await?;
    Ok(count)
}

type Handler = Arc<dyn Fn(Job) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Runs the jobs of the kinds it was told about.
pub struct Worker {
    db: Db,
    handlers: HashMap<&'static str, Handler>,
}

impl Worker {
    pub fn new(db: Db) -> Self {
        Self { db, handlers: HashMap::new() }
    }

    /// Registers the handler of a kind. A payload that is not a `P` is given up.
    #[must_use]
    pub fn on<P, F, Fut>(mut self, kind: &'static str, handler: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        F: Fn(Job, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let run = move |job: Job| -> BoxFuture<'static, Outcome> {
            match serde_json::from_str(&job.payload) {
                Ok(payload) => Box::pin(handler(job, payload)),
                Err(error) => Box::pin(std::future::ready(Outcome::GiveUp(format!("unreadable payload: {error}")))),
            }
        };
        self.handlers.insert(kind, Arc::new(run));
        self
    }

    /// Runs jobs until told to stop, then waits for those that are running.
    pub async fn run(&self, stop: CancellationToken) {
        let added = self.db.job_added();
        if let Err(error) = release(&self.db).await {
            tracing::warn!(%error, "the jobs of this node's earlier run wait for the end of their leases");
        }
        while !stop.is_cancelled() {
            match self.run_due().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(%error, "jobs could not be claimed"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = added.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Runs what is due now, one batch of each kind, and returns how many jobs that were.
    pub async fn run_due(&self) -> Result<usize, Error> {
        let mut claimed = Vec::new();
        for kind in self.handlers.keys() {
            let mut tx = self.db.read_any_tenant().await?;
            let now = tx.now();
            // A look before the leap: an idle worker must not keep the writer busy.
            let due =
                sql("select 1 from job where kind = $1 and state = 'ready' and run_at <= $2 and lease_until <= $2 \
                           limit 1")
                .bind(*kind)
                .bind(now)
                .first::<(i64,)>(&mut tx)
                .await?;
            drop(tx);
            if due.is_some() {
                let mut tx = self.db.begin_any_tenant().await?;
                claimed.extend(claim(&mut tx, self.db.node(), kind, BATCH).await?);
                tx.commit().await?;
            }
        }
        let count = claimed.len();
        let tracker = TaskTracker::new();
        for job in claimed {
            let Some(handler) = self.handlers.get(job.kind.as_str()).cloned() else { continue };
            let db = self.db.clone();
            tracker.spawn(async move { attempt(&db, job, handler).await });
        }
        tracker.close();
        tracker.wait().await;
        Ok(count)
    }
}

async fn attempt(db: &Db, job: Job, handler: Handler) {
    let tracker = TaskTracker::new();
    // A task of its own, so that a panic ends this attempt alone.
    let running = tracker.spawn(handler(job.clone()));
    tokio::pin!(running);
    let outcome = loop {
        tokio::select! {
            outcome = &mut running => break outcome,
            () = tokio::time::sleep(RENEWAL) => {
                if let Err(error) = renew(db, &job).await {
                    tracing::warn!(%error, job.kind, job.id, "the lease of a job could not be renewed");
                }
            }
        }
    };
    let outcome = outcome.unwrap_or_else(|error| match job.attempt {
        MAX_CRASHES.. => Outcome::GiveUp(error.to_string()),
        attempt => Outcome::RetryAt(db.now().after(Duration::from_secs(1 << attempt.clamp(0, 10))), error.to_string()),
    });
    if let Err(error) = finish(db, &job, &outcome).await {
        // The lease runs out and the job runs again: handlers are idempotent.
        tracing::warn!(%error, job.kind, job.id, "the outcome of a job could not be stored");
    }
}

async fn renew(db: &Db, job: &Job) -> Result<(), Error> {
    let mut tx = db.begin_any_tenant().await?;
    let until = tx.now().after(LEASE);
    sql("update job set lease_until = $1 where id = $2 and attempt = $3")
        .bind(until)
        .bind(job.id)
        .bind(job.attempt)
        .run(&mut tx)
        .await?;
    tx.commit().await
}

async fn finish(db: &Db, job: &Job, outcome: &Outcome) -> Result<(), Error> {
    let mut tx = db.begin_any_tenant().await?;
    match outcome {
        Outcome::Done => complete(&mut tx, job).await?,
        Outcome::RetryAt(at, reason) => retry_at(&mut tx, job, *at, reason).await?,
        Outcome::GiveUp(reason) => {
            tracing::error!(job.kind, job.id, reason, "a job was given up");
            give_up(&mut tx, job, reason).await?
        }
    };
    tx.commit().await
}
