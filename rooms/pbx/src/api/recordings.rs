//! `/recordings/{uuid}.wav`: the signed URL of a recording. It needs no token, and one range of bytes may be asked for.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use std::io::SeekFrom;

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::CallId;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;
use web::{Error, ErrorBody, OpenApiRouter, Path, Query, Result, routes};

use crate::{
    Pbx,
    error::Error as Refused,
    ops::recordings::{self as ops, Sound},
};

/// Bytes that are read from a file at a time.
const CHUNK: usize = 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new().routes(routes!(fetch_recording))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SignedParams {
    /// Seconds since 1970 at which the URL ends.
    #[param(required = true)]
    expires: Option<String>,
    /// HMAC-SHA256, hexadecimal.
    #[param(required = true)]
    signature: Option<String>,
}

/// Sends a recording. The URL comes from `recording_url` or from the redirect of `/api/pbx/cdr/{uuid}/recording`.
#[utoipa::path(get, path = "/recordings/{file}", tag = "pbx", security(()),
    params(("file" = String, Path, description = "`{uuid}.wav`"), SignedParams), responses(
    (status = 200, content_type = "audio/wav", description = "The whole recording."),
    (status = 206, content_type = "audio/wav", description = "The range that was asked for."),
    (status = 403, body = ErrorBody, description = "The signature is not valid."),
    (status = 404, body = ErrorBody, description = "The recording is gone."),
    (status = 410, body = ErrorBody, description = "The URL has expired."),
    (status = 416, description = "There are no such bytes.")))]
async fn fetch_recording(
    State(pbx): State<Pbx>,
    Path(file): Path<String>,
    Query(params): Query<SignedParams>,
    headers: HeaderMap,
) -> Result<Response> {
    let uuid = file.strip_suffix(".wav").and_then(|text| text.parse::<CallId>().ok());
    let uuid = uuid.filter(|uuid| format!("{uuid}.wav") == file).ok_or_else(Error::not_found)?;
    let (Some(expires), Some(signature)) = (params.expires, params.signature) else {
        return Err(Refused::BadSignature.into());
    };
    play(&pbx, uuid, &expires, &signature, &headers).await
}

/// Answers with the recording that a signed URL names, or the range of it that `headers` ask for.
///
/// # Errors
/// 403 for a wrong signature, 410 once the URL has expired, 404 if the recording is gone.
pub async fn play(pbx: &Pbx, uuid: CallId, expires: &str, signature: &str, headers: &HeaderMap) -> Result<Response> {
    let sound = ops::open(&pbx.recordings(), uuid, expires, signature).await?;
    send_sound(sound, headers).await
}

/// Answers with a WAV file, or the range of it that `headers` ask for.
pub async fn send_sound(sound: Sound, headers: &HeaderMap) -> Result<Response> {
    let range = wanted_range(headers, sound.bytes);
    Ok(send(sound, range).await.map_err(Refused::Recording)?)
}

/// Which bytes of a file are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// First and last byte, both included.
    Part(u64, u64),
    Unsatisfiable,
}

async fn send(sound: Sound, range: Range) -> std::io::Result<Response> {
    let Sound { mut file, bytes, name } = sound;
    let (status, first, length) = match range {
        Range::Whole => (StatusCode::OK, 0, bytes),
        Range::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Range::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    file.seek(SeekFrom::Start(first)).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let range = match range {
        Range::Whole => None,
        Range::Part(first, last) => Some(format!("bytes {first}-{last}/{bytes}")),
        Range::Unsatisfiable => Some(format!("bytes */{bytes}")),
    };
    if status != StatusCode::RANGE_NOT_SATISFIABLE {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    }
    if let Some(name) = name {
        // Such names have no quotation marks: they come out of `file_name`.
        let text = format!("inline; filename=\"{name}\"");
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(text).map_err(std::io::Error::other)?);
    }
    if let Some(text) = range {
        headers.insert(header::CONTENT_RANGE, HeaderValue::try_from(text).map_err(std::io::Error::other)?);
    }
    Ok(response)
}

/// Reads `Range` (RFC 9110 §14). One range is served; several at once get the whole file, which the RFC allows.
fn wanted_range(headers: &HeaderMap, bytes: u64) -> Range {
    let text = headers.get(header::RANGE).map(|value| value.to_str().unwrap_or_default());
    // There is no validator that `If-Range` could name, so its condition is false and the range does not count.
    let Some(text) = text.filter(|_| !headers.contains_key(header::IF_RANGE)) else { return Range::Whole };
    let Some(set) = text.strip_prefix("bytes=") else { return Range::Whole };
    if set.contains(',') {
        return Range::Whole;
    }
    part(set.trim(), bytes).map_or(Range::Unsatisfiable, |(first, last)| Range::Part(first, last))
}

/// Reads `first-last`, `first-` or `-length`, cut to the file.
fn part(text: &str, bytes: u64) -> Option<(u64, u64)> {
    let end = bytes.checked_sub(1)?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match text.split_once('-')? {
        ("", length) => {
            let length = number(length).filter(|length| *length > 0)?;
            Some((bytes.saturating_sub(length), end))
        }
        (first, "") => Some((number(first).filter(|first| *first <= end)?, end)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last && first <= end).then_some((first, last.min(end)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Range {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(text).unwrap());
        wanted_range(&headers, 100)
    }

    #[test]
    fn one_range_is_cut_to_the_file() {
        for (text, range) in [
            ("bytes=0-9", Range::Part(0, 9)),
            ("bytes=90-", Range::Part(90, 99)),
            ("bytes=-10", Range::Part(90, 99)),
            ("bytes=-1000", Range::Part(0, 99)),
            ("bytes=50-1000", Range::Part(50, 99)),
            ("bytes=99-99", Range::Part(99, 99)),
        ] {
            assert_eq!(wanted(text), range, "{text}");
        }
    }

    #[test]
    fn a_range_outside_of_the_file_or_without_sense_is_416() {
        for text in [
            "bytes=100-",
            "bytes=9-1",
            "bytes=-0",
            "bytes=x-y",
            "bytes=",
            "bytes=5",
            "bytes=+1-2",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(wanted(text), Range::Unsatisfiable, "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-"));
        assert_eq!(wanted_range(&headers, 0), Range::Unsatisfiable);
    }

    #[test]
    fn several_ranges_another_unit_or_a_condition_get_the_whole_file() {
        assert_eq!(wanted("bytes=0-1,5-6"), Range::Whole);
        assert_eq!(wanted(&format!("bytes={}", "0-,".repeat(2_000))), Range::Whole);
        assert_eq!(wanted("seconds=0-1"), Range::Whole);
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"x\""));
        assert_eq!(wanted_range(&headers, 100), Range::Whole);
    }
}
