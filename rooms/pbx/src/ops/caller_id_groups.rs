//! Caller-ID groups: numbers that take turns.

use std::collections::HashMap;

use domain::{
    Permission, Principal, TenantId,
    principal::Access,
    rotation::{HealthRule, Strategy},
};
use serde_json::json;
use store::Tx;
use web::{Fields, Listing, Page, Rule};

use super::{Desk, Done, may_read, places, refuse, taken, time_conditions};
use crate::{
    MemberState, Pbx,
    changes::Changed,
    driver::border::numbers::{Group, Moment},
    error::{Error, Result},
    model::{CallerId, CallerIdGroup, CallerIdGroupStatus, GroupMember},
    store as rows,
};

/// Longest name and description, the contract's.
const LONGEST_NAME: usize = 150;
const LONGEST_DESCRIPTION: usize = 500;
/// Most numbers of a group, and most extensions that draw from one.
const MOST_MEMBERS: usize = 1_000;
const MOST_EXTENSIONS: usize = 10_000;

/// A group to be.
#[derive(Clone, Debug)]
pub struct NewGroup {
    pub name: String,
    pub description: Option<String>,
    pub strategy: Strategy,
    pub sticky: bool,
    pub status: CallerIdGroupStatus,
    /// Seconds.
    pub cooldown: i64,
    pub health_hours: i64,
    pub health: HealthRule,
    /// Number, weight, daily cap.
    pub members: Vec<(i64, i64, Option<i64>)>,
    pub extensions: Vec<String>,
}

impl Default for NewGroup {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: None,
            strategy: Strategy::RoundRobin,
            sticky: false,
            status: CallerIdGroupStatus::Active,
            cooldown: 0,
            health_hours: 24,
            health: HealthRule::default(),
            members: Vec::new(),
            extensions: Vec::new(),
        }
    }
}

/// A group with its numbers.
#[derive(Clone, Debug)]
pub struct GroupDetail {
    pub group: CallerIdGroup,
    pub members: Vec<(GroupMember, CallerId)>,
    /// Extensions that draw from it.
    pub extensions: Vec<String>,
}

impl GroupDetail {
    /// Returns how many of its numbers are active.
    pub fn active(&self) -> i64 {
        let active = self.members.iter().filter(|(_, number)| number.status.as_str() == "active").count();
        i64::try_from(active).unwrap_or(i64::MAX)
    }
}

/// Returns one page of the account's groups, by name.
pub async fn page(desk: &Desk, who: &Principal, page: Page) -> Result<Listing<GroupDetail>> {
    let all = list(desk, who).await?;
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit()).unwrap_or(0);
    Ok(Listing::new(page, all.into_iter().skip(skip).take(take).collect(), total))
}

/// Lists the account's groups, by name.
pub async fn list(desk: &Desk, who: &Principal) -> Result<Vec<GroupDetail>> {
    let tenant = may_see(who)?;
    let mut tx = desk.db.read(tenant).await?;
    details(&mut tx, tenant).await
}

pub async fn show(desk: &Desk, who: &Principal, id: i64) -> Result<GroupDetail> {
    let found = list(desk, who).await?.into_iter().find(|detail| detail.group.id == id);
    found.ok_or(Error::NotFound("caller ID group"))
}

/// Returns a group and how each of its active numbers stands now.
pub async fn monitor(pbx: &Pbx, who: &Principal, id: i64) -> Result<(GroupDetail, Vec<MemberState>)> {
    let detail = show(&pbx.desk(), who, id).await?;
    let mut group = Group::of(&detail.group);
    for (member, number) in detail.members.iter().filter(|(_, number)| number.status.as_str() == "active") {
        group.add(number.id, number.number.clone(), member.weight, member.daily_cap);
    }
    let now = pbx.border.now();
    let zone = pbx.directory.account(who.tenant).map(|account| account.timezone());
    let today = zone.map_or(now, |zone| time_conditions::midnight(&zone, now));
    let states = pbx.border.monitor(who.tenant, &group, Moment { now, today, lead: None });
    Ok((detail, states))
}

