//! Secrets of authenticator apps and recovery codes.

use domain::{TenantId, Timestamp, UserId};
use store::{Error, FromRow, Tx, Value, insert_many, sql};

#[derive(FromRow)]
pub(crate) struct Factor {
    /// Sealed.
    pub(crate) totp_secret: Option<Vec<u8>>,
    pub(crate) totp_step: i64,
    pub(crate) code_failures: i64,
}

/// Counts a try before the code is looked at; `None` while codes are closed. The row stays locked, so tries that come
/// at the same time wait for each other.
pub(crate) async fn try_code(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Option<Factor>, Error> {
    let now = tx.now();
    sql("update users set code_failures = code_failures + 1 where tenant_id = $1 and id = $2 \
         and codes_closed_until <= $3 returning totp_secret, totp_step, code_failures")
    .bind(tenant)
    .bind(user)
    .bind(now)
    .first(tx)
    .await
}

/// Looks at no code until `until`, and counts from the beginning afterwards.
pub(crate) async fn close_codes(tx: &mut Tx, tenant: TenantId, user: UserId, until: Timestamp) -> Result<u64, Error> {
    sql("update users set code_failures = 0, codes_closed_until = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(user)
        .bind(until)
        .run(tx)
        .await
}

/// Remembers the step of a code that was taken; 0 if it or a later one was before.
pub(crate) async fn take_step(tx: &mut Tx, tenant: TenantId, user: UserId, step: i64) -> Result<u64, Error> {
    sql("update users set totp_step = $3, code_failures = 0 where tenant_id = $1 and id = $2 and totp_step < $3")
        .bind(tenant)
        .bind(user)
        .bind(step)
        .run(tx)
        .await
}

/// Forgets wrong codes after a recovery code was taken.
pub(crate) async fn forget_failures(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<u64, Error> {
    sql("update users set code_failures = 0 where tenant_id = $1 and id = $2").bind(tenant).bind(user).run(tx).await
}

pub(crate) async fn offer(tx: &mut Tx, tenant: TenantId, user: UserId, sealed: Vec<u8>) -> Result<u64, Error> {
    sql("update users set totp_offer = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(user)
        .bind(sealed)
        .run(tx)
        .await
}

pub(crate) async fn offered(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Option<Vec<u8>>, Error> {
    sql("select totp_offer from users where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(user)
        .first::<(Option<Vec<u8>>,)>(tx)
        .await
        .map(|row| row.and_then(|row| row.0))
}

/// Puts a secret in force, sealed, or takes it away.
pub(crate) async fn set_secret(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    sealed: Option<Vec<u8>>,
    step: i64,
) -> Result<u64, Error> {
    sql("update users set totp_secret = $3, totp_offer = null, totp_step = $4, code_failures = 0, \
         codes_closed_until = 0 where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(user)
    .bind(sealed)
    .bind(step)
    .run(tx)
    .await
}

pub(crate) async fn insert_codes(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    hashes: Vec<Vec<u8>>,
) -> Result<u64, Error> {
    let rows =
        hashes.into_iter().map(|hash| vec![Value::from(tenant), Value::from(user), Value::Bytes(hash)]).collect();
    insert_many(tx, "insert into recovery_code (tenant_id, user_id, hash) values", "", rows).await
}

/// Uses a recovery code up; 0 if there is none such.
pub(crate) async fn take_code(tx: &mut Tx, tenant: TenantId, user: UserId, hash: &[u8]) -> Result<u64, Error> {
    sql("delete from recovery_code where tenant_id = $1 and user_id = $2 and hash = $3")
        .bind(tenant)
        .bind(user)
        .bind(hash)
        .run(tx)
        .await
}

pub(crate) async fn delete_codes(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<u64, Error> {
    sql("delete from recovery_code where tenant_id = $1 and user_id = $2").bind(tenant).bind(user).run(tx).await
}

pub(crate) async fn count_codes(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<i64, Error> {
    sql("select count(*) from recovery_code where tenant_id = $1 and user_id = $2")
        .bind(tenant)
        .bind(user)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}
