//! Caller IDs.

use domain::{Permission, Principal, TenantId, ids::TrunkId, number, principal::Access};
use serde_json::json;
use store::Tx;
use web::{Fields, Listing, Page, Rule};

use super::{Desk, Done, caller_id_groups, may_read, refuse, taken};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::{CallerId, CallerIdStatus},
    store as rows,
};

/// Longest label in characters.
const LONGEST_LABEL: usize = 100;

/// The writable fields. Absent ones keep what they are; `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    pub number: Option<String>,
    pub label: Option<Option<String>>,
    pub status: Option<String>,
    pub trunk_id: Option<Option<i64>>,
}

pub async fn list(
    desk: &Desk,
    who: &Principal,
    status: Option<CallerIdStatus>,
    page: Page,
) -> Result<Listing<CallerId>> {
    search(desk, who, None, status, page).await
}

/// Lists the caller IDs, each with the groups that it belongs to.
pub async fn with_groups(
    desk: &Desk,
    who: &Principal,
    status: Option<CallerIdStatus>,
    page: Page,
) -> Result<Listing<(CallerId, Vec<i64>)>> {
    let found = list(desk, who, status, page).await?;
    let mut tx = desk.db.read(who.tenant).await?;
    let mut groups = caller_id_groups::groups_of(&mut tx, who.tenant).await?;
    Ok(found.map(|caller_id| {
        let own = groups.remove(&caller_id.id).unwrap_or_default();
        (caller_id, own)
    }))
}

/// Returns the groups that a caller ID belongs to.
pub async fn groups_of(desk: &Desk, who: &Principal, id: i64) -> Result<Vec<i64>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    Ok(caller_id_groups::groups_of(&mut tx, tenant).await?.remove(&id).unwrap_or_default())
}

/// Lists the caller IDs with `text` in their number or label.
pub async fn search(
    desk: &Desk,
    who: &Principal,
    text: Option<&str>,
    status: Option<CallerIdStatus>,
    page: Page,
) -> Result<Listing<CallerId>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (caller_ids, total) = rows::caller_ids::list(&mut tx, tenant, text, status, slice).await?;
    Ok(Listing::new(page, caller_ids, total))
}

pub async fn show(desk: &Desk, who: &Principal, id: i64) -> Result<CallerId> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    find(&mut tx, tenant, id).await
}

pub async fn create(desk: &Desk, who: &Principal, fill: Fill, mut fields: Fields) -> Result<CallerId> {
    let tenant = may_write(who)?;
    let mut tx = desk.write(who).await?;
    let now = tx.now();
    let mut caller_id = CallerId {
        id: 0,
        tenant,
        number: String::new(),
        label: None,
        status: CallerIdStatus::Active,
        trunk: None,
        created_at: now,
        updated_at: now,
    };
    fields.check("number", fill.number.is_some(), Rule::Required);
    put(&mut tx, &mut caller_id, fill, &mut fields).await?;
    refuse(fields)?;
    caller_id.id = rows::caller_ids::insert(&mut tx, tenant, &caller_id).await.map_err(taken("number"))?;
    desk.commit(tx, who, done("caller_id.create", &caller_id)).await?;
    Ok(caller_id)
}

pub async fn update(desk: &Desk, who: &Principal, id: i64, fill: Fill, mut fields: Fields) -> Result<CallerId> {
    let tenant = may_write(who)?;
    let mut tx = desk.write(who).await?;
    let mut caller_id = find(&mut tx, tenant, id).await?;
    let before = caller_id.number.clone();
    put(&mut tx, &mut caller_id, fill, &mut fields).await?;
    refuse(fields)?;
    if caller_id.number != before {
        refuse_if_used(&mut tx, tenant, &before).await?;
    }
    caller_id.updated_at = tx.now();
    rows::caller_ids::update(&mut tx, tenant, &caller_id).await.map_err(taken("number"))?;
    desk.commit(tx, who, done("caller_id.update", &caller_id)).await?;
    Ok(caller_id)
}

/// Deletes a caller ID that no extension shows.
pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_write(who)?;
    let mut tx = desk.write(who).await?;
    let caller_id = find(&mut tx, tenant, id).await?;
    refuse_if_used(&mut tx, tenant, &caller_id.number).await?;
    rows::caller_id_groups::delete_number(&mut tx, tenant, id).await?;
    rows::caller_ids::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("caller_id.delete", &caller_id)).await
}

fn may_write(who: &Principal) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    who.may(Permission::ManageCallerIds, Access::Write)?;
    Ok(who.tenant)
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<CallerId> {
    rows::caller_ids::find(tx, tenant, id).await?.ok_or(Error::NotFound("caller ID"))
}

async fn refuse_if_used(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<()> {
    match rows::caller_ids::used_by(tx, tenant, number).await? {
        0 => Ok(()),
        count => Err(Error::InUse { what: "caller ID", count }),
    }
}

/// Checks the given fields and puts the good ones in place.
async fn put(tx: &mut Tx, caller_id: &mut CallerId, given: Fill, fields: &mut Fields) -> Result<()> {
    if let Some(number) = given.number {
        fields.check("number", number::is_shown(&number), Rule::Format);
        caller_id.number = number;
    }
    if let Some(label) = given.label {
        let label = fields.text("label", label.as_deref(), 0, LONGEST_LABEL);
        caller_id.label = label.filter(|label| !label.is_empty());
    }
    if let Some(name) = given.status {
        let status = CallerIdStatus::parse(&name);
        fields.check("status", status.is_some(), Rule::Selected);
        caller_id.status = status.unwrap_or(caller_id.status);
    }
    if let Some(trunk) = given.trunk_id {
        caller_id.trunk = trunk.map(TrunkId);
        if let Some(id) = caller_id.trunk {
            let known = rows::trunks::find(tx, caller_id.tenant, id).await?.is_some();
            fields.check("trunk_id", known, Rule::Selected);
        }
    }
    Ok(())
}

fn done<'a>(action: &'static str, caller_id: &CallerId) -> Done<'a> {
    Done {
        action,
        target: format!("caller_id:{}", caller_id.id).into(),
        detail: json!({
            "number": caller_id.number,
            "label": caller_id.label,
            "status": caller_id.status,
            "trunk_id": caller_id.trunk,
        }),
        changed: Changed::Routes(caller_id.tenant),
    }
}
