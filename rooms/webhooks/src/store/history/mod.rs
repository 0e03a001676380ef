//! What became of every delivery.

mod find;

use domain::{TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, insert_many, many, sql};
use uuid::Uuid;

pub(crate) use self::find::{attempts, by_keys, events_of_call, list, list_pending, pending_by_id, pending_by_keys};
use crate::model::{DeliveryStatus, Failure};

/// Deliveries in one statement: SQLite looks for the name of each value from the first on, so what many rows of many
/// columns save in statements they cost in looking.
const PIECE: usize = 32;

/// What became of a delivery, to be written down.
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

/// Where a delivery's event is.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct Place {
    pub(crate) day: i64,
    pub(crate) id: Uuid,
    pub(crate) event_id: Uuid,
    pub(crate) created_at: Timestamp,
}

/// Writes records; no two may be of the same delivery. An attempt adds to the count of attempts.
pub(crate) async fn any_tenant_write(tx: &mut Tx, records: Vec<Record>) -> Result<u64, Error> {
    let mut rows = records.into_iter().map(Record::into_values);
    let mut changed = 0;
    loop {
        let piece: Vec<_> = rows.by_ref().take(PIECE).collect();
        if piece.is_empty() {
            return Ok(changed);
        }
        changed += any_tenant_write_piece(tx, piece).await?;
    }
}

async fn any_tenant_write_piece(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<u64, Error> {
    insert_many(
        tx,
        "insert into delivery (day, id, tenant_id, webhook_id, event_id, event, status, attempts, created_at, \
         attempted_at, next_attempt_at, duration_ms, response_status, response_body, error) values",
        "on conflict (day, id) do update set status = excluded.status, \
         attempts = delivery.attempts + excluded.attempts, \
         attempted_at = coalesce(excluded.attempted_at, delivery.attempted_at), \
         next_attempt_at = excluded.next_attempt_at, \
         duration_ms = coalesce(excluded.duration_ms, delivery.duration_ms), \
         response_status = case when excluded.attempts = 0 then delivery.response_status \
         else excluded.response_status end, \
         response_body = case when excluded.attempts = 0 then delivery.response_body else excluded.response_body end, \
         error = case when excluded.attempts = 0 then delivery.error else excluded.error end",
        rows,
    )
    .await
}

/// Writes attempts that failed. A success is in the delivery's own row until the delivery is sent again.
pub(crate) async fn any_tenant_write_attempts(tx: &mut Tx, records: &[Record]) -> Result<u64, Error> {
    let rows = records.iter().filter_map(Record::attempt_values).collect();
    insert_many(
        tx,
        "insert into delivery_attempt (day, id, at, tenant_id, duration_ms, response_status, response_body, error) \
         values",
        "on conflict (day, id, at) do nothing",
        rows,
    )
    .await
}

impl Record {
    fn into_values(self) -> Vec<Value> {
        let (attempted, attempt) = (self.attempt.is_some(), self.attempt);
        let (at, duration_ms, status, body, error) = match attempt {
            Some(attempt) => (
                Some(attempt.at),
                Some(attempt.duration_ms),
                attempt.response_status.map(i64::from),
                Some(attempt.response_body),
                attempt.error,
            ),
            None => (None, None, None, None, None),
        };
        vec![
            self.day.into(),
            self.id.into(),
            self.tenant.into(),
            self.webhook.into(),
            self.event_id.into(),
            self.event.into(),
            self.status.into(),
            i64::from(attempted).into(),
            self.created_at.into(),
            at.into(),
            self.next_attempt_at.into(),
            duration_ms.into(),
            status.into(),
            body.into(),
            error.into(),
        ]
    }

    fn attempt_values(&self) -> Option<Vec<Value>> {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.error.is_some())?;
        Some(vec![
            self.day.into(),
            self.id.into(),
            attempt.at.into(),
            self.tenant.into(),
            attempt.duration_ms.into(),
            attempt.response_status.map(i64::from).into(),
            Value::from(&attempt.response_body),
            attempt.error.into(),
        ])
    }
}

