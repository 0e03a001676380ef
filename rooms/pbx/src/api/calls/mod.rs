//! Calls over HTTP: click-to-call, live calls, hang-up.

mod control;

use std::collections::BTreeMap;

use axum::extract::State;
use domain::{CallId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Accepted, Caller, Data, ErrorBody, Json, Listing, OpenApiRouter, Page, Path, Result, routes};

use crate::{
    Pbx,
    driver::live::{LegView, View},
    ops::calls::{self, Originate},
};

pub(crate) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .routes(routes!(click_to_call))
        .routes(routes!(list_calls))
        .routes(routes!(show_call))
        .routes(routes!(hang_up))
        .merge(control::routes())
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ClickToCall {
    /// An active extension, 3-10 digits; its phones ring first.
    #[schema(example = "1001", required = true)]
    from_extension: Option<String>,
    /// The number to call, 3-32 digits, a leading `+` allowed.
    #[schema(example = "0987654321", required = true)]
    to_phone: Option<String>,
    /// An active caller ID of the account; else the extension's own.
    caller_id: Option<String>,
    /// Wins over `trunk_name`.
    trunk_id: Option<i64>,
    trunk_name: Option<String>,
    /// SIP headers for the called side; `X-` is put before each name.
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueuedCall {
    call_uuid: String,
    a_leg_uuid: String,
    b_leg_uuid: String,
    from_extension: String,
    to_phone: String,
    caller_id: String,
    trunk_id: Option<i64>,
    trunk_name: Option<String>,
    /// `direct_gateway` if a trunk was asked for, else `dialplan`.
    #[schema(example = "dialplan")]
    routing_mode: &'static str,
    #[schema(example = "queued")]
    status: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveCallBody {
    call_uuid: String,
    #[schema(example = "ringing")]
    state: &'static str,
    #[schema(value_type = String, example = "outbound")]
    direction: crate::model::Direction,
    #[schema(value_type = String, example = "outbound_manual")]
    source_type: crate::model::SourceType,
    caller_number: String,
    destination_number: String,
    extension: Option<String>,
    legs: Vec<LiveLegBody>,
    started_at: String,
    answered_at: Option<String>,
    queue: Option<String>,
    /// `recording` or `paused`; null if the call is not recorded.
    recording: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveLegBody {
    uuid: String,
    /// `caller` or `callee`; the agent of a click-to-call is the caller.
    side: &'static str,
    state: &'static str,
    number: String,
    extension: Option<String>,
    trunk: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallStatus {
    call_uuid: String,
    status: &'static str,
}

impl From<View> for LiveCallBody {
    fn from(view: View) -> Self {
        Self {
            call_uuid: view.call.to_string(),
            state: view.state,
            direction: view.direction,
            source_type: view.source_type,
            caller_number: view.caller_number,
            destination_number: view.destination_number,
            extension: view.extension,
            legs: view.legs.into_iter().map(Into::into).collect(),
            started_at: view.started_at.rfc3339(),
            answered_at: view.answered_at.map(Timestamp::rfc3339),
            queue: view.queue,
            recording: view.recording,
        }
    }
}

impl From<LegView> for LiveLegBody {
    fn from(leg: LegView) -> Self {
        Self {
            uuid: leg.uuid.to_string(),
            side: leg.side,
            state: leg.state,
            number: leg.number,
            extension: leg.extension,
            trunk: leg.trunk,
        }
    }
}

/// Connects an extension with a number: its phones ring first, then the number is dialled.
#[utoipa::path(
    post, path = "/api/pbx/calls/click-to-call", tag = "pbx", request_body = ClickToCall,
    responses(
        (status = 202, body = inline(Data<QueuedCall>)),
        (status = 409, description = "The extension is not registered, or has all its calls up.", body = inline(ErrorBody<'_>)),
        (status = 422, body = inline(ErrorBody<'_>)),
        (status = 503, description = "No channel is free; see Retry-After.", body = inline(ErrorBody<'_>)),
    ),
)]
async fn click_to_call(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Json(body): Json<ClickToCall>,
) -> Result<Accepted<QueuedCall>> {
    let wish = Originate {
        from_extension: body.from_extension,
        to_phone: body.to_phone,
        caller_id: body.caller_id,
        trunk_id: body.trunk_id,
        trunk_name: body.trunk_name,
        headers: body.headers.unwrap_or_default(),
        queue: None,
    };
    let queued = calls::originate(&pbx, &who, wish).await?;
    let (trunk_id, trunk_name) = queued.trunk.map(|(id, name)| (id.0, name)).unzip();
    Ok(Accepted(QueuedCall {
        call_uuid: queued.call.to_string(),
        a_leg_uuid: queued.a_leg.to_string(),
        b_leg_uuid: queued.b_leg.to_string(),
        from_extension: queued.from_extension,
        to_phone: queued.to_phone,
        caller_id: queued.caller_id,
        routing_mode: if trunk_id.is_some() { "direct_gateway" } else { "dialplan" },
        trunk_id,
        trunk_name,
        status: "queued",
    }))
}

/// Lists the calls that are up now, the oldest first.
#[utoipa::path(
    get, path = "/api/pbx/calls", tag = "pbx", params(web::PageParams),
    responses((status = 200, body = inline(Listing<LiveCallBody>))),
)]
async fn list_calls(State(pbx): State<Pbx>, Caller(who): Caller, page: Page) -> Result<Listing<LiveCallBody>> {
    let (calls, total) = calls::live(&pbx, &who, page)?;
    Ok(Listing::new(page, calls, total).map(Into::into))
}

/// Shows one call while it is up; afterwards it is a CDR.
#[utoipa::path(
    get, path = "/api/pbx/calls/{uuid}", tag = "pbx", params(("uuid" = String, Path, description = "`call_uuid`")),
    responses((status = 200, body = inline(Data<LiveCallBody>)), (status = 404, body = inline(ErrorBody<'_>))),
)]
async fn show_call(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
) -> Result<Data<LiveCallBody>> {
    Ok(Data(calls::find(&pbx, &who, uuid)?.into()))
}

/// Ends a call.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/hangup", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses((status = 202, body = inline(Data<CallStatus>)), (status = 404, body = inline(ErrorBody<'_>))),
)]
async fn hang_up(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
) -> Result<Accepted<CallStatus>> {
    calls::hang_up(&pbx, &who, uuid).await?;
    Ok(Accepted(CallStatus { call_uuid: uuid.to_string(), status: "ending" }))
}
