//! The way in: routes, and the headers that every answer has.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::get,
};
use http::{HeaderName, HeaderValue, header};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use web::Secure;

use crate::{Console, assets, gate, pages};

/// How the console is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// As browsers see it, such as `https://pbx.example.com`; requests from pages of this origin are trusted too.
    pub public_url: String,
}

/// What a page may load and where it may go: nothing but our own, and no script or style inside of pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      media-src 'self' blob:; connect-src 'self'; \
                      worker-src 'self' blob:; font-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With "no-referrer" browsers would hide the origin of our own forms too.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(self), geolocation=(), payment=(), usb=(), browsing-topics=()",
    ),
];

/// Browsers come back by TLS only.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

pub(crate) fn router(console: Console) -> Router {
    let pages = pages::routes().method_not_allowed_fallback(pages::errors::method_not_allowed);
    layered(pages, console).route("/assets/{name}", get(assets::serve).layer(from_fn(guard)))
}

pub(crate) fn nothing(console: Console) -> Router {
    layered(Router::new().fallback(pages::errors::not_found), console)
}

/// Puts the layers around pages, the innermost first.
fn layered(pages: Router<Console>, console: Console) -> Router {
    pages
        .layer(CatchPanicLayer::custom(pages::errors::panicked))
        .layer(from_fn_with_state(console.clone(), gate::gate))
        // What streams (live pages) is left alone.
        .layer(CompressionLayer::new().gzip(true))
        .layer(from_fn(guard))
        .with_state(console)
}

/// Puts the headers on.
async fn guard(request: Request, next: Next) -> Response {
    let secure = request.extensions().get::<Secure>().is_some_and(|secure| secure.0);
    let host = gate::host(&request);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure && !gate::is_this_machine(&host) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
