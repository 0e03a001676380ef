//! Menus and their keys.

use domain::{Principal, TenantId, routing::Destination};
use serde_json::json;
use store::Tx;
use web::{Fields, Rule};

use super::{
    Desk, Done, full, may_manage, may_read,
    places::{self, LONGEST_NAME, Named},
    refuse, taken,
};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::{KeyAction, MenuRow, menus::KEYS},
    store as rows,
};

/// Most menus of an account.
const MOST: usize = 500;

/// What a menu is to be.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    pub name: Option<String>,
    pub number: Option<String>,
    pub greeting: Option<i64>,
    pub invalid: Option<i64>,
    /// 2-10.
    pub dial_digits: Option<i64>,
    pub wait_seconds: Option<i64>,
    pub repeats: Option<i64>,
    pub otherwise: Named,
    /// Keys without a kind do nothing.
    pub keys: Vec<(char, Named)>,
}

pub async fn list(desk: &Desk, who: &Principal) -> Result<Vec<MenuRow>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    Ok(rows::menus::all(&mut tx, tenant).await?)
}

pub async fn show(desk: &Desk, who: &Principal, id: i64) -> Result<MenuRow> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    find(&mut tx, tenant, id).await
}

pub async fn create(desk: &Desk, who: &Principal, fill: Fill, mut fields: Fields) -> Result<MenuRow> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let now = tx.now();
    let mut menu = MenuRow {
        id: 0,
        tenant,
        name: String::new(),
        number: None,
        greeting: None,
        invalid: None,
        dial_digits: None,
        wait_seconds: 5,
        repeats: 2,
        otherwise: Destination::Reject(domain::cause::Cause::NormalClearing),
        keys: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    fields.check("name", rows::menus::all(&mut tx, tenant).await?.len() < MOST, full(MOST));
    put(&mut tx, &mut menu, fill, &mut fields).await?;
    refuse(fields)?;
    menu.id = rows::menus::insert(&mut tx, tenant, &menu).await.map_err(taken("name"))?;
    put_keys(&mut tx, &menu).await?;
    desk.commit(tx, who, done("menu.create", &menu)).await?;
    Ok(menu)
}

/// Puts a menu in the place of another.
pub async fn replace(desk: &Desk, who: &Principal, id: i64, fill: Fill, mut fields: Fields) -> Result<MenuRow> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let mut menu = find(&mut tx, tenant, id).await?;
    put(&mut tx, &mut menu, fill, &mut fields).await?;
    refuse(fields)?;
    menu.updated_at = tx.now();
    rows::menus::update(&mut tx, tenant, &menu).await.map_err(taken("name"))?;
    rows::menus::delete_keys(&mut tx, tenant, id).await?;
    put_keys(&mut tx, &menu).await?;
    desk.commit(tx, who, done("menu.update", &menu)).await?;
    Ok(menu)
}

/// Deletes a menu that nothing leads to.
pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let menu = find(&mut tx, tenant, id).await?;
    // Its own keys and its own end do not count.
    rows::menus::delete_keys(&mut tx, tenant, id).await?;
    rows::menus::delete(&mut tx, tenant, id).await?;
    places::refuse_if_used(&mut tx, tenant, "menu", &Destination::Menu(id)).await?;
    desk.commit(tx, who, done("menu.delete", &menu)).await
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<MenuRow> {
    let all = rows::menus::all(tx, tenant).await?;
    all.into_iter().find(|menu| menu.id == id).ok_or(Error::NotFound("menu"))
}

async fn put_keys(tx: &mut Tx, menu: &MenuRow) -> Result<()> {
    for (key, action) in &menu.keys {
        rows::menus::insert_key(tx, menu.tenant, menu.id, *key, action).await?;
    }
    Ok(())
}

async fn put(tx: &mut Tx, menu: &mut MenuRow, given: Fill, fields: &mut Fields) -> Result<()> {
    let tenant = menu.tenant;
    if let Some(name) = fields.require_text("name", given.name.as_deref(), 1, LONGEST_NAME) {
        menu.name = name;
    }
    menu.number = places::number(tx, tenant, given.number, &Destination::Menu(menu.id), fields).await?;
    for (field, prompt) in [("greeting", given.greeting), ("invalid", given.invalid)] {
        if let Some(id) = prompt {
            fields.check(field, rows::prompts::find(tx, tenant, id).await?.is_some(), Rule::Selected);
        }
    }
    (menu.greeting, menu.invalid) = (given.greeting, given.invalid);
    menu.dial_digits = fields.number("dial_digits", given.dial_digits, 2, 10);
    menu.wait_seconds = fields.number("wait_seconds", given.wait_seconds, 1, 60).unwrap_or(menu.wait_seconds);
    menu.repeats = fields.number("repeats", given.repeats, 0, 9).unwrap_or(menu.repeats);
    if let Some(otherwise) = places::destination(tx, tenant, "otherwise", &given.otherwise, fields).await? {
        menu.otherwise = otherwise;
    }
    menu.keys.clear();
    for (key, named) in given.keys {
        if named.kind.is_empty() {
            continue;
        }
        let field = format!("key_{}", key_name(key));
        let known = KEYS.contains(key) && !menu.keys.iter().any(|(other, _)| *other == key);
        fields.check(&field, known, Rule::Selected);
        if named.kind == "again" {
            menu.keys.push((key, KeyAction::Again));
        } else if let Some(destination) = places::destination(tx, tenant, &field, &named, fields).await? {
            menu.keys.push((key, KeyAction::To(destination)));
        }
    }
    Ok(())
}

/// Returns the name of a key in the names of fields.
pub fn key_name(key: char) -> String {
    match key {
        '*' => "star".to_owned(),
        '#' => "pound".to_owned(),
        digit => digit.to_string(),
    }
}

fn done<'a>(action: &'static str, menu: &MenuRow) -> Done<'a> {
    let keys: serde_json::Map<_, _> = menu
        .keys
        .iter()
        .map(|(key, does)| (key.to_string(), json!({ "kind": does.kind(), "target": does.target() })))
        .collect();
    Done {
        action,
        target: format!("menu:{}", menu.id).into(),
        detail: json!({
            "name": menu.name,
            "number": menu.number,
            "otherwise": { "kind": menu.otherwise.kind(), "target": menu.otherwise.target() },
            "keys": keys,
        }),
        changed: Changed::Places(menu.tenant),
    }
}
