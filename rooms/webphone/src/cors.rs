//! Which other sites' pages may read what the SDK asks for (CORS, Fetch §3.2).

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::TenantId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;
use web::SignIn;

use crate::{Error, Webphone};

/// What the SDK asks for. Tokens are made by the customers' servers, not by their pages.
const SHARED: [&str; 2] = ["/api/webphone/sip-config", "/api/contacts/lookup"];
/// How long what was read may be believed.
const TRUST: Duration = Duration::from_secs(2);
/// What pages may send beside what they always may.
const SENT: HeaderValue = HeaderValue::from_static("authorization, accept-language, content-type, x-request-id");
/// What pages may read beside the body.
const READ: HeaderValue = HeaderValue::from_static(
    "x-request-id, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, deprecation, sunset",
);
const LOCAL_ASKED: HeaderName = HeaderName::from_static("access-control-request-private-network");
const LOCAL_ALLOWED: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// The layer (`axum::middleware::from_fn_with_state(webphone, webphone::cors)`). It stands outside of the sign-in layers:
/// browsers ask in advance without a token, and must be able to read refusals.
pub async fn cors(State(webphone): State<Webphone>, request: Request, next: Next) -> Response {
    if !SHARED.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let host = accounts::host(request.headers(), request.uri());
    let asks =
        *request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if asks {
        let mut response = match webphone.allows(None, host.as_deref(), origin.as_ref()).await {
            Ok(true) => in_advance(request.headers()),
            Ok(false) => web::Error::forbidden().into_response(),
            Err(error) => web::Error::from(error).into_response(),
        };
        if response.status() == StatusCode::NO_CONTENT {
            allow(&mut response, origin);
        }
        vary(&mut response);
        return response;
    }
    let mut response = next.run(request).await;
    let tenant = match response.extensions().get::<SignIn>() {
        Some(SignIn::Caller(principal)) => Some(principal.tenant),
        _ => None,
    };
    match webphone.allows(tenant, host.as_deref(), origin.as_ref()).await {
        Ok(true) => allow(&mut response, origin),
        Ok(false) => {}
        Err(error) => return web::Error::from(error).into_response(),
    }
    vary(&mut response);
    response
}

impl Webphone {
    /// Tells whether pages of an origin may read an account's answers.
    async fn allows(
        &self,
        tenant: Option<TenantId>,
        host: Option<&str>,
        origin: Option<&HeaderValue>,
    ) -> Result<bool, Error> {
        let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else { return Ok(false) };
        let account = match tenant {
            Some(tenant) => Some(tenant),
            None => self.inner.accounts.owner_of(host).await?,
        };
        Ok(self.origins(account).await?.iter().any(|known| known == origin))
    }

    /// Returns the allowed origins of an account, or of all of them, at most two seconds old.
    pub(crate) async fn origins(&self, account: Option<TenantId>) -> Result<Arc<[String]>, Error> {
        let known = self.inner.origins.lock().unwrap_or_else(PoisonError::into_inner).get(&account).cloned();
        if let Some((read, origins)) = known
            && read.elapsed() < TRUST
        {
            return Ok(origins);
        }
        let read = Instant::now();
        let origins: Arc<[String]> = match account {
            Some(tenant) => self.inner.accounts.allowed_origins(tenant).await?,
            None => self.inner.accounts.every_origin().await?,
        }
        .into();
        let mut all = self.inner.origins.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(account, (read, Arc::clone(&origins)));
        Ok(origins)
    }
}

/// Answers a question in advance.
fn in_advance(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    // A server in the customer's own network is asked by pages of the public one.
    if asked.contains_key(LOCAL_ASKED) {
        headers.insert(LOCAL_ALLOWED, HeaderValue::from_static("true"));
    }
    response
}

fn allow(response: &mut Response, origin: Option<HeaderValue>) {
    let Some(origin) = origin else { return };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
}

/// The answer depends on who asks: no cache may hand it to another page.
fn vary(response: &mut Response) {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
}
