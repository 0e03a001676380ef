//! How deliveries are found: in the order of time, by key, by call.

use domain::{CallId, TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, many_returning, sql};
use uuid::Uuid;

use crate::{
    model::{Attempt, Delivery, DeliveryStatus, Failure, Filter},
    sign::delivery_id,
};

#[derive(FromRow)]
struct Row {
    id: Uuid,
    tenant_id: TenantId,
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
    call_uuid: Option<CallId>,
    day: i64,
}

#[derive(FromRow)]
struct AttemptRow {
    at: Timestamp,
    duration_ms: i64,
    response_status: Option<i64>,
    response_body: Option<String>,
    error: Option<Failure>,
}

// Macros, so that the statements cannot differ in their columns.
macro_rules! of_history {
    ($($rest:literal),+) => {
        sql(concat!(
            "select d.id, d.tenant_id, d.webhook_id, d.event_id, d.event, d.status, d.attempts, d.created_at, \
             d.attempted_at, d.next_attempt_at, d.duration_ms, d.response_status, d.response_body, d.error, \
             e.body as payload, e.call_uuid, d.day ",
            $($rest),+
        ))
    };
}
macro_rules! of_queue {
    ($($rest:literal),+) => {
        sql(concat!(
            "select q.event_id as id, q.tenant_id, q.webhook_id, q.event_id, e.name as event, 'pending' as status, \
             q.attempt as attempts, q.created_at, cast(null as bigint) as attempted_at, \
             q.due_at as next_attempt_at, cast(null as bigint) as duration_ms, \
             cast(null as bigint) as response_status, cast(null as text) as response_body, \
             cast(null as text) as error, e.body as payload, e.call_uuid, q.day ",
            $($rest),+
        ))
    };
}

/// Returns a webhook's deliveries that were attempted or skipped, newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    filter: &Filter,
) -> Result<Vec<Delivery>, Error> {
    let (time, id) = filter.before.unwrap_or((Timestamp::from_millis(i64::MAX), Uuid::max()));
    let query = match filter.status {
        // The index of what was not delivered is small.
        Some(status) if status != DeliveryStatus::Delivered => of_history!(
            "from delivery d left join event e on e.day = d.day and e.id = d.event_id \
             where d.tenant_id = $1 and d.webhook_id = $2 and d.status = $3 and d.status <> 'delivered' \
             and d.created_at <= $4 and (d.created_at < $4 or d.id < $5) and d.created_at >= $6 \
             and d.created_at < $7 and ($8 = '' or d.event = $8) and ($9 = '' or e.body like $9 escape '!') \
             order by d.created_at desc, d.id desc limit $10"
        ),
        _ => of_history!(
            "from delivery d left join event e on e.day = d.day and e.id = d.event_id \
             where d.tenant_id = $1 and d.webhook_id = $2 and ($3 = '' or d.status = $3) \
             and d.created_at <= $4 and (d.created_at < $4 or d.id < $5) and d.created_at >= $6 \
             and d.created_at < $7 and ($8 = '' or d.event = $8) and ($9 = '' or e.body like $9 escape '!') \
             order by d.created_at desc, d.id desc limit $10"
        ),
    };
    let rows = query
        .bind(tenant)
        .bind(webhook)
        .bind(filter.status.map_or("", DeliveryStatus::as_str))
        .bind(time)
        .bind(id)
        .bind(filter.from.unwrap_or(Timestamp::from_millis(i64::MIN)))
        .bind(filter.to.unwrap_or(Timestamp::from_millis(i64::MAX)))
        .bind(filter.event.as_deref().unwrap_or_default())
        .bind(pattern(filter.text.as_deref()))
        .bind(filter.limit.clamp(1, 200))
        .all::<Row>(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.into_found().delivery).collect())
}

/// Returns a webhook's deliveries that are queued and were not attempted in this round, newest first.
pub(crate) async fn list_pending(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    filter: &Filter,
) -> Result<Vec<Delivery>, Error> {
    let (time, _) = filter.before.unwrap_or((Timestamp::from_millis(i64::MAX), Uuid::max()));
    let rows = of_queue!(
        "from delivery_queue q join event e on e.day = q.day and e.id = q.event_id \
         where q.tenant_id = $1 and q.webhook_id = $2 and q.attempt = 0 and q.created_at < $3 and q.created_at >= $4 \
         and q.created_at < $5 and ($6 = '' or e.name = $6) and ($7 = '' or e.body like $7 escape '!') \
         order by q.created_at desc, q.event_id desc limit $8"
    )
    .bind(tenant)
    .bind(webhook)
    .bind(time)
    .bind(filter.from.unwrap_or(Timestamp::from_millis(i64::MIN)))
    .bind(filter.to.unwrap_or(Timestamp::from_millis(i64::MAX)))
    .bind(filter.event.as_deref().unwrap_or_default())
    .bind(pattern(filter.text.as_deref()))
    .bind(filter.limit.clamp(1, 200))
    .all::<Row>(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_pending().delivery).collect())
}

