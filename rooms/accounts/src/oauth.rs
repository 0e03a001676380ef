//! `POST /oauth/token`: access tokens for programs by the client credentials grant (RFC 6749 §4.4).
//!
//! The client is a machine token: its number is the `client_id`, the random part behind the bar the `client_secret`.

use axum::{
    Extension,
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Permission, ids::TokenId};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{ClientAddress, OpenApiRouter, RequestId, routes};

use crate::{Accounts, Error, authenticate, ops::oauth::Client};

/// Most bytes of the form.
const FORM: usize = 8 * 1024;
/// Most parameters of the form.
const PARAMETERS: usize = 20;

pub(crate) fn routes(accounts: Accounts) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(token)).with_state(accounts)
}

/// The form. Send `client_id` and `client_secret` here, or both in the Authorization header as Basic.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents the form, which is read by hand: RFC 6749 has rules of its own for it")]
struct TokenForm {
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// The machine token's number.
    #[schema(example = "12")]
    client_id: Option<String>,
    /// The machine token's random part.
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// Scopes, separated by blanks; all of the machine token's if absent.
    #[schema(example = "pbx_api_access view_all_cdr")]
    scope: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TokenAnswer {
    /// A bearer token of its own.
    #[schema(example = "31|Yb7…")]
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds; fewer than 3600 if the machine token ends before.
    #[schema(example = 3600)]
    expires_in: i64,
    #[schema(example = "pbx_api_access view_all_cdr")]
    scope: String,
}

/// RFC 6749 §5.2. The texts are for developers and in English: the RFC allows ASCII only.
#[derive(Serialize, ToSchema)]
struct OauthError {
    #[schema(example = "invalid_client")]
    error: &'static str,
    error_description: &'static str,
}

/// Exchanges a machine token for an access token of one hour.
#[utoipa::path(post, path = "/oauth/token", tag = "accounts", security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenAnswer),
        (status = 400, description = "`invalid_request`, `unsupported_grant_type` or `invalid_scope`.", body = OauthError),
        (status = 401, description = "`invalid_client`.", body = OauthError),
    ))]
async fn token(
    State(accounts): State<Accounts>,
    ClientAddress(address): ClientAddress,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Response {
    let host = authenticate::host(request.headers(), request.uri());
    let basic = request.headers().contains_key(header::AUTHORIZATION);
    let answer = async {
        let asked = Asked::read(request).await?;
        let (id, secret) = (asked.client_id.as_str(), asked.client_secret.as_str());
        let client = Client { id: number(id)?, secret, host: host.as_deref(), address, request_id: &request_id.0 };
        accounts.access_token(client, asked.scopes.as_deref()).await.map_err(|error| match error {
            Error::SignIn => Refusal::INVALID_CLIENT,
            Error::Denied => Refusal::INVALID_SCOPE,
            other => Refusal::Failed(other.into()),
        })
    };
    let mut response = match answer.await {
        Ok(access) => axum::Json(TokenAnswer {
            access_token: access.token,
            token_type: "Bearer",
            expires_in: access.expires_in,
            scope: access.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        })
        .into_response(),
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    if headers.get(header::WWW_AUTHENTICATE).is_none() && response.status() == StatusCode::UNAUTHORIZED && basic {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"oauth\""));
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// What a client asked for.
#[derive(Debug)]
struct Asked {
    client_id: String,
    client_secret: String,
    /// `None` for all that the client may.
    scopes: Option<Vec<Permission>>,
}

#[derive(Debug)]
enum Refusal {
    /// An answer of RFC 6749 §5.2.
    Oauth(StatusCode, &'static str, &'static str),
    Failed(web::Error),
}

impl Refusal {
    const INVALID_CLIENT: Self = Self::Oauth(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "Unknown client, wrong secret, or a client that may not ask from here.",
    );
    const INVALID_SCOPE: Self =
        Self::Oauth(StatusCode::BAD_REQUEST, "invalid_scope", "A scope is unknown or is not one of the client's.");
    const GRANT_TYPE: Self =
        Self::Oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type", "The grant_type must be client_credentials.");

    const fn request(description: &'static str) -> Self {
        Self::Oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Oauth(status, error, error_description) => {
                (status, axum::Json(OauthError { error, error_description })).into_response()
            }
            Self::Failed(error) => error.into_response(),
        }
    }
}

impl Asked {
    async fn read(request: Request) -> Result<Self, Refusal> {
        // §2.3.1: never in the URI, where logs would keep it.
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(Refusal::request("Parameters belong into the body, not into the query."));
        }
        let basic = basic(request.headers())?;
        let essence = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = essence.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::request("The content type must be application/x-www-form-urlencoded."));
        }
        let unreadable = || Refusal::request("The form cannot be read or is too long.");
        let limited = Request::new(axum::body::Body::new(http_body_util::Limited::new(request.into_body(), FORM)));
        let bytes = bytes::Bytes::from_request(limited, &()).await.map_err(|_| unreadable())?;
        Self::of(basic, &bytes)
    }

    fn of(basic: Option<(String, String)>, form: &[u8]) -> Result<Self, Refusal> {
        let (mut grant_type, mut id, mut secret, mut scope) = (None, None, None, None);
        for (count, (name, value)) in form_urlencoded::parse(form).enumerate() {
            let place = match name.as_ref() {
                "grant_type" => &mut grant_type,
                "client_id" => &mut id,
                "client_secret" => &mut secret,
                "scope" => &mut scope,
                // §3.2: what is not known is ignored.
                _ if count < PARAMETERS => continue,
                _ => return Err(Refusal::request("There are too many parameters.")),
            };
            if place.is_some() {
                return Err(Refusal::request("A parameter stands there twice."));
            }
            *place = Some(value.into_owned());
        }
        // §3.2: without a value is as good as absent.
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let (id, secret) = (given(id), given(secret));
        let (client_id, client_secret) = match (basic, id, secret) {
            (Some((client, _)), Some(id), _) if client != id => {
                return Err(Refusal::request("The client_id differs from that of the Authorization header."));
            }
            // §2.3: one way at a time.
            (Some(_), _, Some(_)) => return Err(Refusal::request("Send the client's secret in one way only.")),
            (Some(client), ..) => client,
            (None, Some(id), Some(secret)) => (id, secret),
            (None, ..) => return Err(Refusal::INVALID_CLIENT),
        };
        match given(grant_type).as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::GRANT_TYPE),
            None => return Err(Refusal::request("The grant_type is missing.")),
        }
        let scopes = given(scope).map(|text| {
            let named = text.split(' ').filter(|name| !name.is_empty());
            named.map(|name| Permission::parse(name).ok_or(Refusal::INVALID_SCOPE)).collect::<Result<Vec<_>, _>>()
        });
        Ok(Self { client_id, client_secret, scopes: scopes.transpose()? })
    }
}

