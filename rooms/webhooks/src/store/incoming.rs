//! The one webhook of an account that is told of incoming calls.

use domain::{TenantId, ids::WebhookId};
use store::{Error, Tx, sql};
use uuid::Uuid;

/// Adds it or gives it another URL. A new one has no secret yet.
pub(crate) async fn upsert(tx: &mut Tx, tenant: TenantId, url: &str) -> Result<WebhookId, Error> {
    let (id,) = sql("insert into webhook (tenant_id, kind, name, url, secret, created_at, updated_at) \
                     values ($1, 'incoming', 'Incoming calls', $2, $3, $4, $4) \
                     on conflict (tenant_id) where kind = 'incoming' do update set url = excluded.url, \
                     version = webhook.version + 1, updated_at = excluded.updated_at returning id")
    .bind(tenant)
    .bind(url)
    .bind(Vec::<u8>::new())
    .bind(tx.now())
    .one::<(WebhookId,)>(tx)
    .await?;
    Ok(id)
}

pub(crate) async fn has_secret(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<bool, Error> {
    let (secret,) = sql("select secret from webhook where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .one::<(Vec<u8>,)>(tx)
        .await?;
    Ok(!secret.is_empty())
}

/// Returns what the account's clients name themselves by.
pub(crate) async fn client_id(tx: &mut Tx, tenant: TenantId) -> Result<Option<Uuid>, Error> {
    let found = sql("select client_id from tenant where id = $1").bind(tenant).first::<(Uuid,)>(tx).await?;
    Ok(found.map(|(id,)| id))
}
