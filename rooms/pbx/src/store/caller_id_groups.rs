//! Caller-ID groups, their numbers, and how those were used.

use domain::{
    TenantId,
    rotation::{HealthRule, Outcomes, Strategy},
};
use store::{FromRow, Row, Tx, Value, many, sql};

use super::{Result, unreadable};
use crate::model::{CallerIdGroup, GroupMember, Quarter};

impl FromRow for CallerIdGroup {
    fn from_row(row: &Row) -> Result<Self> {
        let strategy: String = row.get("rotation_strategy")?;
        let share = |column: &'static str| {
            let value: i64 = row.get(column)?;
            u32::try_from(value).map_err(|_| unreadable(column, value))
        };
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            strategy: Strategy::parse(&strategy).ok_or_else(|| unreadable("rotation_strategy", strategy))?,
            sticky: row.get("sticky_enabled")?,
            status: row.get("status")?,
            cooldown: row.get("cooldown_seconds")?,
            health_hours: row.get("health_hours")?,
            health: HealthRule {
                calls: share("health_calls")?,
                answered: share("health_answered")?,
                blocked: share("health_blocked")?,
            },
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for GroupMember {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            group: row.get("group_id")?,
            caller_id: row.get("caller_id_id")?,
            weight: row.get("weight")?,
            daily_cap: row.get("daily_cap")?,
        })
    }
}

