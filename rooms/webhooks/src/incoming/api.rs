//! `/api/v3/*`: the second published interface, with envelopes and errors of its own.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::any,
};
use domain::Principal;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, Json, OpenApiRouter, routes};

use crate::{Error, Webhooks};

const X_CLIENT_ID: &str = "x-client-id";

impl Webhooks {
    /// Returns the routes of `/api/v3`. Their errors need [`envelope`] around the whole router.
    pub fn routes(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(show, set))
            .route("/api/v3/integrations/sms/webhooks", any(sms))
            .with_state(self.clone())
    }
}

/// Where incoming calls are told.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = IncomingCallWebhook)]
struct Place {
    /// An HTTPS address that is reachable from the internet.
    url: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IncomingCallWebhookAnswer)]
struct Answer {
    #[schema(example = "success")]
    status: &'static str,
    data: Place,
    #[schema(example = "Webhook updated successfully")]
    message: &'static str,
}

/// The body of every error below `/api/v3`.
#[derive(Serialize, ToSchema)]
#[schema(as = V3Error)]
pub(crate) struct V3Error {
    /// The status again.
    #[schema(example = 403)]
    code: u16,
    #[schema(example = "Access denied")]
    message: String,
}

/// Returns the URL that is told of incoming calls.
///
/// Needs a machine token with `pbx_api_access`, or an administrator's.
#[utoipa::path(get, path = "/api/v3/calls/webhooks", tag = "incoming calls",
    params(("X-Client-Id" = Uuid, Header, description = "The account's client UUID.")),
    responses(
        (status = 200, body = Answer),
        (status = 400, body = V3Error, description = "The request cannot be read."),
        (status = 401, body = V3Error, description = "`Authentication required`"),
        (status = 403, body = V3Error, description = "`Access denied`: the permission is missing, or X-Client-Id is missing or another account's."),
        (status = 404, body = V3Error, description = "`No webhook URL configured.`"),
        (status = 429, body = V3Error, description = "Too many requests; `Retry-After` says how many seconds to wait."),
        (status = 500, body = V3Error, description = "`An internal server error occurred`"),
    ))]
async fn show(State(webhooks): State<Webhooks>, Client(who): Client) -> web::Result<axum::Json<Answer>> {
    let webhook = webhooks.incoming(&who).await.map_err(refusal)?.ok_or_else(not_configured)?;
    let data = Place { url: webhook.url };
    Ok(axum::Json(Answer { status: "success", data, message: "Webhook retrieved successfully" }))
}

/// Sets the URL that is told of incoming calls; an account has one.
///
/// At every call that comes in, `{"caller_id_name", "caller_id_number", "destination_number"}` is posted to it, with
/// numbers in E.164. 200 within 5 seconds is success; else it is tried again after 1 and after 5 more seconds.
/// Needs a machine token with `pbx_api_access`, or an administrator's.
#[utoipa::path(post, path = "/api/v3/calls/webhooks", tag = "incoming calls",
    params(("X-Client-Id" = Uuid, Header, description = "The account's client UUID.")),
    request_body = Place,
    responses(
        (status = 200, body = Answer),
        (status = 400, body = V3Error, description = "The body is malformed, or the URL is not https or not public."),
        (status = 401, body = V3Error, description = "`Authentication required`"),
        (status = 403, body = V3Error, description = "`Access denied`: the permission is missing, or X-Client-Id is missing or another account's."),
        (status = 429, body = V3Error, description = "Too many requests; `Retry-After` says how many seconds to wait."),
        (status = 500, body = V3Error, description = "`An internal server error occurred`"),
    ))]
async fn set(
    State(webhooks): State<Webhooks>,
    Client(who): Client,
    Json(place): Json<Place>,
) -> web::Result<axum::Json<Answer>> {
    let set = webhooks.set_incoming(&who, &place.url).await.map_err(refusal)?;
    let data = Place { url: set.webhook.url };
    Ok(axum::Json(Answer { status: "success", data, message: "Webhook updated successfully" }))
}

/// SMS is published beside the calls and is no part of this product.
async fn sms() -> web::Error {
    web::Error::new(
        StatusCode::NOT_FOUND,
        "sms_unavailable",
        web::Text::new("SMS is not available.", "Không có dịch vụ SMS."),
    )
}

