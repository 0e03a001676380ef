//! `/api/caller-id-groups`: numbers that take turns. Written in the console.

use axum::extract::State;
use domain::{Timestamp, rotation::Unfit};
use serde::Serialize;
use utoipa::ToSchema;
use web::{Caller, Data, ErrorBody, Listing, OpenApiRouter, Page, PageParams, Path, Result, routes};

use crate::{
    MemberState, Pbx,
    model::{CallerId, CallerIdGroupStatus, CallerIdStatus, GroupMember},
    ops::caller_id_groups::{self as ops, GroupDetail},
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .routes(routes!(list_caller_id_groups))
        .routes(routes!(show_caller_id_group))
        .routes(routes!(monitor_caller_id_group))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerIdGroup)]
struct GroupBody {
    id: i64,
    #[schema(example = "Sales north")]
    name: String,
    description: Option<String>,
    /// `round_robin`, `least_used`, `cap_based`, `weighted`, `sticky_lead` or `random`.
    #[schema(example = "round_robin")]
    rotation_strategy: &'static str,
    /// Whether a lead is shown the same number again.
    sticky_enabled: bool,
    /// `active` or `disabled`.
    #[schema(value_type = String, example = "active")]
    status: CallerIdGroupStatus,
    /// Active numbers.
    caller_ids_count: i64,
    #[schema(example = "2026-02-03T04:05:06.789Z")]
    created_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerIdGroupDetail)]
struct DetailBody {
    #[serde(flatten)]
    group: GroupBody,
    /// Seconds between two uses of one number.
    cooldown_seconds: i64,
    caller_ids: Vec<MemberBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerIdGroupMember)]
struct MemberBody {
    id: i64,
    #[schema(example = "02873001234")]
    number: String,
    label: Option<String>,
    #[schema(value_type = String, example = "active")]
    status: CallerIdStatus,
    trunk_id: Option<i64>,
    /// 0-1,000; counts with the strategy `weighted`.
    weight: i64,
    /// Most calls a day; null is no limit.
    daily_cap: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerIdGroupMonitor)]
struct MonitorBody {
    #[serde(flatten)]
    group: GroupBody,
    members: Vec<MemberStateBody>,
}

/// How an active number of a group stands now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerIdGroupMemberState)]
struct MemberStateBody {
    caller_id_id: i64,
    #[schema(example = "02873001234")]
    number: String,
    /// Whether the next call may show it.
    eligible: bool,
    /// Why it may not: `daily_cap`, `cooldown` or `unhealthy`.
    ineligible_reason: Option<&'static str>,
    used_today: u32,
    daily_cap: Option<i64>,
    last_used_at: Option<String>,
    cooldown_until: Option<String>,
    health: HealthBody,
}

/// What the calls that showed a number came to, over the hours that the group looks back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerIdHealth)]
struct HealthBody {
    healthy: bool,
    answered: u32,
    unanswered: u32,
    /// Refused in a way that looks like a block.
    blocked: u32,
    failed: u32,
}

/// Lists the account's caller ID groups, by name.
#[utoipa::path(get, path = "/api/caller-id-groups", tag = "pbx", params(PageParams), responses(
    (status = 200, body = Listing<GroupBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_caller_id_groups(State(pbx): State<Pbx>, Caller(who): Caller, page: Page) -> Result<Listing<GroupBody>> {
    Ok(ops::page(&pbx.desk(), &who, page).await?.map(|detail| GroupBody::from(&detail)))
}

/// Returns a caller ID group with its numbers.
#[utoipa::path(get, path = "/api/caller-id-groups/{id}", tag = "pbx", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<DetailBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_caller_id_group(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<DetailBody>> {
    let detail = ops::show(&pbx.desk(), &who, id).await?;
    let group = GroupBody::from(&detail);
    let cooldown_seconds = detail.group.cooldown;
    let caller_ids = detail.members.into_iter().map(MemberBody::from).collect();
    Ok(Data(DetailBody { group, cooldown_seconds, caller_ids }))
}

/// Returns how the active numbers of a caller ID group stand now.
#[utoipa::path(get, path = "/api/caller-id-groups/{id}/monitor", tag = "pbx", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<MonitorBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn monitor_caller_id_group(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<MonitorBody>> {
    let (detail, states) = ops::monitor(&pbx, &who, id).await?;
    let members = states.into_iter().map(|state| MemberStateBody::of(&detail, state)).collect();
    Ok(Data(MonitorBody { group: GroupBody::from(&detail), members }))
}

impl From<&GroupDetail> for GroupBody {
    fn from(detail: &GroupDetail) -> Self {
        let group = &detail.group;
        Self {
            id: group.id,
            name: group.name.clone(),
            description: group.description.clone(),
            rotation_strategy: group.strategy.as_str(),
            sticky_enabled: group.sticky,
            status: group.status,
            caller_ids_count: detail.active(),
            created_at: group.created_at.rfc3339(),
        }
    }
}

impl From<(GroupMember, CallerId)> for MemberBody {
    fn from((member, number): (GroupMember, CallerId)) -> Self {
        Self {
            id: number.id,
            number: number.number,
            label: number.label,
            status: number.status,
            trunk_id: number.trunk.map(|trunk| trunk.0),
            weight: member.weight,
            daily_cap: member.daily_cap,
        }
    }
}

impl MemberStateBody {
    fn of(detail: &GroupDetail, state: MemberState) -> Self {
        let member = detail.members.iter().find(|(_, number)| number.id == state.caller_id);
        Self {
            caller_id_id: state.caller_id,
            number: member.map(|(_, number)| number.number.clone()).unwrap_or_default(),
            eligible: state.unfit.is_none(),
            ineligible_reason: state.unfit.map(Unfit::as_str),
            used_today: state.used_today,
            daily_cap: member.and_then(|(member, _)| member.daily_cap),
            last_used_at: state.last_used.map(Timestamp::rfc3339),
            cooldown_until: state.cooldown_until.map(Timestamp::rfc3339),
            health: HealthBody {
                healthy: state.healthy,
                answered: state.outcomes.answered,
                unanswered: state.outcomes.unanswered,
                blocked: state.outcomes.blocked,
                failed: state.outcomes.failed,
            },
        }
    }
}
