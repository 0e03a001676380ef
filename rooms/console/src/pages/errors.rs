//! Pages that say what went wrong.

use std::any::Any;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::{Failure, view::View, words};

#[derive(Template)]
#[template(path = "errors/error.html")]
struct Page<'a> {
    v: &'a View,
    status: u16,
    title: &'a str,
    text: &'a str,
    request_id: &'a str,
    is_confirm: bool,
    /// Where what was refused is looked at.
    back: Option<&'a str>,
    /// The page to come back to, for an address.
    next: String,
}

/// Draws the page of a failure, in the console's shape for whoever is signed in.
pub(crate) fn draw(view: &View, failure: &Failure) -> Response {
    let status = failure.status();
    let kind = match (failure, status) {
        (Failure::Confirm, _) => "confirm",
        (_, StatusCode::FORBIDDEN) => "forbidden",
        (_, StatusCode::NOT_FOUND) => "not_found",
        (_, StatusCode::METHOD_NOT_ALLOWED) => "method",
        (_, StatusCode::TOO_MANY_REQUESTS) => "busy",
        (_, status) if status == StatusCode::SERVICE_UNAVAILABLE => "busy",
        (_, status) if status.is_server_error() => "internal",
        _ => "refused",
    };
    let said = |part: &str| words::maybe(view.language(), &format!("errors.{kind}.{part}"));
    let own = match failure {
        Failure::Refused(error) if kind == "refused" => Some(error.text(view.language())),
        _ => None,
    };
    let page = Page {
        v: view,
        status: status.as_u16(),
        title: said("title").unwrap_or_default(),
        text: own.or_else(|| said("text")).unwrap_or_default(),
        request_id: &view.visit().request_id,
        is_confirm: matches!(failure, Failure::Confirm),
        back: above(view.bare_path()).filter(|_| kind == "refused"),
        next: form_urlencoded::byte_serialize(view.path().as_bytes()).collect(),
    };
    let mut response =
        view.page_with(status, &page).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    if matches!(failure, Failure::Confirm) {
        // The page's script asks for the password and sends the request again.
        response.headers_mut().insert(HeaderName::from_static("x-confirm-password"), HeaderValue::from_static("1"));
    }
    response
}

/// Returns the page above an act of a page: `/menus/1` of `/menus/1/delete`.
fn above(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(above, _)| above).filter(|above| !above.is_empty())
}

pub(crate) async fn not_found() -> Failure {
    Failure::not_found()
}

pub(crate) async fn method_not_allowed() -> Failure {
    Failure::Refused(web::Error::method_not_allowed())
}

/// Turns a panic in a page into a 500; the process lives on.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a page panicked");
    metrics::counter!("http_panics_total").increment(1);
    let said = web::Text::new("Server error", "Lỗi máy chủ");
    Failure::Refused(web::Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", said)).into_response()
}
