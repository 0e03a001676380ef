//! Routes: what they are, and where a number leads by them.

use domain::{
    Principal, TenantId,
    cause::Cause,
    ids::TrunkId,
    number,
    routing::{self, Destination},
};
use serde_json::json;
use store::Tx;
use web::{Fields, Rule};

use super::{Desk, Done, may_manage, may_read, refuse, taken};
use crate::{
    Pbx,
    changes::Changed,
    error::{Error, Result},
    model::{Route, RouteKind, TrunkStatus, cdr::phone_key},
    store as rows,
};

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Without the plus; none if it is no public number.
    pub e164: Option<String>,
    pub is_emergency: bool,
    pub leads: Leads,
}

/// What a number reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    Extension(String),
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
pub async fn create(desk: &Desk, who: &Principal, kind: RouteKind, priority: i64) -> Result<Route> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let kind = checked(&mut tx, tenant, kind).await?;
    let mut route = Route { id: 0, tenant, kind, priority };
    route.id = rows::routes::insert(&mut tx, tenant, &route).await.map_err(taken("route"))?;
    desk.commit(tx, who, done("route.create", &route)).await?;
    Ok(route)
}

/// Puts a route in the place of another.
pub async fn replace(desk: &Desk, who: &Principal, id: i64, kind: RouteKind, priority: i64) -> Result<Route> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    find(&mut tx, tenant, id).await?;
    let kind = checked(&mut tx, tenant, kind).await?;
    let route = Route { id, tenant, kind, priority };
    rows::routes::update(&mut tx, tenant, &route).await.map_err(taken("route"))?;
    desk.commit(tx, who, done("route.update", &route)).await?;
    Ok(route)
}

async fn checked(tx: &mut Tx, tenant: TenantId, kind: RouteKind) -> Result<RouteKind> {
    let mut fields = Fields::new();
    let (trunk, extension) = match &kind {
        RouteKind::Prefix { prefix, trunk } => {
            let digits = prefix.strip_prefix('+').unwrap_or(prefix);
            let good = (1..=LONGEST_PREFIX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            fields.check("prefix", good, Rule::Format);
            (Some(*trunk), None)
        }
        RouteKind::Default { trunk } => (Some(*trunk), None),
        RouteKind::Did { number, extension, trunk } => {
            fields.check("number", number::is_dialable(number), Rule::Format);
            (*trunk, Some(extension))
        }
    };
    if let Some(trunk) = trunk {
        fields.check("trunk_id", rows::trunks::find(tx, tenant, trunk).await?.is_some(), Rule::Selected);
    }
    if let Some(extension) = extension {
        let known = rows::extensions::find(tx, tenant, extension).await?.is_some();
        fields.check("extension", known, Rule::Selected);
    }
    refuse(fields)?;
    Ok(match kind {
        RouteKind::Did { number, extension, trunk } => {
            let region = rows::accounts::settings(tx, tenant).await?.region;
            RouteKind::Did { number: phone_key(&number, region), extension, trunk }
        }
        other => other,
    })
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
    let offer = routing::Plan { region, extension: account.active(dialled).is_some(), routes: &account.routes };
    let leads = match routing::plan(dialled, &offer) {
        Destination::Extension(number) => Leads::Extension(number),
        Destination::Reject(cause) => Leads::Nowhere(cause),
        Destination::Outbound(trunks) => Leads::Out(
            trunks
                .into_iter()
                .filter_map(|id| {
                    let line = account.trunks.get(&id)?;
                    // Of this trunk's routes the one that brought it here: they are tried in the same order.
                    let mut own: Vec<_> = account.routes.iter().filter(|route| route.trunk == id).cloned().collect();
                    own.retain(|route| !routing::trunks_for(dialled, region, std::slice::from_ref(route)).is_empty());
                    let prefix = own.into_iter().map(|route| route.prefix).max_by_key(String::len)?;
                    let is_active = line.trunk.status == TrunkStatus::Active;
                    Some(Try { trunk: id, name: line.trunk.name.clone(), is_active, prefix })
                })
                .collect(),
        ),
        _ => Leads::Nowhere(Cause::FacilityRejected),
    };
    Ok(Way { e164: region.e164(dialled), is_emergency: region.is_emergency(dialled), leads })
}

fn done<'a>(action: &'static str, route: &Route) -> Done<'a> {
    let detail = match &route.kind {
        RouteKind::Prefix { prefix, trunk } => json!({ "kind": "prefix", "prefix": prefix, "trunk_id": trunk }),
        RouteKind::Default { trunk } => json!({ "kind": "default", "trunk_id": trunk }),
        RouteKind::Did { number, extension, trunk } => {
            json!({ "kind": "did", "number": number, "extension": extension, "trunk_id": trunk })
        }
    };
    Done { action, target: format!("route:{}", route.id).into(), detail, changed: Changed::Routes(route.tenant) }
}
