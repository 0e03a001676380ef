//! Replays of time ranges.

use domain::{TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, sql};
use uuid::Uuid;

use crate::model::{DeliveryStatus, Replay, ReplayId, ReplayState};

/// Replays of an account that are shown.
const LIST_LIMIT: i64 = 100;

#[derive(FromRow)]
struct Row {
    id: i64,
    webhook_id: WebhookId,
    from_at: Timestamp,
    to_at: Timestamp,
    statuses: String,
    state: ReplayState,
    total: Option<i64>,
    queued: i64,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A replay that is gone on with, locked until the transaction ends.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Running {
    pub(crate) tenant_id: TenantId,
    pub(crate) webhook_id: WebhookId,
    pub(crate) from_at: Timestamp,
    pub(crate) to_at: Timestamp,
    pub(crate) statuses: String,
    pub(crate) total: Option<i64>,
    pub(crate) cursor_at: Timestamp,
    pub(crate) cursor_id: String,
}

pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    (from, to): (Timestamp, Timestamp),
    statuses: &[DeliveryStatus],
    created_by: &str,
) -> Result<ReplayId, Error> {
    let (id,) = sql("insert into webhook_replay (tenant_id, webhook_id, from_at, to_at, statuses, state, cursor_at, \
                     created_by, created_at, updated_at) values ($1, $2, $3, $4, $5, 'running', $3, $6, $7, $7) \
                     returning id")
    .bind(tenant)
    .bind(webhook)
    .bind(from)
    .bind(to)
    .bind(join(statuses))
    .bind(created_by)
    .bind(tx.now())
    .one::<(i64,)>(tx)
    .await?;
    Ok(ReplayId(id))
}

/// Returns the account's replays, newest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Replay>, Error> {
    let rows = sql("select id, webhook_id, from_at, to_at, statuses, state, total, queued, created_by, created_at, \
                    updated_at from webhook_replay where tenant_id = $1 order by id desc limit $2")
    .bind(tenant)
    .bind(LIST_LIMIT)
    .all::<Row>(tx)
    .await?;
    Ok(rows.into_iter().map(Row::into_replay).collect())
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: ReplayId) -> Result<Option<Replay>, Error> {
    let row = sql("select id, webhook_id, from_at, to_at, statuses, state, total, queued, created_by, created_at, \
                   updated_at from webhook_replay where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id.0)
    .first::<Row>(tx)
    .await?;
    Ok(row.map(Row::into_replay))
}

/// Returns how many replays of a webhook are running.
pub(crate) async fn count_running(tx: &mut Tx, tenant: TenantId, webhook: WebhookId) -> Result<i64, Error> {
    let (count,) = sql("select count(*) from webhook_replay where tenant_id = $1 and webhook_id = $2 \
                        and state = 'running'")
    .bind(tenant)
    .bind(webhook)
    .one::<(i64,)>(tx)
    .await?;
    Ok(count)
}

/// Ends a replay that is running. Returns its webhook and how many deliveries it had queued.
pub(crate) async fn cancel(tx: &mut Tx, tenant: TenantId, id: ReplayId) -> Result<Option<(WebhookId, i64)>, Error> {
    sql("update webhook_replay set state = 'cancelled', updated_at = $1 where tenant_id = $2 and id = $3 \
         and state = 'running' returning webhook_id, queued")
    .bind(tx.now())
    .bind(tenant)
    .bind(id.0)
    .first::<(WebhookId, i64)>(tx)
    .await
}

/// Ends the replays of a webhook that is deleted.
pub(crate) async fn cancel_all(tx: &mut Tx, tenant: TenantId, webhook: WebhookId) -> Result<u64, Error> {
    sql("update webhook_replay set state = 'cancelled', updated_at = $1 where tenant_id = $2 and webhook_id = $3 \
         and state = 'running'")
    .bind(tx.now())
    .bind(tenant)
    .bind(webhook)
    .run(tx)
    .await
}

/// Returns the replays that go on: their webhook is active.
pub(crate) async fn any_tenant_running(tx: &mut Tx) -> Result<Vec<(i64,)>, Error> {
    sql("select r.id from webhook_replay r join webhook w on w.id = r.webhook_id and w.status = 'active' \
         where r.state = 'running' order by r.id")
    .all::<(i64,)>(tx)
    .await
}

/// Returns a replay that is running, as it is now.
pub(crate) async fn any_tenant_peek(tx: &mut Tx, id: i64) -> Result<Option<Running>, Error> {
    sql("select tenant_id, webhook_id, from_at, to_at, statuses, total, cursor_at, cursor_id from webhook_replay \
         where id = $1 and state = 'running'")
    .bind(id)
    .first::<Running>(tx)
    .await
}

/// Locks a replay for one step; `None` if it is over, as when it was cancelled in between.
pub(crate) async fn any_tenant_lock(tx: &mut Tx, id: i64) -> Result<Option<Running>, Error> {
    sql("update webhook_replay set updated_at = $1 where id = $2 and state = 'running' returning tenant_id, \
         webhook_id, from_at, to_at, statuses, total, cursor_at, cursor_id")
    .bind(tx.now())
    .bind(id)
    .first::<Running>(tx)
    .await
}

/// Notes how far a replay is.
pub(crate) async fn any_tenant_advance(
    tx: &mut Tx,
    id: i64,
    queued: i64,
    (cursor_at, cursor_id): (Timestamp, Uuid),
) -> Result<u64, Error> {
    sql("update webhook_replay set queued = queued + $1, cursor_at = $2, cursor_id = $3 where id = $4")
        .bind(queued)
        .bind(cursor_at)
        .bind(cursor_id.to_string())
        .bind(id)
        .run(tx)
        .await
}

pub(crate) async fn any_tenant_set_total(tx: &mut Tx, id: i64, total: i64) -> Result<u64, Error> {
    sql("update webhook_replay set total = $1 where id = $2 and total is null").bind(total).bind(id).run(tx).await
}

pub(crate) async fn any_tenant_done(tx: &mut Tx, id: i64) -> Result<u64, Error> {
    sql("update webhook_replay set state = 'done', total = queued where id = $1").bind(id).run(tx).await
}

/// Returns whether a webhook has as many as `limit` due deliveries that nobody has taken yet.
pub(crate) async fn any_tenant_is_crowded(tx: &mut Tx, webhook: WebhookId, limit: i64) -> Result<bool, Error> {
    let now = tx.now();
    let (waiting,) = sql("select count(*) from (select 1 from delivery_queue where webhook_id = $1 \
                          and lease_node is null and due_at <= $2 limit $3) as waiting")
    .bind(webhook)
    .bind(now)
    .bind(limit)
    .one::<(i64,)>(tx)
    .await?;
    Ok(waiting >= limit)
}

/// Deletes what is over and older than `before`.
pub(crate) async fn any_tenant_forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    sql("delete from webhook_replay where state <> 'running' and updated_at < $1").bind(before).run(tx).await
}

impl Row {
    fn into_replay(self) -> Replay {
        Replay {
            id: ReplayId(self.id),
            webhook: self.webhook_id,
            from: self.from_at,
            to: self.to_at,
            statuses: split(&self.statuses),
            state: self.state,
            total: self.total,
            queued: self.queued,
            created_by: self.created_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

fn join(statuses: &[DeliveryStatus]) -> String {
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(",")
}

pub(crate) fn split(statuses: &str) -> Vec<DeliveryStatus> {
    statuses.split(',').filter_map(DeliveryStatus::parse).collect()
}
