//! Ring groups and their members.

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
    model::{RingGroup, RingStrategy},
    store as rows,
};

/// Most groups of an account.
const MOST: usize = 500;
/// Most members: all of them may ring at once.
const MOST_MEMBERS: usize = 50;

/// What a group is to be.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    pub name: Option<String>,
    pub number: Option<String>,
    pub strategy: Option<String>,
    pub ring_seconds: Option<i64>,
    /// Without a kind callers are let go.
    pub fallback: Named,
    /// Extensions in their order.
    pub members: Vec<String>,
}

pub async fn list(desk: &Desk, who: &Principal) -> Result<Vec<RingGroup>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    Ok(rows::ring_groups::all(&mut tx, tenant).await?)
}

pub async fn show(desk: &Desk, who: &Principal, id: i64) -> Result<RingGroup> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    find(&mut tx, tenant, id).await
}

pub async fn create(desk: &Desk, who: &Principal, fill: Fill, mut fields: Fields) -> Result<RingGroup> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let now = tx.now();
    let mut group = RingGroup {
        id: 0,
        tenant,
        name: String::new(),
        number: None,
        strategy: RingStrategy::All,
        ring_seconds: 25,
        fallback: None,
        members: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    fields.check("name", rows::ring_groups::all(&mut tx, tenant).await?.len() < MOST, full(MOST));
    put(&mut tx, &mut group, fill, &mut fields).await?;
    refuse(fields)?;
    group.id = rows::ring_groups::insert(&mut tx, tenant, &group).await.map_err(taken("name"))?;
    put_members(&mut tx, &group).await?;
    desk.commit(tx, who, done("ring_group.create", &group)).await?;
    Ok(group)
}

/// Puts a group in the place of another.
pub async fn replace(desk: &Desk, who: &Principal, id: i64, fill: Fill, mut fields: Fields) -> Result<RingGroup> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let mut group = find(&mut tx, tenant, id).await?;
    put(&mut tx, &mut group, fill, &mut fields).await?;
    refuse(fields)?;
    group.updated_at = tx.now();
    rows::ring_groups::update(&mut tx, tenant, &group).await.map_err(taken("name"))?;
    rows::ring_groups::delete_members(&mut tx, tenant, id).await?;
    put_members(&mut tx, &group).await?;
    desk.commit(tx, who, done("ring_group.update", &group)).await?;
    Ok(group)
}

/// Deletes a group that nothing leads to.
pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let group = find(&mut tx, tenant, id).await?;
    rows::ring_groups::delete_members(&mut tx, tenant, id).await?;
    rows::ring_groups::delete(&mut tx, tenant, id).await?;
    places::refuse_if_used(&mut tx, tenant, "ring group", &Destination::RingGroup(id)).await?;
    desk.commit(tx, who, done("ring_group.delete", &group)).await
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<RingGroup> {
    let all = rows::ring_groups::all(tx, tenant).await?;
    all.into_iter().find(|group| group.id == id).ok_or(Error::NotFound("ring group"))
}

async fn put_members(tx: &mut Tx, group: &RingGroup) -> Result<()> {
    for (position, extension) in (0..).zip(&group.members) {
        rows::ring_groups::insert_member(tx, group.tenant, group.id, position, extension).await?;
    }
    Ok(())
}

async fn put(tx: &mut Tx, group: &mut RingGroup, given: Fill, fields: &mut Fields) -> Result<()> {
    let tenant = group.tenant;
    if let Some(name) = fields.require_text("name", given.name.as_deref(), 1, LONGEST_NAME) {
        group.name = name;
    }
    group.number = places::number(tx, tenant, given.number, &Destination::RingGroup(group.id), fields).await?;
    if let Some(name) = given.strategy {
        let strategy = RingStrategy::parse(&name);
        fields.check("strategy", strategy.is_some(), Rule::Selected);
        group.strategy = strategy.unwrap_or(group.strategy);
    }
    group.ring_seconds = fields.number("ring_seconds", given.ring_seconds, 5, 300).unwrap_or(group.ring_seconds);
    group.fallback = match given.fallback.kind.is_empty() {
        true => None,
        false => places::destination(tx, tenant, "fallback", &given.fallback, fields).await?,
    };
    let itself = group.id > 0 && group.fallback == Some(Destination::RingGroup(group.id));
    fields.check("fallback", !itself, Rule::Selected);
    fields.check("members", !given.members.is_empty(), Rule::Required);
    fields.check("members", given.members.len() <= MOST_MEMBERS, Rule::Entries(1, MOST_MEMBERS));
    group.members.clear();
    for extension in given.members.into_iter().take(MOST_MEMBERS) {
        let known = rows::extensions::find(tx, tenant, &extension).await?.is_some();
        fields.check("members", known, places::no_extension(&extension));
        fields.check("members", !group.members.contains(&extension), places::twice(&extension));
        group.members.push(extension);
    }
    Ok(())
}

fn done<'a>(action: &'static str, group: &RingGroup) -> Done<'a> {
    Done {
        action,
        target: format!("ring_group:{}", group.id).into(),
        detail: json!({
            "name": group.name,
            "number": group.number,
            "strategy": group.strategy,
            "ring_seconds": group.ring_seconds,
            "fallback": group.fallback.as_ref().map(|to| json!({ "kind": to.kind(), "target": to.target() })),
            "members": group.members,
        }),
        changed: Changed::Places(group.tenant),
    }
}
