//! Prompts of accounts.

use domain::TenantId;
use store::{FromRow, Row, Tx, sql};

use super::Result;
use crate::model::StoredPrompt;

impl FromRow for StoredPrompt {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            path: row.get("path")?,
            size_bytes: row.get("size_bytes")?,
            duration_ms: row.get("duration_ms")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Returns every prompt of the account, by name.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<StoredPrompt>> {
    sql("select id, tenant_id, name, path, size_bytes, duration_ms, created_at, updated_at
         from prompt where tenant_id = $1 order by name")
    .bind(tenant)
    .all(tx)
    .await
}

/// Returns the id, name and path of every prompt of every account, for the directory in memory.
pub(crate) async fn any_tenant_paths(tx: &mut Tx) -> Result<Vec<(TenantId, i64, String, String)>> {
    sql("select tenant_id, id, name, path from prompt").all(tx).await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<StoredPrompt>> {
    sql("select id, tenant_id, name, path, size_bytes, duration_ms, created_at, updated_at
         from prompt where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns how many prompts the account has.
pub(crate) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<i64> {
    let (count,) = sql("select count(*) from prompt where tenant_id = $1").bind(tenant).one::<(i64,)>(tx).await?;
    Ok(count)
}

/// Stores a new prompt, whose `id` is ignored, and returns its id. A taken name violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, prompt: &StoredPrompt) -> Result<i64> {
    let (id,) = sql("insert into prompt (tenant_id, name, path, size_bytes, duration_ms, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7) returning id")
    .bind(tenant)
    .bind(&prompt.name)
    .bind(&prompt.path)
    .bind(prompt.size_bytes)
    .bind(prompt.duration_ms)
    .bind(prompt.created_at)
    .bind(prompt.updated_at)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

/// Writes the whole prompt but its creation time. A taken name violates a unique key.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, prompt: &StoredPrompt) -> Result<bool> {
    let rows = sql("update prompt set name = $3, path = $4, size_bytes = $5, duration_ms = $6, updated_at = $7
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(prompt.id)
    .bind(&prompt.name)
    .bind(&prompt.path)
    .bind(prompt.size_bytes)
    .bind(prompt.duration_ms)
    .bind(prompt.updated_at)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from prompt where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

/// Returns how many menus, keys, groups and queues say that prompt.
pub(crate) async fn used_by(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<i64> {
    let (count,) = sql("select (select count(*) from menu where tenant_id = $1
                 and (greeting_prompt_id = $2 or invalid_prompt_id = $2
                      or (otherwise_kind = 'announcement' and otherwise_target = $3)))
              + (select count(*) from menu_key where tenant_id = $1 and kind = 'announcement' and target = $3)
              + (select count(*) from ring_group
                 where tenant_id = $1 and fallback_kind = 'announcement' and fallback_target = $3)
              + (select count(*) from queue where tenant_id = $1
                 and (music_prompt_id = $2 or greeting_prompt_id = $2 or agent_prompt_id = $2
                      or (overflow_kind = 'announcement' and overflow_target = $3)))")
    .bind(tenant)
    .bind(id)
    .bind(id.to_string())
    .one::<(i64,)>(tx)
    .await?;
    Ok(count)
}
