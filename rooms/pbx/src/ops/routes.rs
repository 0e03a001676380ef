//! Routes, written by the host's tools.

use domain::{Principal, number};
use serde_json::json;
use web::{Fields, Rule};

use super::{Desk, Done, may_manage, may_read, refuse, taken};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::{Route, RouteKind, cdr::phone_key},
    store as rows,
};

/// Longest prefix in digits.
const LONGEST_PREFIX: usize = 32;

pub async fn list(desk: &Desk, who: &Principal) -> Result<Vec<Route>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    Ok(rows::routes::all(&mut tx, tenant).await?)
}

/// Adds a route. The number of a DID is kept in E.164 form.
pub async fn create(desk: &Desk, who: &Principal, kind: RouteKind, priority: i64) -> Result<Route> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
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
        fields.check("trunk_id", rows::trunks::find(&mut tx, tenant, trunk).await?.is_some(), Rule::Selected);
    }
    if let Some(extension) = extension {
        let known = rows::extensions::find(&mut tx, tenant, extension).await?.is_some();
        fields.check("extension", known, Rule::Selected);
    }
    refuse(fields)?;
    let kind = match kind {
        RouteKind::Did { number, extension, trunk } => {
            let region = rows::accounts::settings(&mut tx, tenant).await?.region;
            RouteKind::Did { number: phone_key(&number, region), extension, trunk }
        }
        other => other,
    };
    let mut route = Route { id: 0, tenant, kind, priority };
    route.id = rows::routes::insert(&mut tx, tenant, &route).await.map_err(taken("route"))?;
    desk.commit(tx, who, done("route.create", &route)).await?;
    Ok(route)
}

pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let all = rows::routes::all(&mut tx, tenant).await?;
    let route = all.into_iter().find(|route| route.id == id).ok_or(Error::NotFound("route"))?;
    rows::routes::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("route.delete", &route)).await
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
