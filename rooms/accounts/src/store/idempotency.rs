//! Keys of requests and the answers that repetitions get.

use domain::{TenantId, Timestamp, ids::TokenId};
use store::{Error, FromRow, Tx, sql};

#[derive(Debug, FromRow)]
pub(crate) struct Kept {
    pub(crate) id: i64,
    pub(crate) request_hash: Vec<u8>,
    pub(crate) node: String,
    pub(crate) attempt: i64,
    pub(crate) lease_until: Timestamp,
    pub(crate) request_id: String,
    pub(crate) acted: bool,
    pub(crate) status: Option<i64>,
    pub(crate) headers: Option<String>,
    /// Sealed.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
}

pub(crate) struct NewKey<'a> {
    pub(crate) token: TokenId,
    pub(crate) key_hash: &'a [u8],
    pub(crate) request_hash: &'a [u8],
    pub(crate) node: &'a str,
    pub(crate) lease_until: Timestamp,
    pub(crate) request_id: &'a str,
    pub(crate) expires_at: Timestamp,
}

/// Begins a key, or begins an expired one anew; `None` if it is there already.
pub(crate) async fn begin(tx: &mut Tx, tenant: TenantId, key: &NewKey<'_>) -> Result<Option<i64>, Error> {
    let now = tx.now();
    sql("insert into idempotency (tenant_id, token_id, key_hash, request_hash, node, attempt, lease_until, \
         request_id, acted, bytes, expires_at, created_at) \
         values ($1, $2, $3, $4, $5, 1, $6, $7, false, 0, $8, $9) \
         on conflict (token_id, key_hash) do update set request_hash = excluded.request_hash, node = excluded.node, \
         attempt = 1, lease_until = excluded.lease_until, request_id = excluded.request_id, acted = false, \
         status = null, headers = null, body = null, bytes = 0, expires_at = excluded.expires_at, \
         created_at = excluded.created_at where idempotency.expires_at <= excluded.created_at returning id")
    .bind(tenant)
    .bind(key.token)
    .bind(key.key_hash)
    .bind(key.request_hash)
    .bind(key.node)
    .bind(key.lease_until)
    .bind(key.request_id)
    .bind(key.expires_at)
    .bind(now)
    .first::<(i64,)>(tx)
    .await
    .map(|row| row.map(|row| row.0))
}

pub(crate) async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    token: TokenId,
    key_hash: &[u8],
) -> Result<Option<Kept>, Error> {
    sql("select id, request_hash, node, attempt, lease_until, request_id, acted, status, headers, body, \
         created_at from idempotency where tenant_id = $1 and token_id = $2 and key_hash = $3")
    .bind(tenant)
    .bind(token)
    .bind(key_hash)
    .first(tx)
    .await
}

/// Takes a key over whose request ended without an effect; 0 if somebody else did.
pub(crate) async fn take_over(
    tx: &mut Tx,
    tenant: TenantId,
    kept: &Kept,
    node: &str,
    lease_until: Timestamp,
    request_id: &str,
) -> Result<u64, Error> {
    sql("update idempotency set node = $3, lease_until = $4, request_id = $5, attempt = attempt + 1 \
         where tenant_id = $1 and id = $2 and attempt = $6 and status is null and acted = false")
    .bind(tenant)
    .bind(kept.id)
    .bind(node)
    .bind(lease_until)
    .bind(request_id)
    .bind(kept.attempt)
    .run(tx)
    .await
}

/// Marks, in the transaction of the request's effect, that it took place; 0 if the key is no longer this attempt's.
pub(crate) async fn act(tx: &mut Tx, tenant: TenantId, id: i64, attempt: i64) -> Result<u64, Error> {
    sql("update idempotency set acted = true where tenant_id = $1 and id = $2 and attempt = $3")
        .bind(tenant)
        .bind(id)
        .bind(attempt)
        .run(tx)
        .await
}

/// What is kept of an answer; without a body if that was too long.
pub(crate) struct Answer {
    pub(crate) status: i64,
    pub(crate) headers: String,
    /// Sealed.
    pub(crate) body: Option<Vec<u8>>,
}

/// Keeps the answer; 0 if the key is no longer this attempt's.
pub(crate) async fn keep(tx: &mut Tx, tenant: TenantId, id: i64, attempt: i64, answer: Answer) -> Result<u64, Error> {
    let bytes = answer.body.as_ref().map_or(0, |body| i64::try_from(body.len()).unwrap_or(i64::MAX));
    sql("update idempotency set acted = true, status = $4, headers = $5, body = $6, bytes = $7 \
         where tenant_id = $1 and id = $2 and attempt = $3")
    .bind(tenant)
    .bind(id)
    .bind(attempt)
    .bind(answer.status)
    .bind(answer.headers)
    .bind(answer.body)
    .bind(bytes)
    .run(tx)
    .await
}

/// Forgets a key whose request had no effect, so that it may be tried again.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, id: i64, attempt: i64) -> Result<u64, Error> {
    sql("delete from idempotency where tenant_id = $1 and id = $2 and attempt = $3 and status is null \
         and acted = false")
    .bind(tenant)
    .bind(id)
    .bind(attempt)
    .run(tx)
    .await
}

/// Removes up to `limit` keys that are over.
pub(crate) async fn any_tenant_purge(tx: &mut Tx, limit: i64) -> Result<u64, Error> {
    let now = tx.now();
    sql("delete from idempotency where id in \
         (select id from idempotency where expires_at <= $1 order by expires_at limit $2)")
    .bind(now)
    .bind(limit)
    .run(tx)
    .await
}

/// Returns the accounts whose kept answers are longer than `most` bytes in all, with how long they are.
pub(crate) async fn any_tenant_oversized(tx: &mut Tx, most: i64) -> Result<Vec<(TenantId, i64)>, Error> {
    sql("select tenant_id, cast(sum(bytes) as bigint) from idempotency where bytes > 0 group by tenant_id \
         having sum(bytes) > $1")
    .bind(most)
    .all(tx)
    .await
}

/// Drops the bodies of an account's oldest answers; the keys stay, so nothing is done twice.
pub(crate) async fn shed(tx: &mut Tx, tenant: TenantId, limit: i64) -> Result<u64, Error> {
    sql("update idempotency set body = null, bytes = 0 where id in \
         (select id from idempotency where tenant_id = $1 and bytes > 0 order by id limit $2)")
    .bind(tenant)
    .bind(limit)
    .run(tx)
    .await
}
