//! Routes.

use domain::{TenantId, ids::TrunkId};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::{Route, RouteKind};

impl FromRow for Route {
    fn from_row(row: &Row) -> Result<Self> {
        let kind: String = row.get("kind")?;
        let pattern: String = row.get("pattern")?;
        let trunk: Option<TrunkId> = row.get("trunk_id")?;
        let extension: Option<String> = row.get("extension_number")?;
        let kind = match (kind.as_str(), trunk, extension) {
            ("prefix", Some(trunk), _) => RouteKind::Prefix { prefix: pattern, trunk },
            ("default", Some(trunk), _) => RouteKind::Default { trunk },
            ("did", trunk, Some(extension)) => RouteKind::Did { number: pattern, extension, trunk },
            _ => return Err(unreadable("kind", kind)),
        };
        Ok(Self { id: row.get("id")?, tenant: row.get("tenant_id")?, kind, priority: row.get("priority")? })
    }
}

/// Returns every route of the account.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Route>> {
    sql("select id, tenant_id, kind, pattern, trunk_id, extension_number, priority from route
         where tenant_id = $1 order by priority, id")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Route>> {
    sql("select id, tenant_id, kind, pattern, trunk_id, extension_number, priority from route
         order by tenant_id, priority, id")
    .all(tx)
    .await
}

/// Stores a new route, whose `id` is ignored, and returns its id. The same route twice violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, route: &Route) -> Result<i64> {
    let (pattern, trunk, extension) = parts(&route.kind);
    let now = tx.now();
    let (id,) = sql("insert into route (tenant_id, kind, pattern, trunk_id, extension_number, priority, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) returning id")
    .bind(tenant)
    .bind(route.kind.as_str())
    .bind(pattern)
    .bind(trunk)
    .bind(extension)
    .bind(route.priority)
    .bind(now)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

/// Writes the whole route but its creation time. The same route twice violates a unique key.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, route: &Route) -> Result<bool> {
    let (pattern, trunk, extension) = parts(&route.kind);
    let rows = sql("update route set kind = $3, pattern = $4, trunk_id = $5, extension_number = $6, priority = $7
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(route.id)
    .bind(route.kind.as_str())
    .bind(pattern)
    .bind(trunk)
    .bind(extension)
    .bind(route.priority)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

/// Returns the pattern, the trunk and the extension of a route.
const fn parts(kind: &RouteKind) -> (&str, Option<TrunkId>, Option<&str>) {
    match kind {
        RouteKind::Prefix { prefix, trunk } => (prefix.as_str(), Some(*trunk), None),
        RouteKind::Default { trunk } => ("", Some(*trunk), None),
        RouteKind::Did { number, extension, trunk } => (number.as_str(), *trunk, Some(extension.as_str())),
    }
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from route where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

/// Deletes the DID routes that ring an extension. Returns how many.
pub(crate) async fn delete_to_extension(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<u64> {
    sql("delete from route where tenant_id = $1 and extension_number = $2").bind(tenant).bind(number).run(tx).await
}

/// Returns how many routes lead to or depend on a trunk.
pub(crate) async fn count_by_trunk(tx: &mut Tx, tenant: TenantId, trunk: TrunkId) -> Result<i64> {
    let (count,) = sql("select count(*) from route where tenant_id = $1 and trunk_id = $2")
        .bind(tenant)
        .bind(trunk)
        .one::<(i64,)>(tx)
        .await?;
    Ok(count)
}
