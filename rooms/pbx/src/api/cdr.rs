//! `/api/pbx/cdr`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::CallId;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Caller, Data, ErrorBody, Fields, Listing, OpenApiRouter, Path, Query, Result, Rule, routes};

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
    (status = 200, body = Listing<CdrBody>),
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
    let lines = stream::try_unfold((records, true), async |(mut records, first)| {
        let batch = records.next().await.map_err(std::io::Error::other)?;
        if batch.is_empty() && !first {
            return Ok::<_, std::io::Error>(None);
        }
        let bodies: Vec<CdrBody> = batch.into_iter().map(CdrBody::from).collect();
        Ok(Some((csv_lines(&bodies, first)?, (records, false))))
    });
    let mut response = Body::from_stream(lines).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"cdr.csv\""));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Writes records as lines; `head` puts the names of the columns before them.
fn csv_lines(records: &[CdrBody], head: bool) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if head {
        writer.write_record(COLUMNS)?;
    }
    for record in records {
        writer.write_record(columns(record).map(|text| harmless(&text)))?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
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

/// Keeps spreadsheets from running a cell that a caller wrote; a number with a plus stays what it is.
fn harmless(text: &str) -> String {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_caller_wrote_is_no_formula() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+84987654321", "+84987654321"),
            ("+1+1", "'+1+1"),
            ("@sum", "'@sum"),
            ("-1", "'-1"),
            ("1001", "1001"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), cell);
        }
    }
}
