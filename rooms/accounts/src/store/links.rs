//! One-time links.

use domain::{TenantId, Timestamp, UserId};
use store::{Error, FromRow, Tx, sql};

use crate::ops::links::LinkKind;

#[derive(FromRow)]
pub(crate) struct LinkRow {
    pub(crate) id: i64,
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) kind: LinkKind,
    pub(crate) expires_at: Timestamp,
}

/// Makes a link; the user's earlier one is replaced.
pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    kind: LinkKind,
    hash: &[u8],
    expires_at: Timestamp,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("insert into link (tenant_id, user_id, kind, hash, expires_at, created_at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (user_id) do update set kind = excluded.kind, hash = excluded.hash, \
         expires_at = excluded.expires_at, created_at = excluded.created_at")
    .bind(tenant)
    .bind(user)
    .bind(kind)
    .bind(hash)
    .bind(expires_at)
    .bind(now)
    .run(tx)
    .await
}

/// Returns when a user's link was made, if there is one.
pub(crate) async fn made_at(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Option<Timestamp>, Error> {
    sql("select created_at from link where tenant_id = $1 and user_id = $2")
        .bind(tenant)
        .bind(user)
        .first::<(Timestamp,)>(tx)
        .await
        .map(|row| row.map(|row| row.0))
}

/// Finds a link, before it is known whose it is.
pub(crate) async fn any_tenant_find(tx: &mut Tx, hash: &[u8]) -> Result<Option<LinkRow>, Error> {
    sql("select id, tenant_id, user_id, kind, expires_at from link where hash = $1").bind(hash).first(tx).await
}

/// Uses a link up; 0 if somebody else did.
pub(crate) async fn take(tx: &mut Tx, tenant: TenantId, id: i64, hash: &[u8]) -> Result<u64, Error> {
    sql("delete from link where tenant_id = $1 and id = $2 and hash = $3")
        .bind(tenant)
        .bind(id)
        .bind(hash)
        .run(tx)
        .await
}

pub(crate) async fn delete_of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<u64, Error> {
    sql("delete from link where tenant_id = $1 and user_id = $2").bind(tenant).bind(user).run(tx).await
}
