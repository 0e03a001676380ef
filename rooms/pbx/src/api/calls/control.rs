//! What may be done to a call that is up.

use axum::extract::State;
use domain::{CallId, LegId};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{Accepted, Caller, Data, ErrorBody, Json, OpenApiRouter, Path, Result, routes};

use super::CallStatus;
use crate::{
    Pbx,
    ops::calls::control::{self, Action, TransferWish},
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .routes(routes!(hold))
        .routes(routes!(unhold))
        .routes(routes!(dtmf))
        .routes(routes!(transfer))
        .routes(routes!(complete_transfer))
        .routes(routes!(cancel_transfer))
        .routes(routes!(pause_recording))
        .routes(routes!(resume_recording))
        .routes(routes!(supervise))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CallParty {
    /// The leg that does it, as the call's `legs` name it; else the account's own extension in the call.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    leg: Option<LegId>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PressKeys {
    /// 1-64 keys: digits, `*`, `#`, `A` to `D`.
    #[schema(example = "12#", required = true)]
    digits: Option<String>,
    /// The leg that gets them; else the other side of the account's own extension.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    leg: Option<LegId>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TransferCall {
    /// A number as the extension would dial it: an extension, a queue, a number outside.
    #[schema(example = "1002", required = true)]
    to: Option<String>,
    /// `blind` (the default), or `attended`: the number is asked first, and the call is handed on when the extension
    /// hangs up or `transfer/complete` is called.
    #[schema(example = "blind")]
    mode: Option<String>,
    /// The leg that hands the other side on; else the account's own extension in the call.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    leg: Option<LegId>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SuperviseCall {
    /// The extension whose phones ring; who answers hears the call.
    #[schema(example = "1009", required = true)]
    extension: Option<String>,
    /// `listen`: heard by nobody; `whisper`: heard by the call's own extension; `barge`: heard by both.
    /// Asked again for the same extension, it changes the mode.
    #[schema(example = "listen", required = true)]
    mode: Option<String>,
}

fn done(uuid: CallId, status: &'static str) -> Accepted<CallStatus> {
    Accepted(CallStatus { call_uuid: uuid.to_string(), status })
}

fn leg(body: Option<Json<CallParty>>) -> Option<LegId> {
    body.and_then(|Json(party)| party.leg)
}

/// Puts the other side on hold; it hears music.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/hold", tag = "pbx", request_body = Option<CallParty>,
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "Nobody talks, or the other side is on hold already.", body = inline(ErrorBody<'_>)),
        (status = 422, body = inline(ErrorBody<'_>)),
    ),
)]
async fn hold(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
    body: Option<Json<CallParty>>,
) -> Result<Accepted<CallStatus>> {
    control::act(&pbx, &who, uuid, Action::Hold, leg(body)).await?;
    Ok(done(uuid, "held"))
}

/// Takes the other side back from hold.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/unhold", tag = "pbx", request_body = Option<CallParty>,
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "The other side is not on hold.", body = inline(ErrorBody<'_>)),
        (status = 422, body = inline(ErrorBody<'_>)),
    ),
)]
async fn unhold(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
    body: Option<Json<CallParty>>,
) -> Result<Accepted<CallStatus>> {
    control::act(&pbx, &who, uuid, Action::Unhold, leg(body)).await?;
    Ok(done(uuid, "answered"))
}

/// Presses keys towards the other side.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/dtmf", tag = "pbx", request_body = PressKeys,
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "Nobody talks.", body = inline(ErrorBody<'_>)),
        (status = 422, body = inline(ErrorBody<'_>)),
    ),
)]
async fn dtmf(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
    Json(body): Json<PressKeys>,
) -> Result<Accepted<CallStatus>> {
    control::press(&pbx, &who, uuid, body.digits, body.leg).await?;
    Ok(done(uuid, "pressed"))
}

/// Hands the other side on to a number. If nobody takes the call there, it comes back.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/transfer", tag = "pbx", request_body = TransferCall,
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "Nobody talks, no extension is in the call, or the number cannot be reached.", body = inline(ErrorBody<'_>)),
        (status = 422, body = inline(ErrorBody<'_>)),
    ),
)]
async fn transfer(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
    Json(body): Json<TransferCall>,
) -> Result<Accepted<CallStatus>> {
    let wish = TransferWish { to: body.to, mode: body.mode, leg: body.leg };
    control::transfer(&pbx, &who, uuid, wish).await?;
    Ok(done(uuid, "transferring"))
}

/// Ends an attended transfer: the other side talks with the one who was asked.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/transfer/complete", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "Nobody is being asked.", body = inline(ErrorBody<'_>)),
    ),
)]
async fn complete_transfer(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
) -> Result<Accepted<CallStatus>> {
    control::act(&pbx, &who, uuid, Action::CompleteTransfer, None).await?;
    Ok(done(uuid, "transferring"))
}

/// Ends an attended transfer: the first two talk again.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/transfer/cancel", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "Nobody is being asked.", body = inline(ErrorBody<'_>)),
    ),
)]
async fn cancel_transfer(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
) -> Result<Accepted<CallStatus>> {
    control::act(&pbx, &who, uuid, Action::CancelTransfer, None).await?;
    Ok(done(uuid, "answered"))
}

/// Pauses the recording: what is said meanwhile is not kept.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/recording/pause", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "The call is not recorded, or paused already.", body = inline(ErrorBody<'_>)),
    ),
)]
async fn pause_recording(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
) -> Result<Accepted<CallStatus>> {
    control::act(&pbx, &who, uuid, Action::PauseRecording, None).await?;
    Ok(done(uuid, "paused"))
}

/// Goes on recording.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/recording/resume", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "The recording is not paused.", body = inline(ErrorBody<'_>)),
    ),
)]
async fn resume_recording(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
) -> Result<Accepted<CallStatus>> {
    control::act(&pbx, &who, uuid, Action::ResumeRecording, None).await?;
    Ok(done(uuid, "recording"))
}

/// Rings an extension whose owner listens in, whispers or barges in. Not for agents.
#[utoipa::path(
    post, path = "/api/pbx/calls/{uuid}/supervise", tag = "pbx", request_body = SuperviseCall,
    params(("uuid" = String, Path, description = "`call_uuid`")),
    responses(
        (status = 202, body = inline(Data<CallStatus>)),
        (status = 404, body = inline(ErrorBody<'_>)),
        (status = 409, description = "Nobody talks, or the extension has no phone.", body = inline(ErrorBody<'_>)),
        (status = 422, body = inline(ErrorBody<'_>)),
    ),
)]
async fn supervise(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<CallId>,
    Json(body): Json<SuperviseCall>,
) -> Result<Accepted<CallStatus>> {
    control::supervise(&pbx, &who, uuid, body.extension, body.mode).await?;
    Ok(done(uuid, "ringing"))
}
