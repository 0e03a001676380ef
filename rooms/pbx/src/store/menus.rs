//! Menus and their keys.

use std::collections::HashMap;

use domain::{TenantId, routing::Destination};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::{KeyAction, MenuRow};

impl FromRow for MenuRow {
    fn from_row(row: &Row) -> Result<Self> {
        let (kind, target): (String, String) = (row.get("otherwise_kind")?, row.get("otherwise_target")?);
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            number: row.get("number")?,
            greeting: row.get("greeting_prompt_id")?,
            invalid: row.get("invalid_prompt_id")?,
            dial_digits: row.get("dial_digits")?,
            wait_seconds: row.get("wait_seconds")?,
            repeats: row.get("repeats")?,
            otherwise: Destination::read(&kind, &target).ok_or_else(|| unreadable("otherwise_kind", kind))?,
            keys: Vec::new(),
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// A key as it is stored: account, menu, key, kind, target.
type KeyRow = (TenantId, i64, String, String, String);

/// Returns every menu of the account with its keys, by name.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<MenuRow>> {
    let menus =
        sql("select id, tenant_id, name, number, greeting_prompt_id, invalid_prompt_id, dial_digits, wait_seconds,
            repeats, otherwise_kind, otherwise_target, created_at, updated_at
         from menu where tenant_id = $1 order by name")
        .bind(tenant)
        .all(tx)
        .await?;
    let keys = sql("select tenant_id, menu_id, key, kind, target from menu_key where tenant_id = $1")
        .bind(tenant)
        .all::<KeyRow>(tx)
        .await?;
    Ok(joined(menus, keys))
}

/// Returns every menu of every account, for the directory in memory.
pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<MenuRow>> {
    let menus =
        sql("select id, tenant_id, name, number, greeting_prompt_id, invalid_prompt_id, dial_digits, wait_seconds,
            repeats, otherwise_kind, otherwise_target, created_at, updated_at
         from menu order by tenant_id, name")
        .all(tx)
        .await?;
    let keys = sql("select tenant_id, menu_id, key, kind, target from menu_key").all::<KeyRow>(tx).await?;
    Ok(joined(menus, keys))
}

/// Gives each menu its keys; one that leads to what no longer may be named is left out.
fn joined(mut menus: Vec<MenuRow>, keys: Vec<KeyRow>) -> Vec<MenuRow> {
    let mut by_menu: HashMap<i64, Vec<(char, KeyAction)>> = HashMap::new();
    for (_, menu, key, kind, target) in keys {
        if let (Some(key), Some(action)) = (key.chars().next(), KeyAction::read(&kind, &target)) {
            by_menu.entry(menu).or_default().push((key, action));
        }
    }
    for menu in &mut menus {
        menu.keys = by_menu.remove(&menu.id).unwrap_or_default();
        menu.keys.sort_by_key(|(key, _)| crate::model::menus::KEYS.find(*key));
    }
    menus
}

/// Stores a new menu without its keys, its `id` is ignored, and returns its id. A taken name or number violates a key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, menu: &MenuRow) -> Result<i64> {
    let (id,) = sql("insert into menu (tenant_id, name, number, greeting_prompt_id, invalid_prompt_id, dial_digits,
            wait_seconds, repeats, otherwise_kind, otherwise_target, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning id")
    .bind(tenant)
    .bind(&menu.name)
    .bind(menu.number.as_deref())
    .bind(menu.greeting)
    .bind(menu.invalid)
    .bind(menu.dial_digits)
    .bind(menu.wait_seconds)
    .bind(menu.repeats)
    .bind(menu.otherwise.kind())
    .bind(menu.otherwise.target())
    .bind(menu.created_at)
    .bind(menu.updated_at)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

/// Writes the whole menu but its keys and creation time. A taken name or number violates a unique key.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, menu: &MenuRow) -> Result<bool> {
    let rows = sql("update menu set name = $3, number = $4, greeting_prompt_id = $5, invalid_prompt_id = $6,
            dial_digits = $7, wait_seconds = $8, repeats = $9, otherwise_kind = $10, otherwise_target = $11,
            updated_at = $12
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(menu.id)
    .bind(&menu.name)
    .bind(menu.number.as_deref())
    .bind(menu.greeting)
    .bind(menu.invalid)
    .bind(menu.dial_digits)
    .bind(menu.wait_seconds)
    .bind(menu.repeats)
    .bind(menu.otherwise.kind())
    .bind(menu.otherwise.target())
    .bind(menu.updated_at)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from menu where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

pub(crate) async fn delete_keys(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64> {
    sql("delete from menu_key where tenant_id = $1 and menu_id = $2").bind(tenant).bind(id).run(tx).await
}

pub(crate) async fn insert_key(tx: &mut Tx, tenant: TenantId, id: i64, key: char, action: &KeyAction) -> Result<()> {
    sql("insert into menu_key (tenant_id, menu_id, key, kind, target) values ($1, $2, $3, $4, $5)")
        .bind(tenant)
        .bind(id)
        .bind(key.to_string())
        .bind(action.kind())
        .bind(action.target())
        .run(tx)
        .await?;
    Ok(())
}

/// Returns how many menus, keys, groups and queues lead to that destination.
pub(crate) async fn leading_to(tx: &mut Tx, tenant: TenantId, destination: &Destination) -> Result<i64> {
    let (count,) = sql("select (select count(*) from menu
                 where tenant_id = $1 and otherwise_kind = $2 and otherwise_target = $3)
              + (select count(*) from menu_key where tenant_id = $1 and kind = $2 and target = $3)
              + (select count(*) from ring_group
                 where tenant_id = $1 and fallback_kind = $2 and fallback_target = $3)
              + (select count(*) from queue
                 where tenant_id = $1 and overflow_kind = $2 and overflow_target = $3)")
    .bind(tenant)
    .bind(destination.kind())
    .bind(destination.target())
    .one::<(i64,)>(tx)
    .await?;
    Ok(count)
}