/// Returns the account's groups by name.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<CallerIdGroup>> {
    sql("select id, tenant_id, name, description, rotation_strategy, sticky_enabled, status, cooldown_seconds,
            health_hours, health_calls, health_answered, health_blocked, created_at, updated_at
         from caller_id_group where tenant_id = $1 order by name")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<CallerIdGroup>> {
    sql("select id, tenant_id, name, description, rotation_strategy, sticky_enabled, status, cooldown_seconds,
            health_hours, health_calls, health_answered, health_blocked, created_at, updated_at
         from caller_id_group order by tenant_id, id")
    .all(tx)
    .await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<CallerIdGroup>> {
    sql("select id, tenant_id, name, description, rotation_strategy, sticky_enabled, status, cooldown_seconds,
            health_hours, health_calls, health_answered, health_blocked, created_at, updated_at
         from caller_id_group where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Stores a new group, whose `id` is ignored, and returns its id. A taken name violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, group: &CallerIdGroup) -> Result<i64> {
    let (id,) =
        sql("insert into caller_id_group (tenant_id, name, description, rotation_strategy, sticky_enabled, status,
            cooldown_seconds, health_hours, health_calls, health_answered, health_blocked, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id")
        .bind(tenant)
        .bind(&group.name)
        .bind(group.description.as_deref())
        .bind(group.strategy.as_str())
        .bind(group.sticky)
        .bind(group.status)
        .bind(group.cooldown)
        .bind(group.health_hours)
        .bind(i64::from(group.health.calls))
        .bind(i64::from(group.health.answered))
        .bind(i64::from(group.health.blocked))
        .bind(group.created_at)
        .bind(group.updated_at)
        .one::<(i64,)>(tx)
        .await?;
    Ok(id)
}

pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, group: &CallerIdGroup) -> Result<bool> {
    let rows =
        sql("update caller_id_group set name = $3, description = $4, rotation_strategy = $5, sticky_enabled = $6,
            status = $7, cooldown_seconds = $8, health_hours = $9, health_calls = $10, health_answered = $11,
            health_blocked = $12, updated_at = $13
         where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(group.id)
        .bind(&group.name)
        .bind(group.description.as_deref())
        .bind(group.strategy.as_str())
        .bind(group.sticky)
        .bind(group.status)
        .bind(group.cooldown)
        .bind(group.health_hours)
        .bind(i64::from(group.health.calls))
        .bind(i64::from(group.health.answered))
        .bind(i64::from(group.health.blocked))
        .bind(group.updated_at)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows =
        sql("delete from caller_id_group where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

/// Returns every place of every group of the account.
pub(crate) async fn members(tx: &mut Tx, tenant: TenantId) -> Result<Vec<GroupMember>> {
    sql("select group_id, caller_id_id, weight, daily_cap from caller_id_group_member
         where tenant_id = $1 order by group_id, caller_id_id")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_members(tx: &mut Tx) -> Result<Vec<(TenantId, i64, i64, i64, Option<i64>)>> {
    sql("select tenant_id, group_id, caller_id_id, weight, daily_cap from caller_id_group_member
         order by tenant_id, group_id, caller_id_id")
    .all(tx)
    .await
}

pub(crate) async fn clear_members(tx: &mut Tx, tenant: TenantId, group: i64) -> Result<u64> {
    sql("delete from caller_id_group_member where tenant_id = $1 and group_id = $2")
        .bind(tenant)
        .bind(group)
        .run(tx)
        .await
}

pub(crate) async fn insert_members(tx: &mut Tx, tenant: TenantId, members: &[GroupMember]) -> Result<u64> {
    let rows = members
        .iter()
        .map(|member| {
            vec![
                Value::from(tenant),
                Value::from(member.group),
                Value::from(member.caller_id),
                Value::from(member.weight),
                Value::from(member.daily_cap),
            ]
        })
        .collect();
    many(
        tx,
        "insert into caller_id_group_member (tenant_id, group_id, caller_id_id, weight, daily_cap) values",
        "",
        rows,
    )
    .await
}

/// Takes a number out of every group.
pub(crate) async fn delete_number(tx: &mut Tx, tenant: TenantId, caller_id: i64) -> Result<u64> {
    sql("delete from caller_id_group_member where tenant_id = $1 and caller_id_id = $2")
        .bind(tenant)
        .bind(caller_id)
        .run(tx)
        .await
}

/// Returns which extensions draw from which group.
pub(crate) async fn extensions(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(String, i64)>> {
    sql("select extension_number, group_id from caller_id_group_extension where tenant_id = $1 order by extension_number")
        .bind(tenant)
        .all(tx)
        .await
}

pub(crate) async fn any_tenant_extensions(tx: &mut Tx) -> Result<Vec<(TenantId, String, i64)>> {
    sql("select tenant_id, extension_number, group_id from caller_id_group_extension").all(tx).await
}

pub(crate) async fn clear_extensions(tx: &mut Tx, tenant: TenantId, group: i64) -> Result<u64> {
    sql("delete from caller_id_group_extension where tenant_id = $1 and group_id = $2")
        .bind(tenant)
        .bind(group)
        .run(tx)
        .await
}

/// Has an extension draw from no group.
pub(crate) async fn forget_extension(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<u64> {
    sql("delete from caller_id_group_extension where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(extension)
        .run(tx)
        .await
}

/// Has extensions draw from a group, whatever they drew from before.
pub(crate) async fn put_extensions(tx: &mut Tx, tenant: TenantId, group: i64, extensions: &[String]) -> Result<u64> {
    let row = |extension: &String| vec![Value::from(tenant), Value::from(extension.as_str()), Value::from(group)];
    let rows = extensions.iter().map(row).collect();
    many(
        tx,
        "insert into caller_id_group_extension (tenant_id, extension_number, group_id) values",
        "on conflict (tenant_id, extension_number) do update set group_id = excluded.group_id",
        rows,
    )
    .await
}

/// One row of how a number was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) tenant: TenantId,
    pub(crate) caller_id: i64,
    pub(crate) quarter: Quarter,
}

impl FromRow for Use {
    fn from_row(row: &Row) -> Result<Self> {
        let count = |column: &'static str| {
            let value: i64 = row.get(column)?;
            u32::try_from(value).map_err(|_| unreadable(column, value))
        };
        let outcomes = Outcomes {
            answered: count("answered")?,
            unanswered: count("unanswered")?,
            blocked: count("blocked")?,
            failed: count("failed")?,
        };
        let quarter =
            Quarter { at: row.get("quarter")?, used: count("used")?, outcomes, last_used: row.get("last_used_at")? };
        Ok(Self { tenant: row.get("tenant_id")?, caller_id: row.get("caller_id_id")?, quarter })
    }
}

pub(crate) async fn any_tenant_uses(tx: &mut Tx, since: i64) -> Result<Vec<Use>> {
    sql("select tenant_id, caller_id_id, quarter, used, answered, unanswered, blocked, failed, last_used_at
         from caller_id_use where quarter >= $1 order by quarter")
    .bind(since)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_write_uses(tx: &mut Tx, uses: &[Use]) -> Result<u64> {
    let row = |one: &Use| {
        let quarter = &one.quarter;
        vec![
            Value::from(one.tenant),
            Value::from(one.caller_id),
            Value::from(quarter.at),
            Value::from(i64::from(quarter.used)),
            Value::from(i64::from(quarter.outcomes.answered)),
            Value::from(i64::from(quarter.outcomes.unanswered)),
            Value::from(i64::from(quarter.outcomes.blocked)),
            Value::from(i64::from(quarter.outcomes.failed)),
            Value::from(quarter.last_used),
        ]
    };
    let rows = uses.iter().map(row).collect();
    many(
        tx,
        "insert into caller_id_use (tenant_id, caller_id_id, quarter, used, answered, unanswered, blocked, failed, last_used_at) values",
        "on conflict (tenant_id, caller_id_id, quarter) do update set used = excluded.used, answered = excluded.answered,
            unanswered = excluded.unanswered, blocked = excluded.blocked, failed = excluded.failed,
            last_used_at = excluded.last_used_at",
        rows,
    )
    .await
}

pub(crate) async fn any_tenant_delete_old_uses(tx: &mut Tx, before: i64) -> Result<u64> {
    sql("delete from caller_id_use where quarter < $1").bind(before).run(tx).await
}