/// Returns finished deliveries of a webhook within a time range that come after a place in it, oldest first, and only
/// those that were not delivered. `statuses` are names, each with a comma before and after it.
pub(crate) async fn any_tenant_undelivered(
    tx: &mut Tx,
    webhook: WebhookId,
    range: (Timestamp, Timestamp),
    cursor: (Timestamp, &str),
    statuses: &str,
    limit: i64,
) -> Result<Vec<Place>, Error> {
    sql("select day, id, event_id, created_at from delivery where webhook_id = $1 and status <> 'delivered' \
         and created_at >= $2 and created_at < $3 and created_at >= $4 and (created_at > $4 or id > $5) \
         and $6 like '%,' || status || ',%' order by created_at, id limit $7")
    .bind(webhook)
    .bind(range.0)
    .bind(range.1)
    .bind(cursor.0)
    .bind(cursor.1)
    .bind(statuses)
    .bind(limit)
    .all::<Place>(tx)
    .await
}

/// Like [`any_tenant_undelivered`], for those that were delivered too.
pub(crate) async fn any_tenant_finished(
    tx: &mut Tx,
    webhook: WebhookId,
    range: (Timestamp, Timestamp),
    cursor: (Timestamp, &str),
    statuses: &str,
    limit: i64,
) -> Result<Vec<Place>, Error> {
    sql("select day, id, event_id, created_at from delivery where webhook_id = $1 \
         and created_at >= $2 and created_at < $3 and created_at >= $4 and (created_at > $4 or id > $5) \
         and $6 like '%,' || status || ',%' order by created_at, id limit $7")
    .bind(webhook)
    .bind(range.0)
    .bind(range.1)
    .bind(cursor.0)
    .bind(cursor.1)
    .bind(statuses)
    .bind(limit)
    .all::<Place>(tx)
    .await
}

/// Counts what a replay is about.
pub(crate) async fn any_tenant_count(
    tx: &mut Tx,
    webhook: WebhookId,
    (from, to): (Timestamp, Timestamp),
    statuses: &str,
) -> Result<i64, Error> {
    let (count,) = sql("select count(*) from delivery where webhook_id = $1 and created_at >= $2 and created_at < $3 \
                        and $4 like '%,' || status || ',%'")
    .bind(webhook)
    .bind(from)
    .bind(to)
    .bind(statuses)
    .one::<(i64,)>(tx)
    .await?;
    Ok(count)
}

/// Marks deliveries, (day, id) each, as ones that will be attempted again; their last attempt is kept apart.
pub(crate) async fn reopen(tx: &mut Tx, tenant: TenantId, keys: &[(i64, Uuid)]) -> Result<u64, Error> {
    let rows: Vec<_> = keys.iter().map(|(day, id)| vec![Value::from(*day), Value::from(*id), tenant.into()]).collect();
    insert_many(
        tx,
        "insert into delivery_attempt (day, id, at, tenant_id, duration_ms, response_status, response_body, error) \
         select d.day, d.id, d.attempted_at, d.tenant_id, coalesce(d.duration_ms, 0), d.response_status, \
         d.response_body, d.error from (values",
        ") as v join delivery d on d.day = v.column1 and d.id = v.column2 and d.tenant_id = v.column3 \
         where d.attempted_at is not null on conflict (day, id, at) do nothing",
        rows,
    )
    .await?;
    let now = tx.now();
    let rows = keys
        .iter()
        .map(|(day, id)| vec![Value::from(*day), Value::from(*id), tenant.into(), Value::from(now)])
        .collect();
    many(
        tx,
        "update delivery set status = 'failed', next_attempt_at = v.column4 from (values",
        ") as v where delivery.day = v.column1 and delivery.id = v.column2 and delivery.tenant_id = v.column3",
        rows,
    )
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

/// Deletes at most `limit` attempts of days before `before`.
pub(crate) async fn any_tenant_forget_attempts(tx: &mut Tx, before: i64, limit: i64) -> Result<u64, Error> {
    sql("delete from delivery_attempt where (day, id, at) in (select day, id, at from delivery_attempt \
         where day < $1 limit $2)")
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
