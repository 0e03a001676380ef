//! The one error that handlers return, and the contract's body for it.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use domain::principal::Denied;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Fields, Language, language};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or failure: status, the contract's message, a stable code, and for a 422 every bad field.
///
/// It travels to the request layer inside the response's extensions; that layer writes the body, because only it knows
/// the request's id and language.
#[derive(Clone, Debug)]
pub struct Error {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
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
    pub const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message: Cow::Borrowed(message), fields: Fields::new(), retry_after: None }
    }

    /// 400: the request as such cannot be read.
    pub const fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "Malformed request body")
    }

    /// 400 for a bearer in the query, where logs and referrers would keep it.
    pub const fn token_in_query() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "token_in_query",
            "Send the token in the Authorization header, not in the query.",
        )
    }

    /// 401: no token, or one that is unknown, revoked or expired.
    pub const fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Unauthenticated.")
    }

    /// 403: the token is valid and the permission is missing.
    pub const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This action is unauthorized.")
    }

    /// 404: it does not exist, or belongs to another account.
    pub const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Resource not found")
    }

    pub const fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
    }

    /// 409: the resource is in the wrong state, or the name is taken.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "").with_message(message)
    }

    pub const fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The request body is too large.")
    }

    pub const fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The content type must be application/json.",
        )
    }

    /// 422 for the given fields, each with its message.
    pub fn invalid<F: Into<String>, M: Into<crate::Rule>>(fields: impl IntoIterator<Item = (F, M)>) -> Self {
        fields.into_iter().collect::<Fields>().into()
    }

    /// 429, `retry_after` in seconds.
    pub fn too_many(retry_after: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "")
            .with_message(format!("Too many requests. Retry after {retry_after} seconds."))
            .with_retry_after(retry_after)
    }

    /// 503 with `Retry-After` in seconds: what is needed is not there now and will be later.
    pub fn unavailable(code: &'static str, message: impl Into<Cow<'static, str>>, retry_after: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "").with_message(message).with_retry_after(retry_after)
    }

    /// 500. The cause is logged here, once, and never sent.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Chain(cause), "a request failed");
        Self::failed()
    }

    /// 500 whose cause is logged elsewhere.
    pub(crate) const fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Server error")
    }

    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
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

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Returns the message in `language`, for pages.
    pub fn text(&self, language: Language) -> &str {
        language::message(language, self.code).unwrap_or(&self.message)
    }

    /// Returns the answer in `language`. Only the English message may carry figures; a translation names none.
    pub(crate) fn render(&self, language: Language, request_id: &str) -> Response {
        let translated = language::message(language, self.code).map(Cow::Borrowed);
        let body = ErrorBody {
            message: translated.unwrap_or(Cow::Borrowed(&self.message)),
            errors: (!self.fields.is_empty()).then(|| self.fields.to_json(language)),
            code: Cow::Borrowed(self.code),
            request_id: Cow::Borrowed(request_id),
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response();
        let headers = response.headers_mut();
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
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The given data was invalid.") }
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
            store::Error::Unique(_) => Self::conflict("already_exists", "It already exists."),
            error if error.is_transient() => {
                tracing::warn!(%error, "the database could not serve a request");
                Self::unavailable("busy", "The service is busy. Try again.", 1)
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
