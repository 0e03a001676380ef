//! Routes: what they are, and where a number leads by them.

use domain::{
    Principal, TenantId,
    cause::Cause,
    guard::{self, Why},
    ids::TrunkId,
    number,
    routing::{Destination, Pattern},
};
use serde_json::json;
use store::Tx;
use web::{Fields, Rule};

use super::{Desk, Done, may_manage, may_read, places::exists, refuse, taken, trunks::is_prefix};
use crate::{
    Pbx,
    changes::Changed,
    driver::{directory::Account, leave},
    error::{Error, Result},
    model::{NewRoute, Route, RouteKind, RouteOptions, cdr::phone_key},
    store as rows,
};

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Without the plus; none if it is no public number.
    pub e164: Option<String>,
    pub is_emergency: bool,
    pub leads: Leads,
    /// Why the rules against toll fraud would refuse the call, whatever was called before.
    pub refused: Option<Why>,
}

/// What a number reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// Something inside of the account.
    Inside(Destination),
    /// The trunks that would be tried, in that order.
    Out(Vec<Try>),
    Nowhere(Cause),
}

/// One trunk that would be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    pub trunk: TrunkId,
    pub name: String,
    /// A disabled trunk is passed over.
    pub is_active: bool,
    /// The prefix of the route that names it; empty for the route of all other numbers.
    pub prefix: String,
    /// As the trunk gets it.
    pub number: String,
    /// Whether it answers; trunks that do not are tried last.
    pub is_down: bool,
    pub rate: Option<guard::Rate>,
}

/// Longest prefix in digits.
const LONGEST_PREFIX: usize = 32;

pub async fn list(desk: &Desk, who: &Principal) -> Result<Vec<Route>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    Ok(rows::routes::all(&mut tx, tenant).await?)
}

pub async fn show(desk: &Desk, who: &Principal, id: i64) -> Result<Route> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    find(&mut tx, tenant, id).await
}

/// Adds a route. The number of a DID is kept in E.164 form.
pub async fn create(desk: &Desk, who: &Principal, new: NewRoute) -> Result<Route> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let new = checked(&mut tx, tenant, new).await?;
    let mut route = Route { id: 0, tenant, kind: new.kind, priority: new.priority, options: new.options };
    route.id = rows::routes::insert(&mut tx, tenant, &route).await.map_err(taken("route"))?;
    desk.commit(tx, who, done("route.create", &route)).await?;
    Ok(route)
}

/// Puts a route in the place of another.
pub async fn replace(desk: &Desk, who: &Principal, id: i64, new: NewRoute) -> Result<Route> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    find(&mut tx, tenant, id).await?;
    let new = checked(&mut tx, tenant, new).await?;
    let route = Route { id, tenant, kind: new.kind, priority: new.priority, options: new.options };
    rows::routes::update(&mut tx, tenant, &route).await.map_err(taken("route"))?;
    desk.commit(tx, who, done("route.update", &route)).await?;
    Ok(route)
}

async fn checked(tx: &mut Tx, tenant: TenantId, new: NewRoute) -> Result<NewRoute> {
    let mut fields = Fields::new();
    let (trunk, destination) = match &new.kind {
        RouteKind::Prefix { prefix, trunk } => {
            let digits = prefix.strip_prefix('+').unwrap_or(prefix);
            let good = (1..=LONGEST_PREFIX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            fields.check("prefix", good, Rule::Format);
            (Some(*trunk), None)
        }
        RouteKind::Default { trunk } => (Some(*trunk), None),
        RouteKind::Did { number, destination, trunk } => {
            let many = number.ends_with('*') && Pattern::read(number).is_some();
            fields.check("number", many || number::is_dialable(number), Rule::Format);
            (*trunk, Some(destination))
        }
    };
    if let Some(trunk) = trunk {
        fields.check("trunk_id", rows::trunks::find(tx, tenant, trunk).await?.is_some(), Rule::Selected);
    }
    if let Some(destination) = destination {
        check_destination(tx, tenant, destination, &mut fields).await?;
    }
    let options = checked_options(tx, tenant, &new, &mut fields).await?;
    refuse(fields)?;
    let kind = match new.kind {
        RouteKind::Did { number, destination, trunk } if !number.ends_with('*') => {
            let region = rows::accounts::settings(tx, tenant).await?.region;
            RouteKind::Did { number: phone_key(&number, region), destination, trunk }
        }
        other => other,
    };
    Ok(NewRoute { kind, priority: new.priority, options })
}

/// Keeps of the options those that this kind of route has.
async fn checked_options(tx: &mut Tx, tenant: TenantId, new: &NewRoute, fields: &mut Fields) -> Result<RouteOptions> {
    let options = &new.options;
    if matches!(new.kind, RouteKind::Did { .. }) {
        let caller = options.caller.clone().filter(|caller| !caller.is_empty());
        fields.check("caller", caller.as_deref().is_none_or(|caller| Pattern::read(caller).is_some()), Rule::Format);
        if let Some((condition, _)) = options.when {
            let all = rows::time_conditions::all(tx, tenant).await?;
            fields.check("time_condition_id", all.iter().any(|known| known.id == condition), Rule::Selected);
        }
        return Ok(RouteOptions { caller, when: options.when, ..RouteOptions::default() });
    }
    fields.check("strip", options.rewrite.strip <= 32, Rule::Between(0, 32));
    fields.check("prepend", is_prefix(&options.rewrite.prepend), Rule::Format);
    if let Some(group) = options.caller_id_group {
        let known = rows::caller_id_groups::find(tx, tenant, group).await?.is_some();
        fields.check("caller_id_group_id", known, Rule::Selected);
    }
    Ok(RouteOptions { caller: None, when: None, ..options.clone() })
}

/// Checks that what a rule leads to is there, and may be named at all.
async fn check_destination(
    tx: &mut Tx,
    tenant: TenantId,
    destination: &Destination,
    fields: &mut Fields,
) -> Result<()> {
    let field = match destination {
        Destination::Extension(_) | Destination::Voicemail(_) => "extension",
        _ => "destination",
    };
    let nameable = Destination::read(destination.kind(), &destination.target()).is_some();
    fields.check(field, nameable && exists(tx, tenant, destination).await?, Rule::Selected);
    Ok(())
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Route> {
    let all = rows::routes::all(tx, tenant).await?;
    all.into_iter().find(|route| route.id == id).ok_or(Error::NotFound("route"))
}

pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let route = find(&mut tx, tenant, id).await?;
    rows::routes::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("route.delete", &route)).await
}

