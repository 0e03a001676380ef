//! The OpenAPI document, generated from the handlers, and the pages that show it.

mod page;

use axum::{Router, response::IntoResponse, routing::get};
use http::{HeaderName, HeaderValue, header};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::{config::Config, exchange, router, wire};

/// The page loads its one stylesheet from here and nothing from anywhere else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Introduction of the document.
const DESCRIPTION: &str = "\
Every request but sign-in bears a token: `Authorization: Bearer <token>`.\n\n\
Answers carry their payload in `data`; lists are pages of `per_page` (1-200) rows. \
Errors carry `message`, on 422 `errors` by field, a stable `code` and the `request_id`, which is also the header `X-Request-Id` \
(send your own to find a request again). Messages follow `Accept-Language`.\n\n\
Requests are limited per token over a sliding minute: 10 click-to-calls, 30 of `/api/auth/*`, 60 of every other group. \
`X-RateLimit-Limit`, `-Remaining` and `-Reset` stand on every answer; a 429 adds `Retry-After`.";

/// Errors that any operation may answer: status, when, the contract's message.
const COMMON: [(&str, &str, &str); 6] = [
    ("400", "The request cannot be read.", "Malformed request body"),
    ("401", "The token is missing, invalid, expired or revoked.", "Unauthenticated."),
    ("403", "The token is valid and a permission is missing.", "This action is unauthorized."),
    ("422", "A field is wrong; `errors` lists every one.", "The given data was invalid."),
    (
        "429",
        "Too many requests; `Retry-After` says how many seconds to wait.",
        "Too many requests. Retry after 25 seconds.",
    ),
    ("500", "A failure of ours. Name the `request_id` when you report it.", "Server error"),
];

/// The tag of the operations that describe all their errors themselves, which are not [`COMMON`] in form.
const OWN_ERRORS: &str = "incoming calls";

const TAGS: [(&str, &str); 7] = [
    ("accounts", "Sign-in and tokens"),
    ("pbx", "Extensions, trunks, calls and call detail records"),
    ("contacts", "People by their numbers"),
    ("autocall", "Campaigns that call by themselves: scripts, voices, leads, attempts and reports"),
    ("webphone", "Phones in browsers: tokens for pages, and what a phone registers with"),
    ("webhooks", "Deliveries of events"),
    (OWN_ERRORS, "The URL that is told of calls that come in: `/api/v3`, with envelopes and errors of its own"),
];

/// Returns the document of all rooms, as `GET /openapi/openapi.json` does, without a running server.
pub async fn generate() -> anyhow::Result<Value> {
    let folder = TemporaryFolder::new()?;
    let mut config = Config::defaults();
    config.data_dir.clone_from(&folder.0);
    config.sip.udp_listen.clear();
    config.sip.tcp_listen.clear();
    // A server beside it may have the port.
    config.media.webrtc_port = 0;
    let rooms = wire::rooms(&config).await?;
    let exchange = exchange::open(&config, &rooms, None, "").await?;
    let webphone = wire::webphone(&config, &rooms, &exchange.pbx, "");
    let document = complete(router::documented(&rooms, &exchange.pbx, &webphone).into_openapi());
    rooms.db.close().await;
    Ok(document)
}

pub fn to_pretty_json(document: &Value) -> serde_json::Result<String> {
    serde_json::to_string_pretty(document)
}

/// Adds what all operations have in common to what the handlers say.
pub fn complete(document: OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "Zorio API",
        "version": "1",
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/", "description": "This server"}]);
    document["security"] = json!([{"bearer": []}]);
    document["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "A user token from sign-in, or a machine token: `12|…`."},
    });
    document["components"]["schemas"]["Error"] = serde_json::to_value(error_schema()).unwrap_or_default();
    document["tags"] =
        TAGS.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    for (path, method, operation) in operations(&mut document) {
        let open = operation["security"] == json!([{}]) || operation["security"] == json!([]);
        let common = if operation["tags"][0] == OWN_ERRORS { &COMMON[..0] } else { &COMMON[..] };
        for &(status, ..) in common {
            let about_tokens = status == "401" || status == "403";
            if !(open && about_tokens) && operation["responses"].get(status).is_none() {
                operation["responses"][status] = json!({});
            }
        }
        if !operation["requestBody"].is_null() && !common.is_empty() {
            for status in ["408", "413", "415"] {
                if operation["responses"].get(status).is_none() {
                    operation["responses"][status] = json!({});
                }
            }
        }
        if method == "post" && !open && path.starts_with("/api/") && !path.starts_with("/api/v3/") {
            add_key(operation);
        }
        for (status, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
            complete_answer(status, answer);
        }
    }
    document
}

