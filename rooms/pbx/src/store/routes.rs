//! Routes.

use domain::{
    TenantId,
    ids::TrunkId,
    routing::{Destination, Rewrite},
};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::{Route, RouteKind, RouteOptions};

impl FromRow for Route {
    fn from_row(row: &Row) -> Result<Self> {
        let kind: String = row.get("kind")?;
        let pattern: String = row.get("pattern")?;
        let trunk: Option<TrunkId> = row.get("trunk_id")?;
        let destination_kind: Option<String> = row.get("destination_kind")?;
        let target: Option<String> = row.get("destination")?;
        let destination =
            destination_kind.as_deref().and_then(|kind| Destination::read(kind, target.as_deref().unwrap_or_default()));
        let kind = match (kind.as_str(), trunk, destination) {
            ("prefix", Some(trunk), _) => RouteKind::Prefix { prefix: pattern, trunk },
            ("default", Some(trunk), _) => RouteKind::Default { trunk },
            ("did", trunk, Some(destination)) => RouteKind::Did { number: pattern, destination, trunk },
            _ => return Err(unreadable("kind", kind)),
        };
        let strip: i64 = row.get("strip")?;
        let (condition, open): (Option<i64>, Option<bool>) =
            (row.get("time_condition_id")?, row.get("condition_open")?);
        let options = RouteOptions {
            rewrite: Rewrite {
                strip: u8::try_from(strip).map_err(|_| unreadable("strip", strip))?,
                prepend: row.get("prepend")?,
            },
            caller_id_group: row.get("caller_id_group_id")?,
            anonymous: row.get("anonymous")?,
            caller: row.get("caller_pattern")?,
            when: condition.map(|id| (id, open.unwrap_or(true))),
        };
        Ok(Self { id: row.get("id")?, tenant: row.get("tenant_id")?, kind, priority: row.get("priority")?, options })
    }
}

/// Returns every route of the account.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Route>> {
    sql("select id, tenant_id, kind, pattern, trunk_id, destination_kind, destination, caller_pattern, time_condition_id,
            condition_open, strip, prepend, caller_id_group_id, anonymous, priority
         from route where tenant_id = $1 order by priority, id")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Route>> {
    sql("select id, tenant_id, kind, pattern, trunk_id, destination_kind, destination, caller_pattern, time_condition_id,
            condition_open, strip, prepend, caller_id_group_id, anonymous, priority
         from route order by tenant_id, priority, id")
    .all(tx)
    .await
}

/// Stores a new route, whose `id` is ignored, and returns its id. The same route twice violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, route: &Route) -> Result<i64> {
    let parts = Parts::of(&route.kind);
    let (condition, open) = route.options.when.unzip();
    let now = tx.now();
    let (id,) =
        sql("insert into route (tenant_id, kind, pattern, trunk_id, destination_kind, destination, caller_pattern,
            time_condition_id, condition_open, strip, prepend, caller_id_group_id, anonymous, priority, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning id")
        .bind(tenant)
        .bind(route.kind.as_str())
        .bind(parts.pattern)
        .bind(parts.trunk)
        .bind(parts.destination_kind)
        .bind(parts.destination)
        .bind(route.options.caller.as_deref())
        .bind(condition)
        .bind(open)
        .bind(i64::from(route.options.rewrite.strip))
        .bind(&route.options.rewrite.prepend)
        .bind(route.options.caller_id_group)
        .bind(route.options.anonymous)
        .bind(route.priority)
        .bind(now)
        .one::<(i64,)>(tx)
        .await?;
    Ok(id)
}

/// Writes the whole route but its creation time. The same route twice violates a unique key.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, route: &Route) -> Result<bool> {
    let parts = Parts::of(&route.kind);
    let (condition, open) = route.options.when.unzip();
    let rows = sql("update route set kind = $3, pattern = $4, trunk_id = $5, destination_kind = $6, destination = $7,
            caller_pattern = $8, time_condition_id = $9, condition_open = $10, strip = $11, prepend = $12,
            caller_id_group_id = $13, anonymous = $14, priority = $15
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(route.id)
    .bind(route.kind.as_str())
    .bind(parts.pattern)
    .bind(parts.trunk)
    .bind(parts.destination_kind)
    .bind(parts.destination)
    .bind(route.options.caller.as_deref())
    .bind(condition)
    .bind(open)
    .bind(i64::from(route.options.rewrite.strip))
    .bind(&route.options.rewrite.prepend)
    .bind(route.options.caller_id_group)
    .bind(route.options.anonymous)
    .bind(route.priority)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

/// A route's kind as its columns.
struct Parts<'a> {
    pattern: &'a str,
    trunk: Option<TrunkId>,
    destination_kind: Option<&'static str>,
    destination: Option<String>,
}

impl<'a> Parts<'a> {
    fn of(kind: &'a RouteKind) -> Self {
        let out = |pattern, trunk| Self { pattern, trunk: Some(trunk), destination_kind: None, destination: None };
        match kind {
            RouteKind::Prefix { prefix, trunk } => out(prefix.as_str(), *trunk),
            RouteKind::Default { trunk } => out("", *trunk),
            RouteKind::Did { number, destination, trunk } => Self {
                pattern: number,
                trunk: *trunk,
                destination_kind: Some(destination.kind()),
                destination: Some(destination.target()),
            },
        }
    }
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from route where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

/// Returns how many rules for calls from outside lead there.
pub(crate) async fn count_leading_to(tx: &mut Tx, tenant: TenantId, destination: &Destination) -> Result<i64> {
    let (count,) =
        sql("select count(*) from route where tenant_id = $1 and destination_kind = $2 and destination = $3")
            .bind(tenant)
            .bind(destination.kind())
            .bind(destination.target())
            .one::<(i64,)>(tx)
            .await?;
    Ok(count)
}

/// Deletes the DID routes that ring an extension or its voicemail. Returns how many.
pub(crate) async fn delete_to_extension(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<u64> {
    sql("delete from route where tenant_id = $1 and destination_kind in ('extension', 'voicemail') and destination = $2")
        .bind(tenant)
        .bind(number)
        .run(tx)
        .await
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

/// Returns how many rules look at a time condition.
pub(crate) async fn count_by_condition(tx: &mut Tx, tenant: TenantId, condition: i64) -> Result<i64> {
    let (count,) = sql("select count(*) from route where tenant_id = $1 and time_condition_id = $2")
        .bind(tenant)
        .bind(condition)
        .one::<(i64,)>(tx)
        .await?;
    Ok(count)
}

/// Returns how many routes draw from a caller-ID group.
pub(crate) async fn count_by_group(tx: &mut Tx, tenant: TenantId, group: i64) -> Result<i64> {
    let (count,) = sql("select count(*) from route where tenant_id = $1 and caller_id_group_id = $2")
        .bind(tenant)
        .bind(group)
        .one::<(i64,)>(tx)
        .await?;
    Ok(count)
}
