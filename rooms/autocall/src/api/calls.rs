//! `/api/autocall/calls`: the ledger of attempts.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use domain::CallId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Caller, Data, ErrorBody, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result, routes};

use super::time;
use crate::{Autocall, model::Attempt, ops::calls::Asked};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new().routes(routes!(list_calls)).routes(routes!(show_call))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallParams {
    campaign_id: Option<i64>,
    lead_id: Option<i64>,
    /// A number or a part of one, written in any way.
    phone: Option<String>,
    /// `answered`, `no_answer`, `busy`, `rejected`, `failed`, `machine`, `abandoned`, `unallocated`, `called_off` or
    /// `lost`.
    result: Option<String>,
    /// Dialled then or later: a day of the account's zone, or a time.
    from: Option<String>,
    /// Dialled before: a time, or a day, the whole of which belongs to it.
    to: Option<String>,
}

/// One dial of one lead.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallCall)]
pub(super) struct CallBody {
    uuid: Uuid,
    call_uuid: Uuid,
    campaign_id: i64,
    lead_id: i64,
    script_id: i64,
    /// From 1.
    attempt_number: i64,
    /// E.164 without the plus.
    phone: String,
    caller_id: Option<String>,
    trunk_name: Option<String>,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Null while the call is up.
    result: Option<&'static str>,
    hangup_cause: Option<String>,
    sip_status: Option<i64>,
    /// Seconds from answer to end.
    billsec: i64,
    /// The keys that were pressed, in their order.
    digits: String,
    /// The queue that the callee was handed to.
    queue_name: Option<String>,
    #[schema(format = DateTime)]
    transferred_at: Option<String>,
    agent_extension: Option<String>,
    /// When an agent answered there.
    #[schema(format = DateTime)]
    transfer_answered_at: Option<String>,
    /// Whether there is one.
    recording: bool,
}

impl From<Attempt> for CallBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            uuid: attempt.call_uuid.0,
            call_uuid: attempt.call_uuid.0,
            campaign_id: attempt.campaign_id,
            lead_id: attempt.lead_id,
            script_id: attempt.script_id,
            attempt_number: attempt.attempt_number,
            phone: attempt.phone,
            caller_id: attempt.caller_id,
            trunk_name: attempt.trunk_name,
            started_at: attempt.dialled_at.rfc3339(),
            answered_at: time(attempt.answered_at),
            ended_at: time(attempt.ended_at),
            result: attempt.result.map(|result| result.as_str()),
            hangup_cause: attempt.hangup_cause,
            sip_status: attempt.sip_status,
            billsec: attempt.billsec,
            digits: attempt.digits,
            queue_name: attempt.transferred_to,
            transferred_at: time(attempt.transferred_at),
            agent_extension: attempt.transfer_agent,
            transfer_answered_at: time(attempt.transfer_answered_at),
            recording: attempt.recording_path.is_some(),
        }
    }
}

/// Lists attempts, the newest first.
#[utoipa::path(get, path = "/api/autocall/calls", tag = "autocall", params(CallParams, PageParams), responses(
    (status = 200, body = Listing<CallBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list_calls(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Query(query): Query<CallParams>,
    page: Page,
) -> Result<Listing<CallBody>> {
    let asked = Asked {
        campaign: query.campaign_id,
        lead: query.lead_id,
        phone: query.phone,
        result: query.result,
        from: query.from,
        to: query.to,
    };
    Ok(autocall.attempts(&who, asked, page).await?.map(CallBody::from))
}

/// Returns an attempt.
#[utoipa::path(get, path = "/api/autocall/calls/{uuid}", tag = "autocall", params(("uuid" = Uuid, Path)), responses(
    (status = 200, body = Data<CallBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn show_call(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(uuid): Path<Uuid>,
) -> Result<Data<CallBody>> {
    Ok(Data(autocall.attempt(&who, CallId(uuid)).await?.into()))
}
