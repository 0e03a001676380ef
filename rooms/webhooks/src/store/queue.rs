//! What is still to be delivered, and which node has it.

use domain::{CallId, TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, insert_many, many, many_returning, sql, sql_for};
use uuid::Uuid;

use crate::{kind::Kind, subscriber::Parcel};

/// A row to be queued.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) event_id: Uuid,
    pub(crate) webhook: WebhookId,
    pub(crate) day: i64,
    pub(crate) version: i64,
    /// The node that has it in memory already.
    pub(crate) leased: bool,
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
    pub(crate) replay: bool,
}

/// A webhook with due rows that nobody has.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Due {
    pub(crate) webhook_id: WebhookId,
    pub(crate) since: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) pace: Option<i64>,
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

/// Queues first attempts.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, node: &str, rows: &[Queued]) -> Result<u64, Error> {
    let now = tx.now();
    let rows = rows
        .iter()
        .map(|row| {
            vec![
                Value::from(row.event_id),
                Value::from(row.webhook),
                Value::from(row.day),
                Value::from(tenant),
                Value::from(row.version),
                Value::from(0_i64),
                Value::from(now),
                Value::from(now),
                Value::from(row.leased.then_some(node)),
            ]
        })
        .collect();
    insert_many(
        tx,
        "insert into delivery_queue (event_id, webhook_id, day, tenant_id, version, attempt, due_at, created_at, \
         lease_node) values",
        "",
        rows,
    )
    .await
}

/// Queues deliveries of a webhook anew, (event, day) each. They are for whoever claims them first; what somebody has
/// in memory is left alone.
pub(crate) async fn requeue(
    tx: &mut Tx,
    tenant: TenantId,
    webhook: WebhookId,
    events: &[(Uuid, i64)],
) -> Result<u64, Error> {
    let now = tx.now();
    let rows = events
        .iter()
        .map(|(event, day)| {
            vec![Value::from(*event), Value::from(*day), Value::from(webhook), Value::from(tenant), Value::from(now)]
        })
        .collect();
    insert_many(
        tx,
        "insert into delivery_queue (event_id, webhook_id, day, tenant_id, version, attempt, due_at, created_at, \
         replay) select v.column1, w.id, v.column2, w.tenant_id, w.version, 0, v.column5, v.column5, true from (values",
        ") as v join webhook w on w.id = v.column3 and w.tenant_id = v.column4 where true \
         on conflict (event_id, webhook_id) do update set due_at = excluded.due_at, attempt = 0, replay = true, \
         created_at = excluded.created_at where delivery_queue.lease_node is null",
        rows,
    )
    .await
}

/// Writes down something that is no event of the catalogue, where the events are.
pub(crate) async fn insert_parcel(tx: &mut Tx, tenant: TenantId, parcel: &Parcel) -> Result<u64, Error> {
    let now = tx.now();
    sql("insert into event (day, id, tenant_id, name, call_uuid, at, body) values ($1, $2, $3, $4, $5, $6, $7)")
        .bind(now.day())
        .bind(parcel.id)
        .bind(tenant)
        .bind(parcel.name)
        .bind(parcel.call)
        .bind(now)
        .bind(&parcel.body)
        .run(tx)
        .await
}

/// Deletes what a webhook still had to deliver.
pub(crate) async fn delete_webhook(tx: &mut Tx, tenant: TenantId, webhook: WebhookId) -> Result<u64, Error> {
    sql("delete from delivery_queue where tenant_id = $1 and webhook_id = $2").bind(tenant).bind(webhook).run(tx).await
}

/// Returns the active webhooks that have due rows which nobody has, and since when.
pub(crate) async fn any_tenant_due(tx: &mut Tx) -> Result<Vec<Due>, Error> {
    let now = tx.now();
    sql("select d.webhook_id, d.since, d.kind, d.pace from (select id as webhook_id, kind, pace, \
         (select min(q.due_at) from delivery_queue q where q.webhook_id = webhook.id and q.lease_node is null) \
         as since from webhook where status = 'active') d where d.since <= $1")
    .bind(now)
    .all::<Due>(tx)
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
         returning event_id, webhook_id, day, tenant_id, version, attempt, due_at, created_at, replay",
        "update delivery_queue set lease_node = $1 where (event_id, webhook_id) in (select event_id, webhook_id \
         from delivery_queue where webhook_id = $2 and lease_node is null and due_at <= $3 \
         order by due_at, event_id limit $4 for update skip locked) \
         returning event_id, webhook_id, day, tenant_id, version, attempt, due_at, created_at, replay",
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
        // A join: SQLite reads the whole table for a pair that is `in` a list of values.
        "select e.id, e.name, e.call_uuid, e.body from (values",
        ") as v join event e on e.day = v.column1 and e.id = v.column2",
        rows,
    )
    .await
}

/// Deletes rows that have their final result, if `node` still has them.
pub(crate) async fn any_tenant_delete(tx: &mut Tx, node: &str, keys: &[Key]) -> Result<u64, Error> {
    let rows = keys.iter().map(|(event, webhook)| vec![Value::from(*event), Value::from(*webhook), Value::from(node)]);
    many(
        tx,
        // A join within: SQLite reads the whole queue for keys that are `in` a list of values.
        "delete from delivery_queue where (event_id, webhook_id) in (select q.event_id, q.webhook_id from (values",
        ") as v join delivery_queue q on q.event_id = v.column1 and q.webhook_id = v.column2 \
         and q.lease_node = v.column3)",
        rows.collect(),
    )
    .await
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

/// Frees the rows of nodes that nobody knows. Scans the queue.
pub(crate) async fn any_tenant_free_orphans(tx: &mut Tx) -> Result<u64, Error> {
    sql("update delivery_queue set lease_node = null where lease_node is not null \
         and lease_node not in (select node from delivery_node)")
    .run(tx)
    .await
}

pub(crate) async fn any_tenant_forget_node(tx: &mut Tx, node: &str) -> Result<u64, Error> {
    sql("delete from delivery_node where node = $1").bind(node).run(tx).await
}
