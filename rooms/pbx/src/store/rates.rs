//! Rates.

use domain::{TenantId, guard, ids::TrunkId};
use store::{FromRow, Row, Tx, Value, many, sql};

use super::{Result, Slice, unreadable};
use crate::model::Rate;

impl FromRow for Rate {
    fn from_row(row: &Row) -> Result<Self> {
        let trunk: i64 = row.get("trunk_id")?;
        let step = |column: &'static str| {
            let value: i64 = row.get(column)?;
            u32::try_from(value).map_err(|_| unreadable(column, value))
        };
        let price = guard::Rate {
            per_minute: row.get("per_minute")?,
            connection: row.get("connection")?,
            first: step("first_seconds")?,
            next: step("next_seconds")?,
        };
        let trunk = (trunk > 0).then_some(TrunkId(trunk));
        Ok(Self { trunk, prefix: row.get("prefix")?, name: row.get("name")?, price })
    }
}

/// Returns every rate of the account.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Rate>> {
    sql("select trunk_id, prefix, name, per_minute, connection, first_seconds, next_seconds from rate
         where tenant_id = $1 order by trunk_id, prefix")
    .bind(tenant)
    .all(tx)
    .await
}

/// Returns one page of the account's rates whose prefix begins like that, and how many there are in all.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId, prefix: &str, slice: Slice) -> Result<(Vec<Rate>, i64)> {
    let rows = sql("select trunk_id, prefix, name, per_minute, connection, first_seconds, next_seconds from rate
         where tenant_id = $1 and substr(prefix, 1, length($2)) = $2
         order by trunk_id, prefix limit $3 offset $4")
    .bind(tenant)
    .bind(prefix)
    .bind(slice.limit)
    .bind(slice.offset)
    .all(tx)
    .await?;
    let (total,) = sql("select count(*) from rate where tenant_id = $1 and substr(prefix, 1, length($2)) = $2")
        .bind(tenant)
        .bind(prefix)
        .one::<(i64,)>(tx)
        .await?;
    Ok((rows, total))
}

/// Deletes the rates of one trunk, or those of any trunk.
pub(crate) async fn clear(tx: &mut Tx, tenant: TenantId, trunk: Option<TrunkId>) -> Result<u64> {
    sql("delete from rate where tenant_id = $1 and trunk_id = $2")
        .bind(tenant)
        .bind(trunk.map_or(0, |trunk| trunk.0))
        .run(tx)
        .await
}

pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, rates: &[Rate]) -> Result<u64> {
    let row = |rate: &Rate| {
        vec![
            Value::from(tenant),
            Value::from(rate.trunk.map_or(0, |trunk| trunk.0)),
            Value::from(rate.prefix.as_str()),
            Value::from(rate.name.as_str()),
            Value::from(rate.price.per_minute),
            Value::from(rate.price.connection),
            Value::from(i64::from(rate.price.first)),
            Value::from(i64::from(rate.price.next)),
        ]
    };
    let rows = rates.iter().map(row).collect();
    many(
        tx,
        "insert into rate (tenant_id, trunk_id, prefix, name, per_minute, connection, first_seconds, next_seconds) values",
        "on conflict (tenant_id, trunk_id, prefix) do update set name = excluded.name, per_minute = excluded.per_minute,
            connection = excluded.connection, first_seconds = excluded.first_seconds, next_seconds = excluded.next_seconds",
        rows,
    )
    .await
}

/// Says that the account's rates are others now.
pub(crate) async fn bump(tx: &mut Tx, tenant: TenantId) -> Result<u64> {
    sql("insert into rate_book (tenant_id, version) values ($1, 1)
         on conflict (tenant_id) do update set version = rate_book.version + 1")
    .bind(tenant)
    .run(tx)
    .await
}

pub(crate) async fn any_tenant_versions(tx: &mut Tx) -> Result<Vec<(TenantId, i64)>> {
    sql("select tenant_id, version from rate_book").all(tx).await
}