/// Has a number be used again at once: it cools down no longer, and what its calls came to is forgotten.
pub async fn clear(pbx: &Pbx, who: &Principal, id: i64, caller_id: i64) -> Result<()> {
    let tenant = may_write(who)?;
    let detail = show(&pbx.desk(), who, id).await?;
    if !detail.members.iter().any(|(member, _)| member.caller_id == caller_id) {
        return Err(Error::NotFound("caller ID"));
    }
    let mut tx = pbx.db.begin(tenant).await?;
    let target = format!("caller_id_group:{id}");
    store::audit(&mut tx, who, "caller_id_group.clear", &target, json!({ "caller_id_id": caller_id })).await?;
    tx.commit().await?;
    pbx.border.clear(tenant, caller_id);
    Ok(())
}

pub async fn create(desk: &Desk, who: &Principal, new: NewGroup) -> Result<CallerIdGroup> {
    let tenant = may_write(who)?;
    let mut tx = desk.write(who).await?;
    let mut group = checked(&mut tx, tenant, &new).await?;
    group.created_at = tx.now();
    group.updated_at = group.created_at;
    group.id = rows::caller_id_groups::insert(&mut tx, tenant, &group).await.map_err(taken("name"))?;
    put(&mut tx, &group, &new).await?;
    desk.commit(tx, who, done("caller_id_group.create", &group, &new)).await?;
    Ok(group)
}

pub async fn replace(desk: &Desk, who: &Principal, id: i64, new: NewGroup) -> Result<CallerIdGroup> {
    let tenant = may_write(who)?;
    let mut tx = desk.write(who).await?;
    let old = find(&mut tx, tenant, id).await?;
    let checked = checked(&mut tx, tenant, &new).await?;
    let group = CallerIdGroup { id, created_at: old.created_at, updated_at: tx.now(), ..checked };
    rows::caller_id_groups::update(&mut tx, tenant, &group).await.map_err(taken("name"))?;
    put(&mut tx, &group, &new).await?;
    desk.commit(tx, who, done("caller_id_group.update", &group, &new)).await?;
    Ok(group)
}

/// Deletes a group that no route draws from.
pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_write(who)?;
    let mut tx = desk.write(who).await?;
    let group = find(&mut tx, tenant, id).await?;
    let count = rows::routes::count_by_group(&mut tx, tenant, id).await?;
    if count > 0 {
        return Err(Error::InUse { what: "caller ID group", count });
    }
    rows::caller_id_groups::clear_members(&mut tx, tenant, id).await?;
    rows::caller_id_groups::clear_extensions(&mut tx, tenant, id).await?;
    rows::caller_id_groups::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("caller_id_group.delete", &group, &NewGroup::default())).await
}

/// Returns which groups each number belongs to.
pub(crate) async fn groups_of(tx: &mut Tx, tenant: TenantId) -> Result<HashMap<i64, Vec<i64>>> {
    let mut groups: HashMap<i64, Vec<i64>> = HashMap::new();
    for member in rows::caller_id_groups::members(tx, tenant).await? {
        groups.entry(member.caller_id).or_default().push(member.group);
    }
    Ok(groups)
}

/// Campaigns draw from the groups: whoever makes those may see them too.
fn may_see(who: &Principal) -> Result<TenantId> {
    may_read(who).or_else(|_| {
        who.may(Permission::TelesalesApiAccess, Access::Read)?;
        Ok(who.tenant)
    })
}

async fn details(tx: &mut Tx, tenant: TenantId) -> Result<Vec<GroupDetail>> {
    let numbers: HashMap<i64, CallerId> =
        rows::caller_ids::all(tx, tenant).await?.into_iter().map(|number| (number.id, number)).collect();
    let mut members: HashMap<i64, Vec<(GroupMember, CallerId)>> = HashMap::new();
    for member in rows::caller_id_groups::members(tx, tenant).await? {
        if let Some(number) = numbers.get(&member.caller_id) {
            members.entry(member.group).or_default().push((member, number.clone()));
        }
    }
    let mut extensions: HashMap<i64, Vec<String>> = HashMap::new();
    for (extension, group) in rows::caller_id_groups::extensions(tx, tenant).await? {
        extensions.entry(group).or_default().push(extension);
    }
    let groups = rows::caller_id_groups::all(tx, tenant).await?.into_iter();
    let detail = |group: CallerIdGroup| GroupDetail {
        members: members.remove(&group.id).unwrap_or_default(),
        extensions: extensions.remove(&group.id).unwrap_or_default(),
        group,
    };
    Ok(groups.map(detail).collect())
}

