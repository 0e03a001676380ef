//! The one error that handlers return, and the contract's body for it.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use domain::principal::Denied;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Fields, Language, Text};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or failure: status, the contract's message, a stable code, and for a 422 every bad field.
///
/// It travels to the request layer inside the response's extensions; that layer writes the body, because only it knows
/// the request's id and language.
#[derive(Clone, Debug)]
pub struct Error {
    status: StatusCode,
    code: &'static str,
    message: Text,
    fields: Fields,
    retry_after: Option<u64>,
}

/// The body of every answer from 400 to 599.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody<'a> {
    /// What happened, for people, in the language of `Accept-Language`.
    #[schema(example = "The given data was invalid.")]
    pub message: Cow<'a, str>,
    /// Messages by field; present on 422.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::HashMap<String, Vec<String>>>)]
    pub errors: Option<serde_json::Map<String, serde_json::Value>>,
    /// A stable name of the reason, for programs.
    #[schema(example = "invalid")]
    pub code: Cow<'a, str>,
    /// The `X-Request-Id` of this answer.
    pub request_id: Cow<'a, str>,
}

impl Error {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Text>) -> Self {
        Self::of(status, code, message.into())
    }

    const fn of(status: StatusCode, code: &'static str, message: Text) -> Self {
        Self { status, code, message, fields: Fields::new(), retry_after: None }
    }

    /// 400: the request as such cannot be read.
    pub const fn bad_request() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "malformed", text::BODY)
    }

    /// 400 for a query that cannot be read.
    pub const fn bad_query() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "malformed", text::QUERY)
    }

    /// 400 for a bearer in the query, where logs and referrers would keep it.
    pub const fn token_in_query() -> Self {
        Self::of(StatusCode::BAD_REQUEST, "token_in_query", text::TOKEN_IN_QUERY)
    }

    /// 401: no token, or one that is unknown, revoked or expired.
    pub const fn unauthenticated() -> Self {
        Self::of(StatusCode::UNAUTHORIZED, "unauthenticated", text::UNAUTHENTICATED)
    }

    /// 403: the token is valid and the permission is missing.
    pub const fn forbidden() -> Self {
        Self::of(StatusCode::FORBIDDEN, "forbidden", text::FORBIDDEN)
    }

    /// 404: it does not exist, or belongs to another account.
    pub const fn not_found() -> Self {
        Self::of(StatusCode::NOT_FOUND, "not_found", text::NOT_FOUND)
    }

    /// 404 for a version of the API that does not exist.
    pub const fn unknown_version() -> Self {
        Self::of(StatusCode::NOT_FOUND, "unknown_version", text::UNKNOWN_VERSION)
    }

    pub const fn method_not_allowed() -> Self {
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text::METHOD_NOT_ALLOWED)
    }

    /// 408: the body did not arrive in time.
    pub const fn body_timeout() -> Self {
        Self::of(StatusCode::REQUEST_TIMEOUT, "body_timeout", text::BODY_TIMEOUT)
    }

    /// 409: the resource is in the wrong state, or the name is taken.
    pub fn conflict(code: &'static str, message: impl Into<Text>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub const fn body_too_large() -> Self {
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text::BODY_TOO_LARGE)
    }

    pub const fn unsupported_media_type() -> Self {
        Self::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text::UNSUPPORTED_MEDIA_TYPE)
    }

    /// 422 for the given fields, each with its message.
    pub fn invalid<F: Into<String>, M: Into<crate::Rule>>(fields: impl IntoIterator<Item = (F, M)>) -> Self {
        fields.into_iter().collect::<Fields>().into()
    }

    /// 429, `retry_after` in seconds.
    pub fn too_many(retry_after: u64) -> Self {
        let message = Text::of(
            format!("Too many requests. Retry after {retry_after} seconds."),
            format!("Quá nhiều yêu cầu. Hãy thử lại sau {retry_after} giây."),
        );
        Self::of(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).with_retry_after(retry_after)
    }

    /// 503 with `Retry-After` in seconds: what is needed is not there now and will be later.
    pub fn unavailable(code: &'static str, message: impl Into<Text>, retry_after: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).with_retry_after(retry_after)
    }

    /// 500. The cause is logged here, once, and never sent.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Chain(cause), "a request failed");
        Self::failed()
    }

    /// 500 whose cause is logged elsewhere.
    pub(crate) const fn failed() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", text::FAILED)
    }

    #[must_use]
    pub fn with_message(mut self, message: impl Into<Text>) -> Self {
        self.message = message.into();
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the English message.
    pub fn message(&self) -> &str {
        self.message.said(Language::En)
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Returns the message in `language`, for pages.
    pub fn text(&self, language: Language) -> &str {
        self.message.said(language)
    }

    /// Returns the seconds of `Retry-After`.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Returns the answer in `language`.
    pub(crate) fn render(&self, language: Language, request_id: &str) -> Response {
        let body = ErrorBody {
            message: Cow::Borrowed(self.message.said(language)),
            errors: (!self.fields.is_empty()).then(|| self.fields.to_json(language)),
            code: Cow::Borrowed(self.code),
            request_id: Cow::Borrowed(request_id),
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.render(Language::En, "");
        response.extensions_mut().insert(self);
        response
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.message)?;
        if self.fields.is_empty() { Ok(()) } else { write!(f, " {}", self.fields) }
    }
}

impl std::error::Error for Error {}

impl From<Fields> for Error {
    fn from(fields: Fields) -> Self {
        Self { fields, ..Self::of(StatusCode::UNPROCESSABLE_ENTITY, "invalid", text::INVALID) }
    }
}

impl From<Denied> for Error {
    fn from(_: Denied) -> Self {
        Self::forbidden()
    }
}

/// What the database says about a request: gone, taken, busy, or our own fault.
impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound => Self::not_found(),
            store::Error::Unique(_) => Self::conflict("already_exists", text::ALREADY_EXISTS),
            error if error.is_transient() => {
                tracing::warn!(%error, "the database could not serve a request");
                Self::unavailable("busy", text::BUSY, 1)
            }
            error => Self::internal(&error),
        }
    }
}