/// A delivery with what only its details show.
pub(crate) struct Found {
    pub(crate) delivery: Delivery,
    pub(crate) call: Option<CallId>,
    pub(crate) day: i64,
}

/// Returns the deliveries of these keys, (day, id) each, as far as they were attempted or skipped.
pub(crate) async fn by_keys(tx: &mut Tx, tenant: TenantId, keys: &[(i64, Uuid)]) -> Result<Vec<Found>, Error> {
    let rows = keys.iter().map(|(day, id)| vec![Value::from(*day), Value::from(*id), tenant.into()]).collect();
    let rows = many_returning::<Row>(
        tx,
        "select d.id, d.tenant_id, d.webhook_id, d.event_id, d.event, d.status, d.attempts, d.created_at, \
         d.attempted_at, d.next_attempt_at, d.duration_ms, d.response_status, d.response_body, d.error, \
         e.body as payload, e.call_uuid, d.day \
         from (values",
        ") as v join delivery d on d.day = v.column1 and d.id = v.column2 and d.tenant_id = v.column3 \
         left join event e on e.day = d.day and e.id = d.event_id",
        rows,
    )
    .await?;
    Ok(rows.into_iter().map(Row::into_found).collect())
}

/// Returns the deliveries of these events and webhooks that are queued and were not attempted in this round.
pub(crate) async fn pending_by_keys(
    tx: &mut Tx,
    tenant: TenantId,
    keys: &[(Uuid, WebhookId)],
) -> Result<Vec<Found>, Error> {
    let rows = keys.iter().map(|(event, hook)| vec![Value::from(*event), Value::from(*hook), tenant.into()]).collect();
    let rows = many_returning::<Row>(
        tx,
        "select q.event_id as id, q.tenant_id, q.webhook_id, q.event_id, e.name as event, 'pending' as status, \
         q.attempt as attempts, q.created_at, cast(null as bigint) as attempted_at, \
         q.due_at as next_attempt_at, cast(null as bigint) as duration_ms, \
         cast(null as bigint) as response_status, cast(null as text) as response_body, \
         cast(null as text) as error, e.body as payload, e.call_uuid, q.day \
         from (values",
        ") as v join delivery_queue q on q.event_id = v.column1 and q.webhook_id = v.column2 \
         and q.tenant_id = v.column3 and q.attempt = 0 join event e on e.day = q.day and e.id = q.event_id",
        rows,
    )
    .await?;
    Ok(rows.into_iter().map(Row::into_pending).collect())
}

/// Returns a delivery that is queued and was not attempted in this round. Its id begins as its event's does.
pub(crate) async fn pending_by_id(tx: &mut Tx, tenant: TenantId, id: Uuid) -> Result<Option<Found>, Error> {
    let text = id.to_string();
    let Some(prefix) = text.get(..19) else { return Ok(None) };
    let rows = of_queue!(
        "from delivery_queue q join event e on e.day = q.day and e.id = q.event_id \
         where q.event_id >= $1 and q.event_id < $2 and q.tenant_id = $3 and q.attempt = 0 limit 1000"
    )
    .bind(prefix)
    .bind(format!("{prefix}~"))
    .bind(tenant)
    .all::<Row>(tx)
    .await?;
    Ok(rows.into_iter().map(Row::into_pending).find(|found| found.delivery.id == id))
}

/// Returns (day, id) of the events of a call, the latest first.
pub(crate) async fn events_of_call(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<Vec<(i64, Uuid)>, Error> {
    sql("select day, id from event where call_uuid = $1 and tenant_id = $2 order by day desc, id desc limit 200")
        .bind(call)
        .bind(tenant)
        .all::<(i64, Uuid)>(tx)
        .await
}

/// Returns the attempts of a delivery that are kept apart from it, oldest first.
pub(crate) async fn attempts(tx: &mut Tx, tenant: TenantId, day: i64, id: Uuid) -> Result<Vec<Attempt>, Error> {
    let rows = sql("select at, duration_ms, response_status, response_body, error from delivery_attempt \
                    where day = $1 and id = $2 and tenant_id = $3 order by at limit 1000")
    .bind(day)
    .bind(id)
    .bind(tenant)
    .all::<AttemptRow>(tx)
    .await?;
    Ok(rows.into_iter().map(AttemptRow::into_attempt).collect())
}

/// Returns the pattern of `like` for a text that is looked for as it is; empty for none.
fn pattern(text: Option<&str>) -> String {
    match text.map(str::trim) {
        None | Some("") => String::new(),
        Some(text) => ::store::containing(text),
    }
}

impl Row {
    fn into_pending(mut self) -> Found {
        self.id = delivery_id(self.event_id, self.webhook_id);
        self.into_found()
    }

    fn into_found(self) -> Found {
        let delivery = Delivery {
            id: self.id,
            tenant: self.tenant_id,
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
        };
        Found { delivery, call: self.call_uuid, day: self.day }
    }
}

impl AttemptRow {
    fn into_attempt(self) -> Attempt {
        Attempt {
            at: self.at,
            duration_ms: self.duration_ms,
            response_status: self.response_status,
            response_body: self.response_body,
            error: self.error,
        }
    }
}