/// Tells where a number leads that an extension dials, by the very rules that calls follow. Dials nothing.
pub fn way(pbx: &Pbx, who: &Principal, dialled: &str) -> Result<Way> {
    let tenant = may_read(who)?;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("account"))?;
    let region = account.region();
    let bare = account.dialling.codes.hidden(dialled).unwrap_or(dialled);
    let mut refused = None;
    let leads = match account.way(dialled) {
        Destination::Reject(cause) => Leads::Nowhere(cause),
        Destination::Outbound(trunks) => {
            let tries = preview(pbx, &account, bare, &trunks);
            let is_emergency = account.is_emergency(bare);
            let verdicts = tries.iter().map(|(checked, _)| account.policy.allows(checked, region).err());
            // Refused only if no way is left.
            let verdicts: Vec<Option<Why>> = verdicts.filter(|_| !is_emergency).collect();
            if !verdicts.is_empty() && verdicts.iter().all(Option::is_some) {
                refused = verdicts.into_iter().flatten().next_back();
            }
            Leads::Out(tries.into_iter().map(|(_, one)| one).collect())
        }
        inside => Leads::Inside(inside),
    };
    Ok(Way { e164: region.e164(bare), is_emergency: account.is_emergency(bare), leads, refused })
}

/// Tells where a call from outside to `number` leads now, by the very rules that calls follow.
pub fn inbound_way(
    pbx: &Pbx,
    who: &Principal,
    number: &str,
    caller: &str,
    trunk: TrunkId,
) -> Result<Option<Destination>> {
    let tenant = may_read(who)?;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("account"))?;
    Ok(account.inbound(number, caller, trunk, pbx.db.now()).cloned())
}

/// Returns each try with the number that is checked.
fn preview(pbx: &Pbx, account: &Account, dialled: &str, trunks: &[TrunkId]) -> Vec<(String, Try)> {
    let routes = leave::chosen(pbx, account, dialled, trunks, account.is_emergency(dialled), true);
    let tries = routes.into_iter().map(|(route, line)| {
        let way = leave::way(pbx, account, &route, line, dialled);
        let one = Try {
            trunk: route.trunk,
            name: line.trunk.name.clone(),
            is_active: line.is_active(),
            prefix: route.prefix,
            number: line.trunk.options.number_format.apply(&way.number, account.region()),
            is_down: pbx.border.is_down(route.trunk),
            rate: way.rate,
        };
        (way.number, one)
    });
    tries.collect()
}

fn done<'a>(action: &'static str, route: &Route) -> Done<'a> {
    let options = &route.options;
    let out = json!({
        "strip": options.rewrite.strip,
        "prepend": options.rewrite.prepend,
        "caller_id_group_id": options.caller_id_group,
        "anonymous": options.anonymous,
    });
    let detail = match &route.kind {
        RouteKind::Prefix { prefix, trunk } => {
            json!({ "kind": "prefix", "prefix": prefix, "trunk_id": trunk, "priority": route.priority, "options": out })
        }
        RouteKind::Default { trunk } => {
            json!({ "kind": "default", "trunk_id": trunk, "priority": route.priority, "options": out })
        }
        RouteKind::Did { number, destination, trunk } => json!({
            "kind": "did",
            "number": number,
            "destination": { "kind": destination.kind(), "target": destination.target() },
            "trunk_id": trunk,
            "caller": options.caller,
            "time_condition_id": options.when.map(|(id, _)| id),
            "while_open": options.when.map(|(_, open)| open),
            "priority": route.priority,
        }),
    };
    Done { action, target: format!("route:{}", route.id).into(), detail, changed: Changed::Routes(route.tenant) }
}