/// An error with all its causes in one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The messages that this crate makes; those in English are the contract's where it has them.
mod text {
    use crate::Text;

    pub(super) const BODY: Text = Text::new("Malformed request body", "Nội dung yêu cầu không đúng định dạng");
    pub(super) const QUERY: Text = Text::new("Malformed query", "Chuỗi truy vấn không đúng định dạng");
    pub(super) const TOKEN_IN_QUERY: Text = Text::new(
        "Send the token in the Authorization header, not in the query.",
        "Hãy gửi token trong header Authorization, không gửi trong chuỗi truy vấn.",
    );
    pub(super) const UNAUTHENTICATED: Text = Text::new("Unauthenticated.", "Chưa xác thực.");
    pub(super) const FORBIDDEN: Text =
        Text::new("This action is unauthorized.", "Bạn không có quyền thực hiện thao tác này.");
    pub(super) const NOT_FOUND: Text = Text::new("Resource not found", "Không tìm thấy tài nguyên");
    pub(super) const UNKNOWN_VERSION: Text = Text::new(
        "There is no API v2. The current version is v1, whose paths start with /api/ and carry no version.",
        "Không có API v2. Phiên bản hiện tại là v1, với đường dẫn bắt đầu bằng /api/ và không ghi phiên bản.",
    );
    pub(super) const METHOD_NOT_ALLOWED: Text = Text::new("Method not allowed", "Phương thức không được hỗ trợ");
    pub(super) const BODY_TIMEOUT: Text =
        Text::new("The request body came too slowly.", "Nội dung yêu cầu được gửi quá chậm.");
    pub(super) const BODY_TOO_LARGE: Text = Text::new("The request body is too large.", "Nội dung yêu cầu quá lớn.");
    pub(super) const UNSUPPORTED_MEDIA_TYPE: Text =
        Text::new("The content type must be application/json.", "Content-Type phải là application/json.");
    pub(super) const FAILED: Text = Text::new("Server error", "Lỗi máy chủ");
    pub(super) const INVALID: Text = Text::new("The given data was invalid.", "Dữ liệu gửi lên không hợp lệ.");
    pub(super) const ALREADY_EXISTS: Text = Text::new("It already exists.", "Dữ liệu này đã tồn tại.");
    pub(super) const BUSY: Text = Text::new("The service is busy. Try again.", "Hệ thống đang bận. Hãy thử lại.");
}
