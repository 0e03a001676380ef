//! A sheet as the body of a request.

use axum::{body::Body, extract::FromRequest, extract::Request};
use bytes::Bytes;
use http::{HeaderMap, header};

use crate::{Error, read_body};

/// Most bytes of a sheet.
pub const LIMIT: usize = 10 * 1024 * 1024;

/// A body of the type `text/csv` as a handler's argument.
///
/// 415 for another or no content type, 413 beyond [`LIMIT`]. What the bytes are is the matter of [`super::Sheet`].
#[derive(Clone, Debug)]
pub struct Upload(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let plain = parts.headers.get(header::CONTENT_ENCODING).is_none_or(|value| value == "identity");
        if !is_sheet(&parts.headers) || !plain {
            return Err(Error::unsupported_media_type());
        }
        Ok(Self(read_body(&parts.headers, body).await?))
    }
}

/// Tells a sheet by its content type; text that says that it is not UTF-8 is none.
pub fn is_sheet(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let csv = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("text/csv"));
    csv && parts.all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim_matches('"');
        !name.eq_ignore_ascii_case("charset") || ["utf-8", "utf8"].iter().any(|known| value.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_sheet_is_text_csv_in_utf_8() {
        for (text, sheet) in [
            ("text/csv", true),
            ("Text/CSV; charset=UTF-8; header=present", true),
            ("text/csv; charset=\"utf-8\"", true),
            ("text/csv; charset=utf-16", false),
            ("text/plain", false),
            ("application/json", false),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]);
            assert_eq!(is_sheet(&headers), sheet, "{text}");
        }
        assert!(!is_sheet(&HeaderMap::new()));
    }
}
