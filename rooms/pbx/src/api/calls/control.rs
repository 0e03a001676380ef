//! What may be done to a call that is up.

use axum::extract::FromRequestParts;
use domain::{CallId, LegId, Principal};
use http::request::Parts;
use serde::Deserialize;
use utoipa::{IntoResponses, ToSchema};
use web::{Accepted, Caller, Error, ErrorBody, Json, OpenApiRouter, Path, Result, routes};

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

/// The call that a request names, and who wants something done to it.
struct Named {
    pbx: Pbx,
    who: Principal,
    uuid: CallId,
}

impl FromRequestParts<Pbx> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, pbx: &Pbx) -> Result<Self> {
        let Caller(who) = Caller::from_request_parts(parts, pbx).await?;
        let Path(uuid) = Path::from_request_parts(parts, pbx).await?;
        Ok(Self { pbx: pbx.clone(), who, uuid })
    }
}

impl Named {
    /// Has an action done by the leg of the body, and says what becomes of the call.
    async fn act(
        self,
        action: Action,
        by: Option<Json<CallParty>>,
        status: &'static str,
    ) -> Result<Accepted<CallStatus>> {
        let leg = by.and_then(|Json(party)| party.leg);
        control::act(&self.pbx, &self.who, self.uuid, action, leg).await?;
        Ok(self.now(status))
    }

    fn now(&self, status: &'static str) -> Accepted<CallStatus> {
        Accepted(CallStatus { call_uuid: self.uuid.to_string(), status })
    }
}

/// What each of these answers beside its own conflicts.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is there for the OpenAPI document")]
enum Asked {
    #[response(status = 202)]
    Done(#[to_schema] Accepted<CallStatus>),
    #[response(status = 404)]
    Unknown(#[to_schema] ErrorBody<'static>),
}

/// Puts the other side on hold; it hears music.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/hold", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    request_body = Option<CallParty>, responses(Asked,
    (status = 422, body = inline(ErrorBody<'_>)),
    (status = 409, body = inline(ErrorBody<'_>), description = "Nobody talks, or the other side is on hold already.")))]
async fn hold(call: Named, by: Option<Json<CallParty>>) -> Result<Accepted<CallStatus>> {
    call.act(Action::Hold, by, "held").await
}

/// Takes the other side back from hold.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/unhold", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    request_body = Option<CallParty>, responses(Asked,
    (status = 422, body = inline(ErrorBody<'_>)),
    (status = 409, body = inline(ErrorBody<'_>), description = "The other side is not on hold.")))]
async fn unhold(call: Named, by: Option<Json<CallParty>>) -> Result<Accepted<CallStatus>> {
    call.act(Action::Unhold, by, "answered").await
}

/// Presses keys towards the other side.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/dtmf", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    request_body = PressKeys, responses(Asked,
    (status = 422, body = inline(ErrorBody<'_>)),
    (status = 409, body = inline(ErrorBody<'_>), description = "Nobody talks.")))]
async fn dtmf(call: Named, Json(body): Json<PressKeys>) -> Result<Accepted<CallStatus>> {
    control::press(&call.pbx, &call.who, call.uuid, body.digits, body.leg).await?;
    Ok(call.now("pressed"))
}

/// Hands the other side on to a number. If nobody takes the call there, it comes back.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/transfer", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    request_body = TransferCall, responses(Asked,
    (status = 422, body = inline(ErrorBody<'_>)),
    (status = 409, body = inline(ErrorBody<'_>), description = "Nobody talks, no extension is in the call, or the number cannot be reached.")))]
async fn transfer(call: Named, Json(body): Json<TransferCall>) -> Result<Accepted<CallStatus>> {
    let wish = TransferWish { to: body.to, mode: body.mode, leg: body.leg };
    control::transfer(&call.pbx, &call.who, call.uuid, wish).await?;
    Ok(call.now("transferring"))
}

/// Ends an attended transfer: the other side talks with the one who was asked.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/transfer/complete", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")), responses(Asked,
    (status = 409, body = inline(ErrorBody<'_>), description = "Nobody is being asked.")))]
async fn complete_transfer(call: Named) -> Result<Accepted<CallStatus>> {
    call.act(Action::CompleteTransfer, None, "transferring").await
}

/// Ends an attended transfer: the first two talk again.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/transfer/cancel", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")), responses(Asked,
    (status = 409, body = inline(ErrorBody<'_>), description = "Nobody is being asked.")))]
async fn cancel_transfer(call: Named) -> Result<Accepted<CallStatus>> {
    call.act(Action::CancelTransfer, None, "answered").await
}

/// Pauses the recording: what is said meanwhile is not kept.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/recording/pause", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")), responses(Asked,
    (status = 409, body = inline(ErrorBody<'_>), description = "The call is not recorded, or paused already.")))]
async fn pause_recording(call: Named) -> Result<Accepted<CallStatus>> {
    call.act(Action::PauseRecording, None, "paused").await
}

/// Goes on recording.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/recording/resume", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")), responses(Asked,
    (status = 409, body = inline(ErrorBody<'_>), description = "The recording is not paused.")))]
async fn resume_recording(call: Named) -> Result<Accepted<CallStatus>> {
    call.act(Action::ResumeRecording, None, "recording").await
}

/// Rings an extension whose owner listens in, whispers or barges in. Not for agents.
#[utoipa::path(post, path = "/api/pbx/calls/{uuid}/supervise", tag = "pbx",
    params(("uuid" = String, Path, description = "`call_uuid`")),
    request_body = SuperviseCall, responses(Asked,
    (status = 422, body = inline(ErrorBody<'_>)),
    (status = 409, body = inline(ErrorBody<'_>), description = "Nobody talks, or the extension has no phone.")))]
async fn supervise(call: Named, Json(body): Json<SuperviseCall>) -> Result<Accepted<CallStatus>> {
    control::supervise(&call.pbx, &call.who, call.uuid, body.extension, body.mode).await?;
    Ok(call.now("ringing"))
}