fn may_write(who: &Principal) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    who.may(Permission::ManageCallerIds, Access::Write)?;
    Ok(who.tenant)
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<CallerIdGroup> {
    rows::caller_id_groups::find(tx, tenant, id).await?.ok_or(Error::NotFound("caller ID group"))
}

async fn checked(tx: &mut Tx, tenant: TenantId, new: &NewGroup) -> Result<CallerIdGroup> {
    let mut fields = Fields::new();
    let name = fields.require_text("name", Some(&new.name), 1, LONGEST_NAME);
    let description = fields.text("description", new.description.as_deref(), 0, LONGEST_DESCRIPTION);
    fields.number("cooldown_seconds", Some(new.cooldown), 0, 86_400);
    fields.number("health_hours", Some(new.health_hours), 1, 168);
    fields.number("health_calls", Some(i64::from(new.health.calls)), 1, 10_000);
    fields.number("health_answered", Some(i64::from(new.health.answered)), 0, 100);
    fields.number("health_blocked", Some(i64::from(new.health.blocked)), 0, 100);
    fields.check("members", new.members.len() <= MOST_MEMBERS, Rule::Entries(0, MOST_MEMBERS));
    let known = rows::caller_ids::all(tx, tenant).await?;
    for (at, (caller_id, weight, cap)) in new.members.iter().enumerate() {
        let twice = new.members[..at].iter().any(|(other, ..)| other == caller_id);
        let is_known = known.iter().any(|number| number.id == *caller_id);
        fields.check("members", is_known && !twice, Rule::Selected);
        fields.check("members", (0..=1_000).contains(weight), Rule::Between(0, 1_000));
        fields.check("members", cap.is_none_or(|cap| (1..=1_000_000).contains(&cap)), Rule::Between(1, 1_000_000));
    }
    fields.check("extensions", new.extensions.len() <= MOST_EXTENSIONS, Rule::Entries(0, MOST_EXTENSIONS));
    for extension in new.extensions.iter().take(MOST_EXTENSIONS) {
        let known = rows::extensions::find(tx, tenant, extension).await?.is_some();
        fields.check("extensions", known, places::no_extension(extension));
    }
    refuse(fields)?;
    let epoch = domain::Timestamp::from_millis(0);
    Ok(CallerIdGroup {
        id: 0,
        tenant,
        name: name.unwrap_or_default(),
        description: description.filter(|text| !text.is_empty()),
        strategy: new.strategy,
        sticky: new.sticky,
        status: new.status,
        cooldown: new.cooldown,
        health_hours: new.health_hours,
        health: new.health,
        created_at: epoch,
        updated_at: epoch,
    })
}

async fn put(tx: &mut Tx, group: &CallerIdGroup, new: &NewGroup) -> Result<()> {
    let member = |(caller_id, weight, daily_cap): &(i64, i64, Option<i64>)| GroupMember {
        group: group.id,
        caller_id: *caller_id,
        weight: *weight,
        daily_cap: *daily_cap,
    };
    let members: Vec<GroupMember> = new.members.iter().map(member).collect();
    rows::caller_id_groups::clear_members(tx, group.tenant, group.id).await?;
    rows::caller_id_groups::insert_members(tx, group.tenant, &members).await?;
    let mut extensions = new.extensions.clone();
    extensions.sort();
    extensions.dedup();
    rows::caller_id_groups::clear_extensions(tx, group.tenant, group.id).await?;
    rows::caller_id_groups::put_extensions(tx, group.tenant, group.id, &extensions).await?;
    Ok(())
}

fn done<'a>(action: &'static str, group: &CallerIdGroup, new: &NewGroup) -> Done<'a> {
    Done {
        action,
        target: format!("caller_id_group:{}", group.id).into(),
        detail: json!({
            "name": group.name,
            "rotation_strategy": group.strategy.as_str(),
            "sticky_enabled": group.sticky,
            "status": group.status,
            "cooldown_seconds": group.cooldown,
            "members": new.members.len(),
            "extensions": new.extensions.len(),
        }),
        changed: Changed::Routes(group.tenant),
    }
}
