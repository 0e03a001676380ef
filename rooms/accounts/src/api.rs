//! `/api/auth/*`.

use axum::{
    Extension,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use domain::{Principal, TenantId, UserId, ids::TokenId};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, ClientAddress, Data, Fields, Json, OpenApiRouter, RequestId, routes};

use crate::{
    Accounts, Error, User,
    authenticate::{self, Bearer},
    ops::login::Attempt,
};

/// Most characters of `device_name`; longer ones are cut.
const DEVICE_NAME: usize = 100;

pub(crate) fn routes(accounts: Accounts) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout)).routes(routes!(me)).with_state(accounts)
}

#[derive(Deserialize, ToSchema)]
struct Login {
    #[schema(example = "an.nguyen")]
    username: String,
    #[schema(format = Password)]
    password: String,
    /// A label that distinguishes tokens.
    device_name: Option<String>,
    /// The code of a user who has a second factor: of the authenticator app, or a recovery code.
    code: Option<String>,
}

/// The user with the token; `token` stands beside `data`.
#[derive(Serialize, ToSchema)]
struct LoginAnswer {
    data: LoginUser,
    /// Shown this once.
    #[schema(example = "12|Yb7…")]
    token: String,
}

#[derive(Serialize, ToSchema)]
struct LoginUser {
    user: UserBody,
}

#[derive(Serialize, ToSchema)]
struct UserBody {
    #[schema(value_type = i64)]
    id: UserId,
    username: String,
    email: Option<String>,
    #[schema(example = "agent")]
    role: &'static str,
    team_id: Option<i64>,
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    /// The user's own phone.
    extension: Option<String>,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            username: user.username.clone(),
            email: user.email.clone(),
            role: user.role().as_str(),
            team_id: user.team_id,
            tenant_id: user.tenant_id,
            extension: user.extension.clone(),
        }
    }
}

/// Signs in with username and password and returns a token.
#[utoipa::path(post, path = "/api/auth/login", tag = "accounts", request_body = Login, security(()),
    responses(
        (status = 200, body = LoginAnswer),
        (status = 401, description = "Wrong username or password: `Invalid username or password.`", body = web::ErrorBody),
    ))]
async fn login(
    State(accounts): State<Accounts>,
    ClientAddress(address): ClientAddress,
    Host(host): Host,
    Extension(request_id): Extension<RequestId>,
    Json(login): Json<Login>,
) -> web::Result<Response> {
    let mut fields = Fields::new();
    fields.require("username", Some(login.username.trim()).filter(|name| !name.is_empty()));
    fields.require("password", Some(&login.password).filter(|password| !password.is_empty()));
    fields.finish()?;
    let device: String = login.device_name.as_deref().unwrap_or("login").chars().take(DEVICE_NAME).collect();
    let (username, password) = (login.username.as_str(), login.password.as_str());
    let attempt = Attempt { username, password, host: host.as_deref(), address, request_id: &request_id.0 };
    let (headers, counted) = accounts.inner.limits.count_login(address, username);
    let answer = match counted {
        Ok(()) => {
            let logged_in = accounts.login(attempt, login.code.as_deref(), &device).await;
            logged_in.map(LoginAnswer::from).map(axum::Json).map_err(web::Error::from)
        }
        Err(refused) => Err(refused),
    };
    let mut response = answer.into_response();
    headers.put(&mut response);
    Ok(response)
}

impl From<crate::ops::login::LoggedIn> for LoginAnswer {
    fn from(logged_in: crate::ops::login::LoggedIn) -> Self {
        Self { data: LoginUser { user: UserBody::from(&logged_in.user) }, token: logged_in.token }
    }
}

#[derive(Serialize, ToSchema)]
struct LoggedOut {
    #[schema(example = "Logged out.")]
    message: &'static str,
}

/// Ends the token that the request bears. A machine token cannot end itself: 403.
#[utoipa::path(post, path = "/api/auth/logout", tag = "accounts", responses((status = 200, body = Data<LoggedOut>)))]
async fn logout(State(accounts): State<Accounts>, Caller(who): Caller) -> web::Result<Data<LoggedOut>> {
    accounts.logout(&who).await?;
    Ok(Data(LoggedOut { message: "Logged out." }))
}

#[derive(Serialize, ToSchema)]
struct Me {
    /// Null for a machine token.
    user: Option<UserBody>,
    token: TokenBody,
    /// What the token may in effect.
    permissions: Vec<&'static str>,
    tenant: TenantBody,
}

#[derive(Serialize, ToSchema)]
struct TokenBody {
    #[schema(value_type = i64)]
    id: TokenId,
    name: String,
    #[schema(example = "user")]
    kind: &'static str,
    /// What the token was limited to; null if it may all that its user may.
    scopes: Option<Vec<&'static str>>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TenantBody {
    #[schema(value_type = i64)]
    id: TenantId,
    name: String,
    client_id: Uuid,
}

/// Returns the caller: user, token, permissions and account.
#[utoipa::path(get, path = "/api/auth/me", tag = "accounts", responses((status = 200, body = Data<Me>)))]
async fn me(State(accounts): State<Accounts>, Caller(who): Caller) -> web::Result<Data<Me>> {
    Ok(Data(accounts.me(&who).await?))
}

impl Accounts {
    async fn me(&self, who: &Principal) -> Result<Me, Error> {
        let id = who.token.ok_or(Error::Denied)?;
        let bearer = self.known(id).await?.ok_or(Error::NotFound("token"))?;
        let Bearer { token, account, user, permissions, .. } = bearer.as_ref();
        let last_used = self.inner.bearers.last_used(id).max(token.last_used_at);
        Ok(Me {
            user: user.as_ref().map(UserBody::from),
            token: TokenBody {
                id,
                name: token.name.clone(),
                kind: token.kind.as_str(),
                scopes: token.scopes.as_ref().map(crate::Scopes::names),
                expires_at: token.expires_at.map(|at| at.rfc3339()),
                last_used_at: last_used.map(|at| at.rfc3339()),
            },
            permissions: permissions.iter().map(|permission| permission.as_str()).collect(),
            tenant: TenantBody { id: account.id, name: account.name.clone(), client_id: account.client_id },
        })
    }
}

/// The host that the client asked.
struct Host(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Host {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(authenticate::host(&parts.headers, &parts.uri)))
    }
}
