//! `/api/pbx/cdr`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::CallId;
use futures_util::stream;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;
use web::{
    Caller, Data, ErrorBody, Fields, Listing, OpenApiRouter, Path, Query, Result, Rule,
    csv::{self, Readers},
    routes,
};

use super::page;
use crate::{
    Pbx,
    model::{CdrBody, CdrDetail},
    ops::{
        cdr::{self as ops, Stream, Wanted},
        recordings,
    },
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new().routes(routes!(list_cdr)).routes(routes!(show_cdr)).routes(routes!(redirect_to_recording))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// First day, in the account's time zone; 30 days ago by default.
    #[param(example = "2026-01-01", format = Date)]
    from: Option<String>,
    /// Last day, included; today by default. The period is 30 days at most.
    #[param(example = "2026-01-31", format = Date)]
    to: Option<String>,
    /// `inbound`, `outbound`, `internal` or `local`.
    direction: Option<String>,
    /// Matches `extension_number` or `agent_extension`.
    #[param(min_length = 3, max_length = 20)]
    extension: Option<String>,
    /// Matches `caller_number` or `destination_number`, in the national or the international form.
    #[param(max_length = 50)]
    phone: Option<String>,
    /// `json` (default), or `csv`: the whole period as one file.
    format: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, default = 1)]
    page: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    per_page: Option<String>,
}

/// Lists call records, the newest first. Without `view_all_cdr` or `view_team_cdr` only those of the own extension.
#[utoipa::path(get, path = "/api/pbx/cdr", tag = "pbx", params(ListParams), responses(
    (status = 200, content((Listing<CdrBody> = "application/json"), (String = "text/csv"))),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_cdr(State(pbx): State<Pbx>, Caller(who): Caller, Query(params): Query<ListParams>) -> Result<Response> {
    let mut fields = Fields::new();
    let page = page(&mut fields, params.page.as_deref(), params.per_page.as_deref());
    let ListParams { from, to, direction, extension, phone, format, .. } = params;
    fields.check("format", matches!(format.as_deref(), None | Some("json" | "csv")), Rule::Selected);
    let wanted = Wanted { from, to, direction, extension, phone, ..Wanted::default() };
    if format.as_deref() == Some("csv") {
        return Ok(csv_file(ops::stream(&pbx, &who, wanted, fields).await?));
    }
    Ok(ops::list(&pbx, &who, wanted, page, fields).await?.map(CdrBody::from).into_response())
}

/// Returns a call record with its legs and, if it was recorded, a fresh URL of the recording.
#[utoipa::path(get, path = "/api/pbx/cdr/{uuid}", tag = "pbx", params(("uuid" = Uuid, Path)), responses(
    (status = 200, body = Data<CdrDetail>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_cdr(State(pbx): State<Pbx>, Caller(who): Caller, Path(uuid): Path<Uuid>) -> Result<Data<CdrDetail>> {
    let (cdr, url) = recordings::show(&pbx.recordings(), &who, CallId(uuid)).await?;
    Ok(Data(CdrDetail::new(cdr, url)))
}

/// Redirects to a fresh signed URL of the recording, valid for 30 minutes.
#[utoipa::path(get, path = "/api/pbx/cdr/{uuid}/recording", tag = "pbx", params(("uuid" = Uuid, Path)), responses(
    (status = 302, description = "`Location` is the signed URL.", headers(("Location" = String))),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn redirect_to_recording(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(uuid): Path<Uuid>,
) -> Result<impl IntoResponse> {
    let url = recordings::url(&pbx.recordings(), &who, CallId(uuid)).await?;
    Ok((StatusCode::FOUND, [(header::LOCATION, url)]))
}

/// Answers with records as they are read, so that a month of them needs no more memory than a page.
fn csv_file(records: Stream) -> Response {
    let lines = stream::try_unfold(records, async |mut records| {
        let batch = records.next().await?;
        if batch.is_empty() {
            return Ok::<_, crate::Error>(None);
        }
        let mut text = String::new();
        for cdr in batch {
            csv::line(&mut text, columns(&cdr.into()).iter().map(String::as_str));
        }
        Ok(Some((text, records)))
    });
    csv::file("cdr.csv", Readers::Programs, &COLUMNS, lines)
}

const COLUMNS: [&str; 28] = [
    "uuid",
    "direction",
    "source_type",
    "caller_number",
    "destination_number",
    "extension_number",
    "agent_extension",
    "start_time",
    "answer_time",
    "end_time",
    "duration",
    "billsec",
    "queue_name",
    "queue_wait_time",
    "trunk_name",
    "transfer_count",
    "result",
    "hangup_cause",
    "hangup_cause_q850",
    "sip_status",
    "recording_available",
    "recording_duration",
    "recording_size_bytes",
    "disposition",
    "campaign_id",
    "lead_id",
    "tags",
    "mos",
];

fn columns(record: &CdrBody) -> [String; COLUMNS.len()] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        record.uuid.clone(),
        record.direction.as_str().to_owned(),
        record.source_type.as_str().to_owned(),
        record.caller_number.clone(),
        record.destination_number.clone(),
        text(&record.extension_number),
        text(&record.agent_extension),
        record.start_time.clone(),
        text(&record.answer_time),
        record.end_time.clone(),
        record.duration.to_string(),
        record.billsec.to_string(),
        text(&record.queue_name),
        number(record.queue_wait_time),
        text(&record.trunk_name),
        record.transfer_count.to_string(),
        record.result.to_owned(),
        record.hangup_cause.to_owned(),
        number(record.hangup_cause_q850),
        number(record.sip_status),
        record.recording.available.to_string(),
        number(record.recording.duration),
        number(record.recording.size_bytes),
        text(&record.disposition),
        number(record.campaign_id),
        number(record.lead_id),
        record.tags.join(";"),
        record.mos.map(|mos| mos.to_string()).unwrap_or_default(),
    ]
}