/// Reads the client of `Authorization: Basic`, whose halves are form-encoded (§2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().ok().filter(|_| values.next().is_none()).ok_or(Refusal::INVALID_CLIENT)?;
    let decoded = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, coded)| STANDARD.decode(coded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(Refusal::INVALID_CLIENT)?;
    let (id, secret) = decoded.split_once(':').ok_or(Refusal::INVALID_CLIENT)?;
    let plain = |half: &str| {
        // A half is one name without a value; a `+` is a blank and `%7C` a bar.
        let mut pairs = form_urlencoded::parse(half.as_bytes());
        pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    Ok(Some((plain(id), plain(secret))))
}

fn number(id: &str) -> Result<TokenId, Refusal> {
    let plain = (1..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    id.parse().ok().filter(|_| plain).map(TokenId).ok_or(Refusal::INVALID_CLIENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(result: Result<Asked, Refusal>) -> &'static str {
        match result {
            Ok(_) => "ok",
            Err(Refusal::Oauth(_, error, _)) => error,
            Err(Refusal::Failed(_)) => "failed",
        }
    }

    #[test]
    fn forms_are_read_as_the_rfc_has_it() {
        let basic = || Some(("12".to_owned(), "abc".to_owned()));
        for (header, form, outcome) in [
            (None, "grant_type=client_credentials&client_id=12&client_secret=abc", "ok"),
            (None, "grant_type=client_credentials&client_id=12&client_secret=abc&scope=&other=1", "ok"),
            (
                None,
                "grant_type=client_credentials&client_id=12&client_secret=abc&scope=pbx_api_access++view_all_cdr",
                "ok",
            ),
            (basic(), "grant_type=client_credentials", "ok"),
            (basic(), "grant_type=client_credentials&client_id=12", "ok"),
            (basic(), "grant_type=client_credentials&client_id=13", "invalid_request"),
            (basic(), "grant_type=client_credentials&client_secret=abc", "invalid_request"),
            (None, "grant_type=client_credentials&client_id=12", "invalid_client"),
            (None, "grant_type=client_credentials&client_id=12&client_secret=", "invalid_client"),
            (None, "client_id=12&client_secret=abc", "invalid_request"),
            (None, "grant_type=password&client_id=12&client_secret=abc", "unsupported_grant_type"),
            (
                None,
                "grant_type=client_credentials&grant_type=password&client_id=12&client_secret=abc",
                "invalid_request",
            ),
            (None, "grant_type=client_credentials&client_id=12&client_secret=abc&scope=root", "invalid_scope"),
            (None, "", "invalid_client"),
        ] {
            assert_eq!(name(Asked::of(header, form.as_bytes())), outcome, "{form}");
        }
        let many = format!("grant_type=client_credentials&client_id=12&client_secret=abc{}", "&a=b".repeat(50));
        assert_eq!(name(Asked::of(None, many.as_bytes())), "invalid_request");
    }

    #[test]
    fn basic_credentials_are_form_encoded_halves() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap());
            basic(&headers).ok().flatten()
        };
        let coded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(read(&coded("12:abc")), Some(("12".to_owned(), "abc".to_owned())));
        assert_eq!(read(&coded("12:a%3Ab+c")), Some(("12".to_owned(), "a:b c".to_owned())));
        for bad in ["Basic", "Basic !", "Bearer 12|abc", &coded("12")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
