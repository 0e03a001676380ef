//! Subscriptions.

use domain::{EventName, TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, insert_many, sql};

use crate::model::{Status, Webhook};

#[derive(FromRow)]
struct Row {
    id: WebhookId,
    name: String,
    url: String,
    status: Status,
    reason: Option<String>,
    failed_in_row: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What an attempt needs to know of its webhook.
#[derive(FromRow)]
pub(crate) struct Target {
    pub(crate) tenant_id: TenantId,
    pub(crate) url: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) status: Status,
    pub(crate) version: i64,
}

/// Adds a webhook without its secret, which is sealed under the id that this returns.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, name: &str, url: &str) -> Result<WebhookId, Error> {
    let (id,) = sql("insert into webhook (tenant_id, name, url, secret, created_at, updated_at) \
                     values ($1, $2, $3, $4, $5, $5) returning id")
    .bind(tenant)
    .bind(name)
    .bind(url)
    .bind(Vec::<u8>::new())
    .bind(tx.now())
    .one::<(WebhookId,)>(tx)
    .await?;
    Ok(id)
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
    name: &str,
    url: &str,
) -> Result<bool, Error> {
    let changed = sql("update webhook set name = $1, url = $2, version = version + 1, updated_at = $3 \
                       where tenant_id = $4 and id = $5")
    .bind(name)
    .bind(url)
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

/// Returns the account's webhooks, oldest first.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Webhook>, Error> {
    let rows = sql("select id, name, url, status, reason, failed_in_row, created_at, updated_at from webhook \
                    where tenant_id = $1 order by id")
    .bind(tenant)
    .all::<Row>(tx)
    .await?;
    let events = events(tx, tenant).await?;
    Ok(rows.into_iter().map(|row| assemble(tenant, row, &events)).collect())
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<Option<Webhook>, Error> {
    Ok(list(tx, tenant).await?.into_iter().find(|webhook| webhook.id == id))
}

/// Returns (webhook, event) for the whole account.
async fn events(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(WebhookId, String)>, Error> {
    sql("select webhook_id, event from webhook_event where tenant_id = $1 order by event")
        .bind(tenant)
        .all::<(WebhookId, String)>(tx)
        .await
}

pub(crate) async fn any_tenant_target(tx: &mut Tx, id: WebhookId) -> Result<Option<Target>, Error> {
    sql("select tenant_id, url, secret, status, version from webhook where id = $1").bind(id).first::<Target>(tx).await
}

/// Adds dead letters to the count of a webhook, after starting it from 0 if a success came before them.
/// Returns the account and the new count if the webhook is active.
pub(crate) async fn any_tenant_count_failures(
    tx: &mut Tx,
    id: WebhookId,
    succeeded: bool,
    failures: i64,
) -> Result<Option<(TenantId, i64)>, Error> {
    sql("update webhook set failed_in_row = case when $1 then $2 else failed_in_row + $2 end \
         where id = $3 and (failed_in_row <> 0 or $2 > 0) and status = 'active' returning tenant_id, failed_in_row")
    .bind(succeeded)
    .bind(failures)
    .bind(id)
    .first::<(TenantId, i64)>(tx)
    .await
}

fn assemble(tenant: TenantId, row: Row, events: &[(WebhookId, String)]) -> Webhook {
    let names = events.iter().filter(|(id, _)| *id == row.id).filter_map(|(_, name)| EventName::parse(name));
    Webhook {
        id: row.id,
        tenant,
        name: row.name,
        url: row.url,
        events: names.collect(),
        status: row.status,
        reason: row.reason,
        failed_in_row: row.failed_in_row,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
