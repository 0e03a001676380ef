//! Subscriptions.

use domain::{EventName, TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, insert_many, many_returning, sql};

use crate::{
    filter::EventFilter,
    kind::Kind,
    model::{Status, Webhook},
};

#[derive(FromRow)]
struct Row {
    id: WebhookId,
    kind: Kind,
    name: String,
    url: String,
    filter: Option<String>,
    pace: Option<i64>,
    authority: Option<String>,
    status: Status,
    reason: Option<String>,
    failed_in_row: i64,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What an attempt needs to know of its webhook.
#[derive(FromRow)]
pub(crate) struct Target {
    pub(crate) tenant_id: TenantId,
    pub(crate) url: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) authority: Option<String>,
    pub(crate) status: Status,
    pub(crate) version: i64,
}

/// A webhook that asked for an event, as far as its deliveries need to know it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Subscription {
    /// The event's name; empty for a webhook of another kind.
    pub(crate) event: String,
    pub(crate) webhook_id: WebhookId,
    pub(crate) version: i64,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) filter: Option<String>,
    pub(crate) pace: Option<i64>,
}

/// What can be chosen of a webhook, all at once.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) name: &'a str,
    pub(crate) url: &'a str,
    pub(crate) filter: &'a EventFilter,
    pub(crate) pace: Option<u32>,
    pub(crate) authority: Option<&'a str>,
}

/// Adds a webhook without its secret, which is sealed under the id that this returns.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, kind: Kind, fields: &Fields<'_>) -> Result<WebhookId, Error> {
    let (id,) = sql("insert into webhook (tenant_id, kind, name, url, filter, pace, authority, secret, created_at, \
                     updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) returning id")
    .bind(tenant)
    .bind(kind)
    .bind(fields.name)
    .bind(fields.url)
    .bind(fields.filter.stored())
    .bind(fields.pace.map(i64::from))
    .bind(fields.authority)
    .bind(Vec::<u8>::new())
    .bind(tx.now())
    .one::<(WebhookId,)>(tx)
    .await?;
    Ok(id)
}

/// Returns who asked for events of these names, in the order of their ids.
pub(crate) async fn subscriptions(
    tx: &mut Tx,
    tenant: TenantId,
    names: &[EventName],
) -> Result<Vec<Subscription>, Error> {
    let rows = names.iter().map(|name| vec![Value::from(name.as_str()), Value::from(tenant)]).collect();
    let mut found = many_returning::<Subscription>(
        tx,
        "select s.event, w.id as webhook_id, w.version, w.kind, w.status, w.filter, w.pace from (values",
        ") as e join webhook_event s on s.tenant_id = e.column2 and s.event = e.column1 \
         join webhook w on w.id = s.webhook_id",
        rows,
    )
    .await?;
    found.sort_by_key(|subscription| subscription.webhook_id);
    Ok(found)
}

/// Returns the account's webhooks of a kind.
pub(crate) async fn of_kind(tx: &mut Tx, tenant: TenantId, kind: Kind) -> Result<Vec<Subscription>, Error> {
    sql("select '' as event, id as webhook_id, version, kind, status, filter, pace from webhook \
         where tenant_id = $1 and kind = $2 order by id")
    .bind(tenant)
    .bind(kind)
    .all::<Subscription>(tx)
    .await
}

pub(crate) async fn set_secret(tx: &mut Tx, tenant: TenantId, id: WebhookId, sealed: Vec<u8>) -> Result<bool, Error> {
    let changed = sql("update webhook set secret = $1, version = version + 1, updated_at = $2 \
                       where tenant_id = $3 and id = $4")
    .bind(sealed)
    .bind(tx.now())
    .bind(tenant)
    .bind(id)
    .run(tx)
    .await?;
    Ok(changed == 1)
}

pub(crate) async fn set_target(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    fields: &Fields<'_>,
) -> Result<bool, Error> {
    let changed = sql("update webhook set name = $1, url = $2, filter = $3, pace = $4, authority = $5, \
                       version = version + 1, updated_at = $6 where tenant_id = $7 and id = $8")
    .bind(fields.name)
    .bind(fields.url)
    .bind(fields.filter.stored())
    .bind(fields.pace.map(i64::from))
    .bind(fields.authority)
    .bind(tx.now())
    .bind(tenant)
    .bind(id)
    .run(tx)
    .await?;
    Ok(changed == 1)
}

/// Sets the status; whoever resumes a webhook forgives its failures.
pub(crate) async fn set_status(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    status: Status,
    reason: Option<&str>,
) -> Result<bool, Error> {
    let changed = sql("update webhook set status = $1, reason = $2, version = version + 1, updated_at = $3, \
                       failed_in_row = case when $1 = 'active' then 0 else failed_in_row end \
                       where tenant_id = $4 and id = $5")
    .bind(status)
    .bind(reason)
    .bind(tx.now())
    .bind(tenant)
    .bind(id)
    .run(tx)
    .await?;
    Ok(changed == 1)
}

