//! What became of every delivery.

use domain::{TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, insert_many, sql};
use uuid::Uuid;

use crate::model::{Delivery, DeliveryStatus, Failure, Filter};

/// One attempt, or the absence of one, to be written down.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) day: i64,
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    pub(crate) webhook: WebhookId,
    pub(crate) event_id: Uuid,
    pub(crate) event: String,
    pub(crate) status: DeliveryStatus,
    pub(crate) created_at: Timestamp,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) next_attempt_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    pub(crate) duration_ms: i64,
    pub(crate) response_status: Option<u16>,
    pub(crate) response_body: String,
    pub(crate) error: Option<Failure>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    webhook_id: WebhookId,
    event_id: Uuid,
    event: String,
    status: DeliveryStatus,
    attempts: i64,
    created_at: Timestamp,
    attempted_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
    duration_ms: Option<i64>,
    response_status: Option<i64>,
    response_body: Option<String>,
    error: Option<Failure>,
    payload: Option<String>,
}

/// Where a delivery's event is.
#[derive(FromRow)]
pub(crate) struct Place {
    pub(crate) day: i64,
    pub(crate) webhook_id: WebhookId,
    pub(crate) event_id: Uuid,
    pub(crate) status: DeliveryStatus,
}

/// Writes records; no two may be of the same delivery. An attempt adds to the count of attempts.
pub(crate) async fn any_tenant_write(tx: &mut Tx, records: Vec<Record>) -> Result<u64, Error> {
    let rows = records.into_iter().map(Record::into_values).collect();
    insert_many(
        tx,
        "insert into delivery (day, id, tenant_id, webhook_id, event_id, event, status, attempts, created_at, \
         attempted_at, next_attempt_at, duration_ms, response_status, response_body, error) values",
        "on conflict (day, id) do update set status = excluded.status, \
         attempts = delivery.attempts + excluded.attempts, attempted_at = excluded.attempted_at, \
         next_attempt_at = excluded.next_attempt_at, duration_ms = excluded.duration_ms, \
         response_status = excluded.response_status, response_body = excluded.response_body, error = excluded.error",
        rows,
    )
    .await
}

impl Record {
    fn into_values(self) -> Vec<Value> {
        let attempt = self.attempt;
        vec![
            self.day.into(),
            self.id.into(),
            self.tenant.into(),
            self.webhook.into(),
            self.event_id.into(),
            self.event.into(),
            self.status.into(),
            i64::from(attempt.is_some()).into(),
            self.created_at.into(),
            attempt.as_ref().map(|attempt| attempt.at).into(),
            self.next_attempt_at.into(),
            attempt.as_ref().map(|attempt| attempt.duration_ms).into(),
            attempt.as_ref().and_then(|attempt| attempt.response_status.map(i64::from)).into(),
            attempt.as_ref().map(|attempt| attempt.response_body.clone()).into(),
            attempt.and_then(|attempt| attempt.error).into(),
        ]
    }
}

/// Returns a webhook's deliveries that were attempted or skipped, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    filter: &Filter,
) -> Result<Vec<Delivery>, Error> {
    let (time, id) = filter.before.unwrap_or((Timestamp::from_millis(i64::MAX), Uuid::max()));
    let rows = sql("select d.id, d.webhook_id, d.event_id, d.event, d.status, d.attempts, d.created_at, \
                    d.attempted_at, d.next_attempt_at, d.duration_ms, d.response_status, d.response_body, d.error, \
                    e.body as payload from delivery d left join event e on e.day = d.day and e.id = d.event_id \
                    where d.tenant_id = $1 and d.webhook_id = $2 and ($3 = '' or d.status = $3) \
                    and d.created_at <= $4 and (d.created_at < $4 or d.id < $5) \
                    order by d.created_at desc, d.id desc limit $6")
    .bind(tenant)
    .bind(webhook)
    .bind(filter.status.map_or("", DeliveryStatus::as_str))
    .bind(time)
    .bind(id)
    .bind(filter.limit.clamp(1, 200))
    .all::<Row>(tx)
    .await?;
    Ok(rows.into_iter().map(Row::into_delivery).collect())
}

