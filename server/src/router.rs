//! Which path is answered by whom, and the layers that every request passes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use autocall::Autocall;
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use console::Console;
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use pbx::Pbx;
use serde_json::json;
use sip::Sip;
use store::Db;
use tower::ServiceExt;
use web::{OpenApiRouter, SignIn};
use webphone::Webphone;

use crate::{openapi, websocket, wire::Rooms};

/// What programs ask for; everything else is a page.
const FOR_PROGRAMS: [&str; 7] = ["/api", "/oauth", "/openapi", "/healthz", "/readyz", "/sdk", sip::WEBSOCKET_PATH];

/// What of the API will go; every answer that has to do with it says so.
const DEPRECATED: &[web::Deprecated] = &[];

/// Whether the server is on its way out. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    pub fn start(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Returns the documented routes of all rooms.
pub fn documented(rooms: &Rooms, pbx: &Pbx, webphone: &Webphone) -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(rooms.accounts.routes())
        .merge(pbx.routes())
        .merge(rooms.contacts.routes(pbx))
        .merge(autocall(rooms, pbx).routes())
        .merge(webphone.routes())
        .merge(rooms.webhooks.routes())
}

/// Opens the room of campaigns, whose calls the exchange places.
pub(crate) fn autocall(rooms: &Rooms, pbx: &Pbx) -> Autocall {
    Autocall::open(rooms.db.clone(), rooms.bus.clone(), pbx.clone())
}

/// Returns the router of the public listeners, with the console unless that has listeners of its own.
pub fn api(
    rooms: &Rooms,
    pbx: &Pbx,
    webphone: &Webphone,
    phones: &Sip,
    draining: &Draining,
    console: Option<&Console>,
) -> Router {
    let (router, document) = documented(rooms, pbx, webphone).split_for_parts();
    let ready = Ready { db: rooms.db.clone(), draining: draining.clone() };
    let router = router
        .merge(openapi::routes(openapi::complete(document)))
        .merge(webphone.pages())
        .route(sip::WEBSOCKET_PATH, get(websocket::sip_over_websocket).with_state(phones.clone()))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz).with_state(ready));
    let router = match console {
        Some(console) => router.merge(console.router()).fallback_service(nothing(console)),
        None => router.fallback(web::not_found),
    };
    router
        .method_not_allowed_fallback(web::method_not_allowed)
        .layer(web::catch_panic())
        .layer(from_fn_with_state(DEPRECATED, web::announce))
        .layer(from_fn_with_state(rooms.accounts.clone(), accounts::idempotent))
        .layer(from_fn_with_state(rooms.limits.clone(), web::limit))
        .layer(from_fn(tell_who))
        .layer(from_fn_with_state(webphone.clone(), webphone::authenticate))
        .layer(from_fn_with_state(rooms.accounts.clone(), accounts::authenticate))
        .layer(from_fn_with_state(webphone.clone(), webphone::cors))
        .layer(from_fn(webhooks::envelope))
        .layer(from_fn(web::request))
}

/// Returns the router of the console's own listeners.
pub fn console(rooms: &Rooms, console: &Console) -> Router {
    console
        .router()
        .fallback_service(nothing(console))
        .layer(web::catch_panic())
        .layer(from_fn_with_state(rooms.limits.clone(), web::limit))
        .layer(from_fn(web::request))
}

/// Answers what no route matches: with a page for people, else as the API does.
fn nothing(console: &Console) -> Router {
    let page = console.nothing();
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path();
        let under =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if FOR_PROGRAMS.into_iter().any(under) || !accept.contains("text/html") {
            return web::not_found(request.uri().clone()).await.into_response();
        }
        match page.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    })
}

/// Lets the listener know that somebody signed in on a connection: the answer bears the caller, too.
/// What has sign-ins of its own puts its caller there itself.
async fn tell_who(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<SignIn>().filter(|who| matches!(who, SignIn::Caller(_))).cloned();
    let mut response = next.run(request).await;
    if let Some(caller) = caller {
        response.extensions_mut().insert(caller);
    }
    response
}

/// Returns the router of the metrics listeners.
pub fn metrics(figures: &'static PrometheusHandle) -> Router {
    let scrape = move || async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], figures.render()) };
    Router::new().route("/metrics", get(scrape)).fallback(web::not_found).layer(from_fn(web::request))
}

/// Says that the process lives.
async fn healthz() -> Response {
    axum::Json(json!({"status": "ok"})).into_response()
}

#[derive(Clone)]
struct Ready {
    db: Db,
    draining: Draining,
}

/// Says whether the server can take calls: 503 while it drains or cannot reach its database.
async fn readyz(State(ready): State<Ready>) -> Response {
    let status = match ready.draining.is_on() {
        true => "draining",
        false if ready.db.read_any_tenant().await.is_err() => "database unavailable",
        false => return axum::Json(json!({"status": "ready"})).into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({"status": status}))).into_response()
}
