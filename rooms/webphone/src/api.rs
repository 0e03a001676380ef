//! `/api/webphone/*`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::{
    Extension, Json,
    extract::{FromRequestParts, State},
};
use domain::Timestamp;
use http::{header, request::Parts};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Body, Caller, Data, OpenApiRouter, Query, Result, Secure, routes};

use crate::{Webphone, authenticate::Bearer, ice::IceServer, ops::NewToken};

pub(crate) fn routes(webphone: Webphone) -> OpenApiRouter {
    OpenApiRouter::<Webphone>::new().routes(routes!(embed_token)).routes(routes!(sip_config)).with_state(webphone)
}

/// A wish for an embed token.
#[derive(Deserialize, ToSchema)]
#[schema(as = EmbedTokenRequest)]
struct Wish {
    /// How long the token lives.
    #[schema(minimum = 60, maximum = 3600, default = 300)]
    ttl_seconds: Option<i64>,
    /// The phone's extension; the user's own unless given. Agents have their own only.
    #[schema(example = "1001")]
    extension: Option<String>,
    /// The only origin that a frame with this token obeys, and whose pages may use it: one of the account's allowed origins.
    #[schema(example = "https://crm.example")]
    origin: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EmbedToken)]
struct TokenBody {
    /// A JSON Web Token (HS256) for `GET /api/webphone/sip-config`, `GET /api/contacts/lookup` and `/webphone-embed`.
    embed_token: String,
    /// In the account's time zone.
    #[schema(format = DateTime, example = "2026-02-03T11:05:06+07:00")]
    expires_at: String,
}

/// Makes a token for the webphone of a page: short-lived, and good for the phone of one extension alone.
#[utoipa::path(post, path = "/api/webphone/embed-token", tag = "webphone", request_body = Wish,
    responses((status = 200, body = TokenBody)))]
async fn embed_token(
    State(webphone): State<Webphone>,
    Caller(who): Caller,
    Body { value: wish, fields }: Body<Wish>,
) -> Result<Json<TokenBody>> {
    let new = NewToken { ttl_seconds: wish.ttl_seconds, extension: wish.extension, origin: wish.origin };
    let token = webphone.embed_token(&who, new, fields).await?;
    let zone = webphone.inner.accounts.account(who.tenant).await?.timezone;
    Ok(Json(TokenBody { expires_at: local(token.expires_at, &zone), embed_token: token.token }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PhoneParams {
    /// The phone's extension; the token's or the user's own unless given.
    #[param(example = "1001")]
    extension: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SipConfig)]
struct ConfigBody {
    #[schema(example = "1001")]
    extension: String,
    display_name: Option<String>,
    /// Where SIP is spoken over WebSocket (sub-protocol `sip`).
    #[schema(example = "wss://pbx.example.com/sip")]
    ws_url: String,
    /// Digest realm, and the domain of the address of record `sip:EXTENSION@REALM`.
    #[schema(example = "zorio")]
    realm: String,
    /// For the digest (MD5): made for this session, never the extension's own.
    #[schema(example = "1001-w-2a-69211ec0-00ff00ff00ff00ff")]
    sip_username: String,
    sip_password: String,
    /// When the login is over, in the account's time zone; ask again before.
    #[schema(format = DateTime, example = "2026-02-03T23:05:06+07:00")]
    expires_at: String,
    ice_servers: Vec<IceServer>,
    /// What the server speaks, the best first.
    #[schema(value_type = Vec<String>, example = json!(["opus", "PCMA", "PCMU"]))]
    codecs: &'static [&'static str],
    /// What the phone may do.
    #[schema(value_type = Vec<String>, example = json!(["call", "answer", "hold", "transfer", "dtmf", "contact_lookup"]))]
    permissions: &'static [&'static str],
}

/// Returns what a browser needs to be a phone: where to register, as whom, and a SIP login for one session.
#[utoipa::path(get, path = "/api/webphone/sip-config", tag = "webphone", params(PhoneParams),
    responses((status = 200, body = Data<ConfigBody>)))]
async fn sip_config(
    State(webphone): State<Webphone>,
    Caller(who): Caller,
    token: Option<Extension<Bearer>>,
    place: Place,
    Query(params): Query<PhoneParams>,
) -> Result<Data<ConfigBody>> {
    let token = token.map(|Extension(Bearer(claims))| claims);
    let found = webphone.configuration(&who, token.as_ref(), params.extension.as_deref()).await?;
    let zone = webphone.inner.accounts.account(who.tenant).await?.timezone;
    Ok(Data(ConfigBody {
        extension: found.extension,
        display_name: found.display_name,
        ws_url: webphone.ws_url(&place),
        realm: found.login.realm,
        sip_username: found.login.username,
        sip_password: found.login.password,
        expires_at: local(found.login.expires_at, &zone),
        ice_servers: found.ice_servers,
        codecs: found.codecs,
        permissions: found.permissions,
    }))
}

/// How the client reached us.
pub(crate) struct Place {
    /// With the port.
    host: Option<String>,
    is_secure: bool,
}

impl Place {
    pub(crate) fn of(parts: &Parts) -> Self {
        let header = || parts.headers.get(header::HOST)?.to_str().ok();
        let host = parts.uri.authority().map(http::uri::Authority::as_str).or_else(header);
        // It becomes part of policies: nothing but what hosts are written with.
        let plain = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte));
        let host = host.filter(plain).map(str::to_owned);
        Self { host, is_secure: parts.extensions.get::<Secure>().is_some_and(|secure| secure.0) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

impl Webphone {
    /// Returns where SIP is spoken over WebSocket for a client there: on the host that it asked, which names its account.
    pub(crate) fn ws_url(&self, place: &Place) -> String {
        self.ws_origin(place) + self.inner.config.sip_path
    }

    /// Returns the origin of [`Self::ws_url`].
    pub(crate) fn ws_origin(&self, place: &Place) -> String {
        let config = &self.inner.config;
        let (scheme, own) = config.public_url.split_once("://").unwrap_or(("http", &config.public_url));
        let host = place.host.as_deref().unwrap_or(own);
        // A proxy may have ended TLS without a word that we believe: our own URL says how clients come.
        let is_secure = place.is_secure || (scheme == "https" && host.eq_ignore_ascii_case(own));
        format!("{}://{host}", if is_secure { "wss" } else { "ws" })
    }
}

/// Writes a time with the offset of a zone: `2026-02-03T11:05:06+07:00`.
fn local(at: Timestamp, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    match jiff::Timestamp::from_millisecond(at.millis()) {
        Ok(at) => at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Err(_) => at.rfc3339(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_accounts_offset() {
        let at = Timestamp::from_millis(1_770_091_506_000);
        assert_eq!(local(at, "Asia/Ho_Chi_Minh"), "2026-02-03T11:05:06+07:00");
        assert_eq!(local(at, "nowhere"), "2026-02-03T04:05:06+00:00");
    }
}