/// Suspends a webhook that is active, and returns its name.
pub(crate) async fn any_tenant_suspend(tx: &mut Tx, id: WebhookId, reason: &str) -> Result<Option<String>, Error> {
    let found = sql("update webhook set status = 'suspended', reason = $1, version = version + 1, updated_at = $2 \
                     where id = $3 and status = 'active' returning name")
    .bind(reason)
    .bind(tx.now())
    .bind(id)
    .first::<(String,)>(tx)
    .await?;
    Ok(found.map(|(name,)| name))
}

pub(crate) async fn set_events(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    events: &[EventName],
) -> Result<(), Error> {
    clear_events(tx, tenant, id).await?;
    let rows =
        events.iter().map(|event| vec![Value::from(tenant), Value::from(event.as_str()), Value::from(id)]).collect();
    insert_many(
        tx,
        "insert into webhook_event (tenant_id, event, webhook_id) values",
        "on conflict (tenant_id, event, webhook_id) do nothing",
        rows,
    )
    .await?;
    Ok(())
}

async fn clear_events(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<u64, Error> {
    sql("delete from webhook_event where tenant_id = $1 and webhook_id = $2").bind(tenant).bind(id).run(tx).await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<bool, Error> {
    let changed = sql("delete from webhook where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(changed == 1)
}

/// Returns the account's webhooks for events, oldest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Webhook>, Error> {
    list_kind(tx, tenant, Kind::Events).await
}

/// Returns the account's webhooks of a kind, oldest first.
pub(crate) async fn list_kind(tx: &mut Tx, tenant: TenantId, kind: Kind) -> Result<Vec<Webhook>, Error> {
    let rows = sql("select id, kind, name, url, filter, pace, authority, status, reason, failed_in_row, \
                    last_success_at, last_failure_at, created_at, updated_at from webhook \
                    where tenant_id = $1 and kind = $2 order by id")
    .bind(tenant)
    .bind(kind)
    .all::<Row>(tx)
    .await?;
    let events = events(tx, tenant).await?;
    Ok(rows.into_iter().map(|row| assemble(tenant, row, &events)).collect())
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<Option<Webhook>, Error> {
    Ok(list(tx, tenant).await?.into_iter().find(|webhook| webhook.id == id))
}

/// Returns the ids of the account's webhooks of every kind.
pub(crate) async fn ids(tx: &mut Tx, tenant: TenantId) -> Result<Vec<WebhookId>, Error> {
    let rows =
        sql("select id from webhook where tenant_id = $1 order by id").bind(tenant).all::<(WebhookId,)>(tx).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(crate) async fn name(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<Option<String>, Error> {
    let row = sql("select name from webhook where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .first::<(String,)>(tx)
        .await?;
    Ok(row.map(|(name,)| name))
}

/// Returns (webhook, event) for the whole account.
async fn events(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(WebhookId, String)>, Error> {
    sql("select webhook_id, event from webhook_event where tenant_id = $1 order by event")
        .bind(tenant)
        .all::<(WebhookId, String)>(tx)
        .await
}

pub(crate) async fn any_tenant_target(tx: &mut Tx, id: WebhookId) -> Result<Option<Target>, Error> {
    sql("select tenant_id, url, secret, authority, status, version from webhook where id = $1")
        .bind(id)
        .first::<Target>(tx)
        .await
}

/// What a batch of results says about a webhook's failures in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) webhook: WebhookId,
    /// A success came before the dead letters: they count from 0.
    pub(crate) succeeded: bool,
    pub(crate) dead: i64,
}

/// Adds dead letters to the counts of webhooks. Returns (webhook, account, failures in a row) of the active ones
/// whose count changed.
pub(crate) async fn any_tenant_count_failures(
    tx: &mut Tx,
    counts: &[Count],
) -> Result<Vec<(WebhookId, TenantId, i64)>, Error> {
    let rows = counts
        .iter()
        .map(|count| vec![Value::from(count.webhook), Value::from(count.succeeded), Value::from(count.dead)])
        .collect();
    many_returning(
        tx,
        "update webhook set failed_in_row = case when v.column2 then v.column3 else failed_in_row + v.column3 end \
         from (values",
        ") as v where webhook.id = v.column1 and (failed_in_row <> 0 or v.column3 > 0) and status = 'active' \
         and kind = 'events' returning webhook.id, tenant_id, failed_in_row",
        rows,
    )
    .await
}

fn assemble(tenant: TenantId, row: Row, events: &[(WebhookId, String)]) -> Webhook {
    let names = events.iter().filter(|(id, _)| *id == row.id).filter_map(|(_, name)| EventName::parse(name));
    Webhook {
        id: row.id,
        tenant,
        kind: row.kind,
        name: row.name,
        url: row.url,
        events: names.collect(),
        filter: EventFilter::from_stored(row.filter.as_deref()),
        pace: row.pace.and_then(|pace| u32::try_from(pace).ok()),
        authority: row.authority,
        status: row.status,
        reason: row.reason,
        failed_in_row: row.failed_in_row,
        last_success_at: row.last_success_at,
        last_failure_at: row.last_failure_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
