//! Caller IDs.

use domain::TenantId;
use store::{FromRow, Row, Tx, containing, sql};

use super::{Result, Slice};
use crate::model::{CallerId, CallerIdStatus};

impl FromRow for CallerId {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            number: row.get("number")?,
            label: row.get("label")?,
            status: row.get("status")?,
            trunk: row.get("trunk_id")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Returns the active caller ID of that number, as the account writes it.
pub(crate) async fn find_active(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<Option<CallerId>> {
    sql("select id, tenant_id, number, label, status, trunk_id, created_at, updated_at
         from caller_id where tenant_id = $1 and number = $2 and status = 'active'")
    .bind(tenant)
    .bind(number)
    .first(tx)
    .await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<CallerId>> {
    sql("select id, tenant_id, number, label, status, trunk_id, created_at, updated_at
         from caller_id where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns every caller ID of the account, by number.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<CallerId>> {
    sql("select id, tenant_id, number, label, status, trunk_id, created_at, updated_at
         from caller_id where tenant_id = $1 order by number")
    .bind(tenant)
    .all(tx)
    .await
}

/// Returns the caller IDs of one page with `text` in their number or label, by number, and how many there are in all.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    text: Option<&str>,
    status: Option<CallerIdStatus>,
    slice: Slice,
) -> Result<(Vec<CallerId>, i64)> {
    let pattern = text.map(containing);
    let rows = sql("select id, tenant_id, number, label, status, trunk_id, created_at, updated_at
         from caller_id where tenant_id = $1 and (cast($2 as text) is null or status = $2)
           and (cast($3 as text) is null or number like $3 escape '!' or lower(label) like lower($3) escape '!')
         order by number limit $4 offset $5")
    .bind(tenant)
    .bind(status)
    .bind(pattern.clone())
    .bind(slice.limit)
    .bind(slice.offset)
    .all(tx)
    .await?;
    let (total,) = sql("select count(*) from caller_id
         where tenant_id = $1 and (cast($2 as text) is null or status = $2)
           and (cast($3 as text) is null or number like $3 escape '!' or lower(label) like lower($3) escape '!')")
    .bind(tenant)
    .bind(status)
    .bind(pattern)
    .one::<(i64,)>(tx)
    .await?;
    Ok((rows, total))
}

/// Stores a new caller ID, whose `id` is ignored, and returns its id. A taken number violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, caller_id: &CallerId) -> Result<i64> {
    let (id,) = sql("insert into caller_id (tenant_id, number, label, status, trunk_id, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7) returning id")
    .bind(tenant)
    .bind(&caller_id.number)
    .bind(caller_id.label.as_deref())
    .bind(caller_id.status)
    .bind(caller_id.trunk)
    .bind(caller_id.created_at)
    .bind(caller_id.updated_at)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, caller_id: &CallerId) -> Result<bool> {
    let rows = sql("update caller_id set number = $3, label = $4, status = $5, trunk_id = $6, updated_at = $7
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(caller_id.id)
    .bind(&caller_id.number)
    .bind(caller_id.label.as_deref())
    .bind(caller_id.status)
    .bind(caller_id.trunk)
    .bind(caller_id.updated_at)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from caller_id where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

/// Returns how many extensions show this number when they dial out.
pub(crate) async fn used_by(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<i64> {
    let (count,) = sql("select count(*) from extension where tenant_id = $1 and outbound_caller_id = $2")
        .bind(tenant)
        .bind(number)
        .one::<(i64,)>(tx)
        .await?;
    Ok(count)
}
