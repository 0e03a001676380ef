//! What is still to be delivered, and which node has it.

use domain::{CallId, Event, TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, many, many_returning, sql, sql_for};
use uuid::Uuid;

/// A row that was queued just now.
#[derive(FromRow)]
pub(crate) struct Queued {
    pub(crate) event_id: Uuid,
    pub(crate) webhook_id: WebhookId,
    pub(crate) version: i64,
    pub(crate) held: bool,
}

/// A row that was claimed.
#[derive(Clone, FromRow)]
pub(crate) struct Claimed {
    pub(crate) event_id: Uuid,
    pub(crate) webhook_id: WebhookId,
    pub(crate) day: i64,
    pub(crate) tenant_id: TenantId,
    pub(crate) version: i64,
    pub(crate) attempt: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

/// What a claimed row delivers.
#[derive(FromRow)]
pub(crate) struct Payload {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) call_uuid: Option<CallId>,
    pub(crate) body: String,
}

/// A row's key, with the node that must have it.
pub(crate) type Key = (Uuid, WebhookId);

/// Queues the events for every webhook that asked for them, leased to `node` if one is given.
/// The subscriptions are read by the same statement: a webhook that exists at the commit misses nothing.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    events: &[Event],
    node: Option<&str>,
) -> Result<Vec<Queued>, Error> {
    let now = tx.now();
    let rows = events
        .iter()
        .map(|event| {
            vec![
                Value::from(event.id),
                Value::from(event.name.as_str()),
                Value::from(event.at.day()),
                Value::from(now),
                Value::from(node),
                Value::from(tenant),
            ]
        })
        .collect();
    many_returning::<Queued>(
        tx,
        "insert into delivery_queue (event_id, webhook_id, day, tenant_id, version, held, attempt, due_at, \
         created_at, lease_node) select e.column1, w.id, e.column3, w.tenant_id, w.version, w.status <> 'active', 0, \
         e.column4, e.column4, e.column5 from (values",
        ") as e join webhook_event s on s.tenant_id = e.column6 and s.event = e.column2 \
         join webhook w on w.id = s.webhook_id returning event_id, webhook_id, version, held",
        rows,
    )
    .await
}

/// Queues one delivery anew: a replay or a test. It is for whoever claims it first.
pub(crate) async fn insert_one(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    event: Uuid,
    day: i64,
) -> Result<u64, Error> {
    let now = tx.now();
    sql(
        "insert into delivery_queue (event_id, webhook_id, day, tenant_id, version, held, attempt, due_at, created_at) \
         select $1, w.id, $2, w.tenant_id, w.version, false, 0, $3, $3 from webhook w \
         where w.tenant_id = $4 and w.id = $5 \
         on conflict (event_id, webhook_id) do update set due_at = excluded.due_at, attempt = 0 \
         where delivery_queue.lease_node is null",
    )
    .bind(event)
    .bind(day)
    .bind(now)
    .bind(tenant)
    .bind(webhook)
    .run(tx)
    .await
}

/// Deletes what a webhook still had to deliver.
pub(crate) async fn delete_webhook(tx: &mut Tx, tenant: TenantId, webhook: WebhookId) -> Result<u64, Error> {
    sql("delete from delivery_queue where tenant_id = $1 and webhook_id = $2").bind(tenant).bind(webhook).run(tx).await
}

/// Returns the active webhooks that have due rows which nobody has, and since when.
pub(crate) async fn any_tenant_due(tx: &mut Tx) -> Result<Vec<(WebhookId, Timestamp)>, Error> {
    let now = tx.now();
    sql("select w.id, d.due_at from (select id, (select min(q.due_at) from delivery_queue q \
         where q.webhook_id = webhook.id and q.lease_node is null) as due_at from webhook where status = 'active') d \
         join webhook w on w.id = d.id where d.due_at <= $1")
    .bind(now)
    .all::<(WebhookId, Timestamp)>(tx)
    .await
}

