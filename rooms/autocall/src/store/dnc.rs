//! Numbers that nobody of the account may call.

use domain::TenantId;
use store::{Bind, Error, Tx, many_returning, sql};

use crate::model::{BlockSource, Blocked};

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, digits: Option<&str>) -> Result<i64, Error> {
    sql("select count(*) from dnc where tenant_id = $1 and (cast($2 as text) is null or phone like $2)")
        .bind(tenant)
        .bind(digits.map(|digits| format!("%{digits}%")))
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

/// Returns one page, the newest first.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    digits: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Blocked>, Error> {
    sql("select id, phone, phone_original, reason, source, campaign_id, created_by, created_at
         from dnc where tenant_id = $1 and (cast($2 as text) is null or phone like $2)
         order by id desc limit $3 offset $4")
    .bind(tenant)
    .bind(digits.map(|digits| format!("%{digits}%")))
    .bind(limit)
    .bind(offset)
    .all(tx)
    .await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Blocked>, Error> {
    sql("select id, phone, phone_original, reason, source, campaign_id, created_by, created_at
         from dnc where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns which of the numbers are blocked.
pub(crate) async fn among(tx: &mut Tx, tenant: TenantId, phones: &[&str]) -> Result<Vec<String>, Error> {
    let rows = phones.iter().map(|phone| vec![tenant.into_value(), (*phone).into_value()]).collect();
    let found: Vec<(String,)> = many_returning(
        tx,
        "select d.phone from (values",
        ") as v join dnc d on d.tenant_id = v.column1 and d.phone = v.column2",
        rows,
    )
    .await?;
    Ok(found.into_iter().map(|row| row.0).collect())
}

/// Returns the new id. A number that is there violates a unique key.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    phone: &str,
    original: &str,
    reason: Option<&str>,
    by: &str,
) -> Result<i64, Error> {
    let now = tx.now();
    sql("insert into dnc (tenant_id, phone, phone_original, reason, source, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) returning id")
    .bind(tenant)
    .bind(phone)
    .bind(original)
    .bind(reason)
    .bind(BlockSource::Manual)
    .bind(by)
    .bind(now)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from dnc where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await
}
