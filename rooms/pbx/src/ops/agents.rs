//! What agents want: available, on a break, logged out.

use domain::{
    Permission, Principal, TenantId, Timestamp,
    agent::Status,
    principal::{Access, Actor, Role},
};
use serde_json::json;
use web::{Fields, Rule};

use super::{may_read, refuse};
use crate::{
    Pbx,
    driver::queue::AgentView,
    error::{Error, Result},
    model::Agent,
    store as rows,
};

/// Longest reason of a break in characters.
const LONGEST_REASON: usize = 100;

/// The writable fields.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    pub status: Option<String>,
    pub break_reason: Option<String>,
}

/// An agent's state at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentState {
    pub extension: String,
    pub display_name: Option<String>,
    pub status: Status,
    pub break_reason: Option<String>,
    /// What the agent does: `waiting`, `ringing`, `in_call`, `on_hold` with one side of it, `wrap_up`, `busy` in another
    /// call, `resting` after an offer that was not taken, `unreachable` without a phone, or the status.
    pub state: &'static str,
    /// Since when the status is what it is.
    pub status_since: Option<Timestamp>,
    /// Since when the agent does what it does for a queue.
    pub activity_since: Option<Timestamp>,
    pub call: Option<domain::CallId>,
    /// Of queues, since the agent logged in.
    pub calls: i64,
    pub talk_seconds: i64,
}

pub async fn show(pbx: &Pbx, who: &Principal, extension: &str) -> Result<AgentState> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    let known = rows::extensions::find(&mut tx, tenant, extension).await?.ok_or(Error::NotFound("extension"))?;
    let row = rows::agents::find(&mut tx, tenant, extension).await?;
    Ok(state(pbx, tenant, &known.number, known.display_name, row.as_ref()))
}

/// Sets what an agent wants. Agents set their own status only.
pub async fn set(pbx: &Pbx, who: &Principal, extension: &str, fill: Fill, mut fields: Fields) -> Result<AgentState> {
    let tenant = may_set(who, extension)?;
    let mut tx = pbx.db.begin(tenant).await?;
    if rows::extensions::find(&mut tx, tenant, extension).await?.is_none() {
        return Err(Error::NotFound("extension"));
    }
    let name = fields.require("status", fill.status);
    let status = name.as_deref().and_then(Status::parse);
    fields.check("status", name.is_none() || status.is_some(), Rule::Selected);
    let reason = fields.text("break_reason", fill.break_reason.as_deref(), 0, LONGEST_REASON);
    refuse(fields)?;
    let status = status.unwrap_or(Status::Available);
    let reason = reason.filter(|reason| status == Status::OnBreak && !reason.is_empty());
    rows::agents::put_status(&mut tx, tenant, extension, status, reason.as_deref()).await?;
    let detail = json!({ "status": status.as_str(), "break_reason": reason });
    store::audit(&mut tx, who, "agent.status", &format!("extension:{extension}"), detail).await?;
    tx.commit().await?;
    pbx.queues.staff(tenant).set_status(extension, status);
    tracing::info!(tenant.id = %tenant, extension, status = status.as_str(), "agent changed");
    show(pbx, who, extension).await
}

fn may_set(who: &Principal, extension: &str) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    match &who.actor {
        Actor::User { role: Role::Agent, extension: own, .. } if own.as_deref() != Some(extension) => {
            Err(Error::RoleTooLow)
        }
        _ => Ok(who.tenant),
    }
}

fn is_held(pbx: &Pbx, tenant: TenantId, call: Option<domain::CallId>) -> bool {
    call.and_then(|call| pbx.live.find(tenant, call)).is_some_and(|view| view.state == "held")
}

/// Puts together what is written of an agent and what is known at this moment.
pub(super) fn state(
    pbx: &Pbx,
    tenant: TenantId,
    extension: &str,
    display_name: Option<String>,
    row: Option<&Agent>,
) -> AgentState {
    let live: Option<AgentView> = pbx.queues.staff(tenant).seen(pbx, tenant, extension);
    let written = row.map_or(Status::Available, |row| row.status);
    let status = live.as_ref().map_or(written, |live| live.status);
    AgentState {
        extension: extension.to_owned(),
        display_name,
        status,
        break_reason: match row {
            _ if status != Status::OnBreak => None,
            Some(row) if row.status == Status::OnBreak => row.break_reason.clone(),
            // A queue sent them just now, and it is yet to be written.
            _ => Some(rows::agents::SENT_ON_BREAK.to_owned()),
        },
        state: match &live {
            Some(live) if live.state == "in_call" && is_held(pbx, tenant, live.call) => "on_hold",
            Some(live) => live.state,
            // Serves no queue: nothing more is known than whether a phone is there.
            None if status != Status::Available => status.as_str(),
            None if pbx.registrar.is_reachable(tenant, extension, pbx.db.now()) => "waiting",
            None => "unreachable",
        },
        status_since: row.map(|row| row.status_since),
        activity_since: row.map(|row| row.work.activity_since),
        call: live.as_ref().and_then(|live| live.call),
        calls: live.as_ref().map_or(0, |live| i64::from(live.calls)),
        talk_seconds: live.as_ref().map_or(0, |live| live.talk_ms / 1000),
    }
}
