//! What happens to every request: an id, a log span, figures, safe headers, and errors written out.

use std::{any::Any, sync::Arc};

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::{Error, Language};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest `X-Request-Id` that is taken over from the client.
const REQUEST_ID_LIMIT: usize = 128;

/// `X-Request-Id` of the request: the client's, or one made here. Stands in the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// The outermost layer (`axum::middleware::from_fn(web::request)`).
pub async fn request(mut request: Request, next: Next) -> Response {
    let id = RequestId(request_id(request.headers()));
    let language = Language::of(request.headers());
    let api = request.uri().path().starts_with("/api/");
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(language);
    let span = tracing::info_span!("request", request.id = %id.0, method = %method, route = route.as_deref());
    let start = tokio::time::Instant::now();

    let mut response = next.run(request).instrument(span.clone()).await;

    response = write_error(response, language, &id.0);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    if api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    record(&span, &method, route, response.status(), start.elapsed());
    response
}

/// Writes the body of an answer that is an error, in that language and with the request's id; leaves others as they are.
pub fn write_error(mut response: Response, language: Language, request_id: &str) -> Response {
    let Some(error) = response.extensions_mut().remove::<Error>() else { return response };
    let mut written = error.render(language, request_id);
    for (name, value) in response.headers() {
        if name == header::VARY {
            // What the answer depends on adds up.
            written.headers_mut().append(name, value.clone());
        } else if !written.headers().contains_key(name) && name != header::CONTENT_LENGTH {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written
}

fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(X_REQUEST_ID).map(HeaderValue::as_bytes);
    given
        .filter(|bytes| (1..=REQUEST_ID_LIMIT).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic))
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .map_or_else(|| uuid::Uuid::new_v4().to_string().into(), Into::into)
}

fn record(span: &tracing::Span, method: &Method, route: Option<String>, status: StatusCode, took: std::time::Duration) {
    span.in_scope(|| tracing::debug!(status = status.as_u16(), took_us = took.as_micros() as u64, "request answered"));
    // Paths and methods that we do not know are the client's to invent; each would make a series.
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let method = if known.contains(method) { method.as_str().to_owned() } else { "other".to_owned() };
    let route = route.unwrap_or_else(|| "none".to_owned());
    metrics::counter!("http_requests_total", "method" => method.clone(), "route" => route.clone(), "status" => status.as_u16().to_string())
        .increment(1);
    metrics::histogram!("http_request_seconds", "method" => method, "route" => route).record(took.as_secs_f64());
}

/// Answers what no route matches: 404, for `/api/v2/` naming the version that exists.
pub async fn not_found(uri: Uri) -> Error {
    let path = uri.path();
    if path == "/api/v2" || path.starts_with("/api/v2/") {
        return Error::unknown_version();
    }
    Error::not_found()
}

/// Answers a method that the path does not have.
pub async fn method_not_allowed() -> Error {
    Error::method_not_allowed()
}

/// Turns a panic in a handler into a 500; the process lives on.
pub fn catch_panic() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(answer_panic)
}

fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    metrics::counter!("http_panics_total").increment(1);
    Error::failed().into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::Body,
        middleware::{from_fn, from_fn_with_state},
        routing::get,
    };
    use http_body_util::BodyExt;
    use store::Clock;
    use tower::ServiceExt;

    use super::*;
    use crate::{Caller, LimitSettings, Limits, SignIn};

    async fn ask(path: &str, sign_in: SignIn) -> (StatusCode, HeaderMap, serde_json::Value) {
        let router = Router::new()
            .route("/api/panic", get(|| async { panic!("on purpose") as &'static str }))
            .route("/api/closed", get(|Caller(_): Caller| async { "open" }))
            .fallback(not_found)
            .layer(catch_panic())
            .layer(from_fn_with_state(Limits::new(LimitSettings::default(), Clock::system()), crate::limit))
            .layer(from_fn(move |mut request: Request, next: Next| {
                request.extensions_mut().insert(sign_in.clone());
                next.run(request)
            }))
            .layer(from_fn(request));
        let asked = Request::get(path).header("x-request-id", "r-1").body(Body::empty()).unwrap();
        let (parts, body) = router.oneshot(asked).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_panic_is_a_500_with_every_header_and_no_detail() {
        let (status, headers, body) = ask("/api/panic", SignIn::Nobody).await;
        assert_eq!(status, 500);
        assert_eq!(body, serde_json::json!({"message": "Server error", "code": "internal", "request_id": "r-1"}));
        for name in ["x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "cache-control"]
        {
            assert!(headers.contains_key(name), "{name}");
        }
    }

    #[tokio::test]
    async fn what_the_sign_in_layer_refuses_no_handler_answers() {
        let (status, headers, body) = ask("/api/closed", SignIn::Refused(Error::token_in_query())).await;
        assert_eq!((status.as_u16(), &body["code"]), (400, &serde_json::json!("token_in_query")));
        assert!(headers.contains_key("x-ratelimit-limit"));
        assert_eq!(ask("/api/closed", SignIn::Nobody).await.0, 401);
        let system = domain::Principal::system(domain::TenantId(1));
        assert_eq!(ask("/api/closed", SignIn::Caller(system)).await.0, 200);
    }
}