/// Claims a webhook's due rows for `node`, oldest first.
pub(crate) async fn any_tenant_claim(
    tx: &mut Tx,
    node: &str,
    webhook: WebhookId,
    limit: i64,
) -> Result<Vec<Claimed>, Error> {
    let now = tx.now();
    let mut rows = sql_for(
        "update delivery_queue set lease_node = $1 where (event_id, webhook_id) in (select event_id, webhook_id \
         from delivery_queue where webhook_id = $2 and lease_node is null and due_at <= $3 \
         order by due_at, event_id limit $4) \
         returning event_id, webhook_id, day, tenant_id, version, attempt, due_at, created_at",
        "update delivery_queue set lease_node = $1 where (event_id, webhook_id) in (select event_id, webhook_id \
         from delivery_queue where webhook_id = $2 and lease_node is null and due_at <= $3 \
         order by due_at, event_id limit $4 for update skip locked) \
         returning event_id, webhook_id, day, tenant_id, version, attempt, due_at, created_at",
    )
    .bind(node)
    .bind(webhook)
    .bind(now)
    .bind(limit)
    .all::<Claimed>(tx)
    .await?;
    // `returning` promises no order.
    rows.sort_by_key(|row| (row.due_at, row.event_id));
    Ok(rows)
}

pub(crate) async fn any_tenant_payloads(tx: &mut Tx, events: Vec<(i64, Uuid)>) -> Result<Vec<Payload>, Error> {
    let rows = events.into_iter().map(|(day, id)| vec![Value::from(day), Value::from(id)]).collect();
    many_returning::<Payload>(
        tx,
        "select e.id, e.name, e.call_uuid, e.body from event e where (e.day, e.id) in (values",
        ")",
        rows,
    )
    .await
}

/// Deletes rows that have their final result, if `node` still has them.
pub(crate) async fn any_tenant_delete(tx: &mut Tx, node: &str, keys: &[Key]) -> Result<u64, Error> {
    let rows = keys.iter().map(|(event, webhook)| vec![Value::from(*event), Value::from(*webhook), Value::from(node)]);
    many(tx, "delete from delivery_queue where (event_id, webhook_id, lease_node) in (values", ")", rows.collect())
        .await
}

/// Deletes rows that nobody may deliver, whoever has them.
pub(crate) async fn delete_held(tx: &mut Tx, tenant: TenantId, keys: &[Key]) -> Result<u64, Error> {
    let rows =
        keys.iter().map(|(event, webhook)| vec![Value::from(*event), Value::from(*webhook), Value::from(tenant)]);
    many(tx, "delete from delivery_queue where (event_id, webhook_id, tenant_id) in (values", ")", rows.collect()).await
}

/// Gives rows back for another time; `attempt` is how many were made.
pub(crate) async fn any_tenant_release(tx: &mut Tx, node: &str, rows: &[(Key, i64, Timestamp)]) -> Result<u64, Error> {
    let rows = rows.iter().map(|((event, webhook), attempt, due)| {
        vec![Value::from(*event), Value::from(*webhook), Value::from(*attempt), Value::from(*due), Value::from(node)]
    });
    many(
        tx,
        "update delivery_queue set lease_node = null, attempt = v.column3, due_at = v.column4 from (values",
        ") as v where delivery_queue.event_id = v.column1 and delivery_queue.webhook_id = v.column2 \
         and delivery_queue.lease_node = v.column5",
        rows.collect(),
    )
    .await
}

/// Says that `node` lives until `until`.
pub(crate) async fn any_tenant_beat(tx: &mut Tx, node: &str, until: Timestamp) -> Result<u64, Error> {
    sql("insert into delivery_node (node, lease_until) values ($1, $2) \
         on conflict (node) do update set lease_until = excluded.lease_until")
    .bind(node)
    .bind(until)
    .run(tx)
    .await
}

/// Returns the nodes whose lease ran out before `before`, but not `node` itself.
pub(crate) async fn any_tenant_dead_nodes(tx: &mut Tx, node: &str, before: Timestamp) -> Result<Vec<(String,)>, Error> {
    sql("select node from delivery_node where node <> $1 and lease_until <= $2")
        .bind(node)
        .bind(before)
        .all::<(String,)>(tx)
        .await
}

/// Frees every row of a node. Scans the queue: for nodes that are gone.
pub(crate) async fn any_tenant_free_node(tx: &mut Tx, node: &str) -> Result<u64, Error> {
    sql("update delivery_queue set lease_node = null where lease_node = $1").bind(node).run(tx).await
}

pub(crate) async fn any_tenant_forget_node(tx: &mut Tx, node: &str) -> Result<u64, Error> {
    sql("delete from delivery_node where node = $1").bind(node).run(tx).await
}