/// A caller who names the own account's client UUID and may set integrations up.
struct Client(Principal);

impl FromRequestParts<Webhooks> for Client {
    type Rejection = web::Error;

    async fn from_request_parts(parts: &mut Parts, webhooks: &Webhooks) -> Result<Self, web::Error> {
        let Caller(who) = Caller::from_request_parts(parts, webhooks).await?;
        super::integrator(&who).map_err(refusal)?;
        let known = match client_id(&parts.headers) {
            Some(client) => webhooks.is_client(&who, client).await.map_err(refusal)?,
            None => false,
        };
        if known { Ok(Self(who)) } else { Err(web::Error::forbidden()) }
    }
}

/// Returns the one UUID of `X-Client-Id`.
fn client_id(headers: &HeaderMap) -> Option<Uuid> {
    let mut values = headers.get_all(X_CLIENT_ID).iter();
    let client = values.next()?.to_str().ok()?.parse().ok()?;
    values.next().is_none().then_some(client)
}

fn not_configured() -> web::Error {
    web::Error::new(
        StatusCode::NOT_FOUND,
        "incoming.not_configured",
        web::Text::new("No webhook URL configured.", "Chưa cấu hình URL webhook."),
    )
}

fn refusal(error: Error) -> web::Error {
    match error {
        Error::Store(error) => error.into(),
        Error::NotFound => not_configured(),
        Error::Invalid { message, .. } => web::Error::bad_request().with_message(message),
        Error::Denied => web::Error::forbidden(),
        error => web::Error::internal(&error),
    }
}

/// The layer that writes every error below `/api/v3` as that interface has it, whoever refused the request; it stands
/// right inside of [`web::request`].
pub async fn envelope(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let ours = path == "/api/v3" || path.starts_with("/api/v3/");
    let mut response = next.run(request).await;
    if !ours {
        return response;
    }
    let Some(error) = response.extensions_mut().remove::<web::Error>() else { return response };
    let (status, message) = spoken(&error);
    let body = V3Error { code: status.as_u16(), message };
    let mut written = (status, axum::Json(body)).into_response();
    for (name, value) in response.headers() {
        if *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written
}

/// Returns status and message in the words of that interface. It knows no 422: whatever is wrong with a body is 400.
fn spoken(error: &web::Error) -> (StatusCode, String) {
    let message = match error.status() {
        StatusCode::UNAUTHORIZED => "Authentication required".to_owned(),
        StatusCode::FORBIDDEN => "Access denied".to_owned(),
        StatusCode::INTERNAL_SERVER_ERROR => "An internal server error occurred".to_owned(),
        StatusCode::UNPROCESSABLE_ENTITY => match error.fields().names().next() {
            Some(field) => format!("The {field} field is missing or invalid."),
            None => error.message().to_owned(),
        },
        _ => error.message().to_owned(),
    };
    let status = match error.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_id_counts_and_two_are_none() {
        let uuid = "550e8400-e29b-41d4-a716-446655440000";
        let mut headers = HeaderMap::new();
        assert_eq!(client_id(&headers), None);
        headers.append(X_CLIENT_ID, uuid.parse().unwrap());
        assert_eq!(client_id(&headers), Some(uuid.parse().unwrap()));
        headers.append(X_CLIENT_ID, uuid.parse().unwrap());
        assert_eq!(client_id(&headers), None);
        headers.insert(X_CLIENT_ID, "1 or 1=1".parse().unwrap());
        assert_eq!(client_id(&headers), None);
    }

    #[test]
    fn errors_are_spoken_in_the_words_of_the_interface() {
        for (error, status, message) in [
            (web::Error::unauthenticated(), 401, "Authentication required"),
            (web::Error::forbidden(), 403, "Access denied"),
            (not_configured(), 404, "No webhook URL configured."),
            (web::Error::not_found(), 404, "Resource not found"),
            (web::Error::invalid([("url", web::Rule::Required)]), 400, "The url field is missing or invalid."),
            (
                web::Error::new(StatusCode::INTERNAL_SERVER_ERROR, "x", web::Text::new("y", "z")),
                500,
                "An internal server error occurred",
            ),
        ] {
            assert_eq!(spoken(&error), (StatusCode::from_u16(status).unwrap(), message.to_owned()));
        }
    }
}
