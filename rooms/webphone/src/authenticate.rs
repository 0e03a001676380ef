//! The sign-in layer of embed tokens, behind the one of accounts.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use domain::{Principal, principal::Actor};
use http::{HeaderMap, Method, header, request::Parts};
use web::{ClientAddress, CountedAs, RequestId, SignIn};

use crate::{Error, Webphone, token::Claims};

/// What an embed token opens.
const OPEN: [&str; 2] = ["/api/webphone/sip-config", "/api/contacts/lookup"];

/// The embed token that a request bears. Stands in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(pub(crate) Claims);

/// The layer (`axum::middleware::from_fn_with_state(webphone, webphone::authenticate)`). It looks at requests that nobody
/// signed in for yet.
pub async fn authenticate(State(webphone): State<Webphone>, request: Request, next: Next) -> Response {
    let is_open = matches!(request.extensions().get::<SignIn>(), Some(SignIn::Nobody));
    if !is_open || !request.uri().path().starts_with("/api/") || token(request.headers()).is_none() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let found = webphone.sign_in_of(&parts).await;
    let mut request = Request::from_parts(parts, body);
    let extensions = request.extensions_mut();
    match found {
        Ok(Some((principal, claims))) => {
            let mut hasher = DefaultHasher::new();
            (claims.account, &claims.extension).hash(&mut hasher);
            extensions.insert(CountedAs(hasher.finish()));
            extensions.insert(Bearer(claims));
            extensions.insert(SignIn::Caller(principal));
        }
        Ok(None) => {}
        Err(error) => {
            extensions.insert(SignIn::Refused(error));
        }
    }
    next.run(request).await
}

impl Webphone {
    async fn sign_in_of(&self, request: &Parts) -> web::Result<Option<(Principal, Claims)>> {
        let Some(token) = token(&request.headers) else { return Ok(None) };
        let Some(claims) = self.open_token(token).await? else { return Ok(None) };
        let host = accounts::host(&request.headers, &request.uri);
        let owner = self.inner.accounts.owner_of(host.as_deref()).await?;
        if owner.is_some_and(|owner| owner != claims.tenant()) {
            return Ok(None);
        }
        if !comes_from(&request.headers, claims.origin.as_deref()) {
            return Err(Error::Origin.into());
        }
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        if !reads || !OPEN.contains(&request.uri.path()) {
            return Err(web::Error::forbidden());
        }
        let principal = Principal {
            tenant: claims.tenant(),
            actor: Actor::Machine { name: format!("webphone {}", claims.extension) },
            token: None,
            permissions: Vec::new(),
            address: request.extensions.get::<ClientAddress>().map(|client| client.0),
            request_id: request.extensions.get::<RequestId>().map(|id| id.0.to_string()).unwrap_or_default(),
        };
        Ok(Some((principal, claims)))
    }
}

/// Returns the token of `Authorization: Bearer <JWT>`. Two such headers are none.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.split('.').count() == 3).then_some(token)
}

/// Tells whether a page that the token is for sent the request, or a program, or a page of ours.
fn comes_from(headers: &HeaderMap, only: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(only), Some(origin)) = (only, text(header::ORIGIN)) else { return true };
    let host = text(header::HOST).unwrap_or_default();
    let own = |scheme: &str| origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host));
    origin.eq_ignore_ascii_case(only) || own("https://") || own("http://")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_with_an_origin_is_for_its_pages_and_ours() {
        for (origin, only, fits) in [
            (None, Some("https://crm.example"), true),
            (Some("https://crm.example"), None, true),
            (Some("https://crm.example"), Some("https://crm.example"), true),
            (Some("https://pbx.example"), Some("https://crm.example"), true),
            (Some("https://evil.example"), Some("https://crm.example"), false),
            (Some("https://sub.crm.example"), Some("https://crm.example"), false),
            (Some("https://crm.example.evil.example"), Some("https://crm.example"), false),
            (Some("http://crm.example"), Some("https://crm.example"), false),
            (Some("https://crm.example:8443"), Some("https://crm.example"), false),
            (Some("null"), Some("https://crm.example"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("pbx.example"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(comes_from(&headers, only), fits, "{origin:?} {only:?}");
        }
    }

    #[test]
    fn only_three_parts_are_a_token_of_a_page() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            token(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer a.b.c"), Some("a.b.c".to_owned()));
        assert_eq!(read("bearer  a.b.c "), Some("a.b.c".to_owned()));
        for other in ["Bearer 12|abc", "Basic a.b.c", "Bearer a.b", "Bearer a.b.c.d", "a.b.c"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