/// Returns a webhook's deliveries that are queued and were not attempted in this round, newest first.
pub(crate) async fn list_pending(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    filter: &Filter,
) -> Result<Vec<Delivery>, Error> {
    let (time, _) = filter.before.unwrap_or((Timestamp::from_millis(i64::MAX), Uuid::max()));
    let rows = sql("select q.event_id as id, q.webhook_id, q.event_id, e.name as event, 'pending' as status, \
                    q.attempt as attempts, q.created_at, cast(null as bigint) as attempted_at, \
                    q.due_at as next_attempt_at, cast(null as bigint) as duration_ms, \
                    cast(null as bigint) as response_status, cast(null as text) as response_body, \
                    cast(null as text) as error, e.body as payload from delivery_queue q \
                    join event e on e.day = q.day and e.id = q.event_id \
                    where q.tenant_id = $1 and q.webhook_id = $2 and q.attempt = 0 and q.created_at < $3 \
                    order by q.created_at desc, q.event_id desc limit $4")
    .bind(tenant)
    .bind(webhook)
    .bind(time)
    .bind(filter.limit.clamp(1, 200))
    .all::<Row>(tx)
    .await?;
    let with_id = |mut row: Row| {
        row.id = crate::sign::delivery_id(row.event_id, row.webhook_id);
        row.into_delivery()
    };
    Ok(rows.into_iter().map(with_id).collect())
}

/// Returns where a delivery's event is. Days are looked through from `from_day` on.
pub(crate) async fn place(tx: &mut Tx, tenant: TenantId, id: Uuid, from_day: i64) -> Result<Option<Place>, Error> {
    sql("select day, webhook_id, event_id, status from delivery where tenant_id = $1 and id = $2 and day >= $3 \
         order by day desc limit 1")
    .bind(tenant)
    .bind(id)
    .bind(from_day)
    .first::<Place>(tx)
    .await
}

/// Returns the dead letters and skipped deliveries of a webhook within a time range, oldest first.
pub(crate) async fn undelivered(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Place>, Error> {
    sql("select day, webhook_id, event_id, status from delivery where tenant_id = $1 and webhook_id = $2 \
         and status in ('deadletter', 'skipped') and created_at >= $3 and created_at < $4 \
         order by created_at, id limit $5")
    .bind(tenant)
    .bind(webhook)
    .bind(from)
    .bind(to)
    .bind(limit)
    .all::<Place>(tx)
    .await
}

/// Marks a delivery as one that will be attempted again.
pub(crate) async fn reopen(
    tx: &mut Tx,
    tenant: TenantId,
    day: i64,
    event: Uuid,
    webhook: WebhookId,
) -> Result<u64, Error> {
    sql("update delivery set status = 'failed', next_attempt_at = $1 \
         where tenant_id = $2 and day = $3 and id = $4")
    .bind(tx.now())
    .bind(tenant)
    .bind(day)
    .bind(crate::sign::delivery_id(event, webhook))
    .run(tx)
    .await
}

/// Deletes at most `limit` deliveries of days before `before`.
pub(crate) async fn any_tenant_forget_deliveries(tx: &mut Tx, before: i64, limit: i64) -> Result<u64, Error> {
    sql("delete from delivery where (day, id) in (select day, id from delivery where day < $1 limit $2)")
        .bind(before)
        .bind(limit)
        .run(tx)
        .await
}

/// Deletes at most `limit` events of days before `before`.
pub(crate) async fn any_tenant_forget_events(tx: &mut Tx, before: i64, limit: i64) -> Result<u64, Error> {
    sql("delete from event where (day, id) in (select day, id from event where day < $1 limit $2)")
        .bind(before)
        .bind(limit)
        .run(tx)
        .await
}

impl Row {
    fn into_delivery(self) -> Delivery {
        Delivery {
            id: self.id,
            webhook: self.webhook_id,
            event_id: self.event_id,
            event: self.event,
            status: self.status,
            attempts: self.attempts,
            created_at: self.created_at,
            attempted_at: self.attempted_at,
            next_attempt_at: self.next_attempt_at,
            duration_ms: self.duration_ms,
            response_status: self.response_status,
            response_body: self.response_body,
            error: self.error,
            payload: self.payload,
        }
    }
}