/// Adds to an answer what its handler left out: description, the error's body, the headers that all have.
fn complete_answer(status: &str, answer: &mut Value) {
    let common = COMMON.iter().find(|(common, ..)| *common == status);
    if answer.get("description").is_none_or(|text| text == "") {
        answer["description"] = json!(common.map_or_else(|| meaning(status), |(_, when, _)| *when));
    }
    if status.starts_with(['4', '5']) && answer.get("content").is_none() {
        answer["content"] = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
        if let Some((_, _, message)) = common {
            answer["content"]["application/json"]["example"] =
                json!({"message": message, "code": code(status), "request_id": "0190f3c2-6c1e-7d7a-8d1e-3f0c8a2b9e11"});
        }
    }
    answer["headers"] = headers(answer.get("headers"));
}

fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "Done.",
        "201" => "Created.",
        "202" => "Accepted: it is under way.",
        "404" => "It does not exist, or belongs to another account: `Resource not found`.",
        "408" => "The body came too slowly.",
        "413" => "The body is too long.",
        "415" => "The body is of another type, or compressed.",
        "409" => "The state does not allow it, or the name is taken.",
        _ => "See the status.",
    }
}

fn code(status: &str) -> &'static str {
    match status {
        "400" => "malformed",
        "401" => "unauthenticated",
        "403" => "forbidden",
        "422" => "invalid",
        "429" => "rate_limited",
        _ => "internal",
    }
}

fn error_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    <web::ErrorBody<'static> as utoipa::PartialSchema>::schema()
}

/// Adds the headers that every answer has.
fn headers(own: Option<&Value>) -> Value {
    let mut all = own.cloned().filter(Value::is_object).unwrap_or_else(|| json!({}));
    for (name, kind, description) in [
        ("X-Request-Id", "string", "The request's own, or one that was made for it."),
        ("X-RateLimit-Limit", "integer", "Requests allowed in 60 seconds."),
        ("X-RateLimit-Remaining", "integer", "Requests left."),
        ("X-RateLimit-Reset", "integer", "When a place becomes free: seconds since 1970, UTC."),
    ] {
        all[name] = json!({"description": description, "schema": {"type": kind}});
    }
    all
}

/// Adds the header that all writing requests of a token may carry.
fn add_key(operation: &mut Value) {
    let key = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "The same request with the same key is done once within 24 hours and answered alike.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(key),
        None => operation["parameters"] = json!([key]),
    }
    if operation["responses"].get("409").is_none() {
        operation["responses"]["409"] = json!({});
    }
}

/// Returns every operation of the document with its path and method.
fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object_mut().into_iter().flatten();
        methods.map(move |(method, operation)| (path, method, operation))
    });
    operations.filter(|(_, method, _)| ["get", "put", "post", "delete", "patch"].contains(&method.as_str()))
}

/// Serves the document and its page.
pub fn routes(document: Value) -> Router {
    let html = page::render(&document);
    let text = document.to_string();
    let policy = (HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY));
    let shown = move || {
        let answer = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], [policy.clone()], html.clone());
        async move { answer.into_response() }
    };
    let raw = move || {
        let answer = ([(header::CONTENT_TYPE, "application/json")], text.clone());
        async move { answer.into_response() }
    };
    let style =
        || async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css")).into_response() };
    Router::new()
        .route("/openapi", get(|| async { axum::response::Redirect::permanent("/openapi/") }))
        .route("/openapi/", get(shown))
        .route("/openapi/openapi.json", get(raw))
        .route("/openapi/page.css", get(style))
}

/// A folder that goes away with the value.
struct TemporaryFolder(std::path::PathBuf);

impl TemporaryFolder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("zorio-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
