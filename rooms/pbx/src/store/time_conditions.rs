//! Time conditions.

use domain::{TenantId, Timestamp, hours::Override};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::TimeCondition;

impl FromRow for TimeCondition {
    fn from_row(row: &Row) -> Result<Self> {
        let calendar: String = row.get("calendar")?;
        let by_hand: String = row.get("override")?;
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            calendar: serde_json::from_str(&calendar).map_err(|_| unreadable("calendar", calendar))?,
            by_hand: Override::parse(&by_hand).ok_or_else(|| unreadable("override", by_hand))?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Returns the account's time conditions by name.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<TimeCondition>> {
    sql("select id, tenant_id, name, calendar, override, created_at, updated_at from time_condition
         where tenant_id = $1 order by name")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<TimeCondition>> {
    sql("select id, tenant_id, name, calendar, override, created_at, updated_at from time_condition
         order by tenant_id, id")
    .all(tx)
    .await
}

/// Stores a new time condition, whose `id` is ignored, and returns its id. A taken name violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, condition: &TimeCondition) -> Result<i64> {
    let (id,) = sql("insert into time_condition (tenant_id, name, calendar, override, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6) returning id")
    .bind(tenant)
    .bind(&condition.name)
    .bind(calendar(condition))
    .bind(condition.by_hand.as_str())
    .bind(condition.created_at)
    .bind(condition.updated_at)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, condition: &TimeCondition) -> Result<bool> {
    let rows = sql("update time_condition set name = $3, calendar = $4, override = $5, updated_at = $6
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(condition.id)
    .bind(&condition.name)
    .bind(calendar(condition))
    .bind(condition.by_hand.as_str())
    .bind(condition.updated_at)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

/// Decides by hand. Returns whether the time condition exists.
pub(crate) async fn set_override(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    by_hand: Override,
    now: Timestamp,
) -> Result<bool> {
    let rows = sql("update time_condition set override = $3, updated_at = $4 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(by_hand.as_str())
        .bind(now)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from time_condition where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

fn calendar(condition: &TimeCondition) -> String {
    serde_json::to_string(&condition.calendar).expect("texts and numbers always serialise")
}
