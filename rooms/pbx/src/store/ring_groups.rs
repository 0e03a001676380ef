//! Ring groups and their members.

use std::collections::HashMap;

use domain::{TenantId, routing::Destination};
use store::{FromRow, Row, Tx, sql};

use super::Result;
use crate::model::RingGroup;

impl FromRow for RingGroup {
    fn from_row(row: &Row) -> Result<Self> {
        let (kind, target): (Option<String>, String) = (row.get("fallback_kind")?, row.get("fallback_target")?);
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            number: row.get("number")?,
            strategy: row.get("strategy")?,
            ring_seconds: row.get("ring_seconds")?,
            fallback: kind.and_then(|kind| Destination::read(&kind, &target)),
            members: Vec::new(),
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// A member as it is stored: group, extension.
type MemberRow = (i64, String);

/// Returns every group of the account with its members, by name.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<RingGroup>> {
    let groups = sql("select id, tenant_id, name, number, strategy, ring_seconds, fallback_kind, fallback_target,
            created_at, updated_at
         from ring_group where tenant_id = $1 order by name")
    .bind(tenant)
    .all(tx)
    .await?;
    let members = sql("select ring_group_id, extension_number from ring_group_member
         where tenant_id = $1 order by ring_group_id, position")
    .bind(tenant)
    .all::<MemberRow>(tx)
    .await?;
    Ok(joined(groups, members))
}

/// Returns every group of every account, for the directory in memory.
pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<RingGroup>> {
    let groups = sql("select id, tenant_id, name, number, strategy, ring_seconds, fallback_kind, fallback_target,
            created_at, updated_at
         from ring_group order by tenant_id, name")
    .all(tx)
    .await?;
    let members = sql("select ring_group_id, extension_number from ring_group_member order by ring_group_id, position")
        .all::<MemberRow>(tx)
        .await?;
    Ok(joined(groups, members))
}

fn joined(mut groups: Vec<RingGroup>, members: Vec<MemberRow>) -> Vec<RingGroup> {
    let mut by_group: HashMap<i64, Vec<String>> = HashMap::new();
    for (group, extension) in members {
        by_group.entry(group).or_default().push(extension);
    }
    for group in &mut groups {
        group.members = by_group.remove(&group.id).unwrap_or_default();
    }
    groups
}

/// Stores a new group without its members, its `id` is ignored, and returns its id. A taken name or number violates a
/// unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, group: &RingGroup) -> Result<i64> {
    let (id,) = sql("insert into ring_group
            (tenant_id, name, number, strategy, ring_seconds, fallback_kind, fallback_target, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id")
    .bind(tenant)
    .bind(&group.name)
    .bind(group.number.as_deref())
    .bind(group.strategy)
    .bind(group.ring_seconds)
    .bind(group.fallback.as_ref().map(Destination::kind))
    .bind(group.fallback.as_ref().map(Destination::target).unwrap_or_default())
    .bind(group.created_at)
    .bind(group.updated_at)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

/// Writes the whole group but its members and creation time. A taken name or number violates a unique key.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, group: &RingGroup) -> Result<bool> {
    let rows =
        sql("update ring_group set name = $3, number = $4, strategy = $5, ring_seconds = $6, fallback_kind = $7,
            fallback_target = $8, updated_at = $9
         where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(group.id)
        .bind(&group.name)
        .bind(group.number.as_deref())
        .bind(group.strategy)
        .bind(group.ring_seconds)
        .bind(group.fallback.as_ref().map(Destination::kind))
        .bind(group.fallback.as_ref().map(Destination::target).unwrap_or_default())
        .bind(group.updated_at)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from ring_group where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

pub(crate) async fn delete_members(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64> {
    sql("delete from ring_group_member where tenant_id = $1 and ring_group_id = $2").bind(tenant).bind(id).run(tx).await
}

/// Takes an extension out of all groups. Returns out of how many.
pub(crate) async fn delete_member(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<u64> {
    sql("delete from ring_group_member where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(extension)
        .run(tx)
        .await
}

pub(crate) async fn insert_member(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    position: i64,
    extension: &str,
) -> Result<()> {
    sql("insert into ring_group_member (tenant_id, ring_group_id, position, extension_number) values ($1, $2, $3, $4)")
        .bind(tenant)
        .bind(id)
        .bind(position)
        .bind(extension)
        .run(tx)
        .await?;
    Ok(())
}
