//! The webphone of whoever has an extension: its token, and a window that stays while pages come and go.

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::json;
use web::Fields;
use webphone::NewToken;

use crate::{Answer, Console, Failure, view::View};

/// Seconds that a page's token lives: pages follow each other, and the script keeps it from one to the next.
const LIFE: i64 = 3_600;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/webphone", get(window)).route("/webphone/token", post(token))
}

#[derive(Template)]
#[template(path = "webphone/window.html")]
struct Window<'a> {
    v: &'a View,
    script: String,
}

/// Shows the phone alone.
async fn window(view: View) -> Answer {
    let script = view.phone().ok_or_else(Failure::not_found)?;
    view.page(&Window { v: &view, script })
}

/// Makes a token for the user's own phone. The page never sees a token of the API: this one opens the phone alone.
async fn token(State(console): State<Console>, view: View) -> Answer {
    let who = view.who()?;
    let webphone = console.webphone.as_ref().ok_or_else(Failure::not_found)?;
    let wish = NewToken { ttl_seconds: Some(LIFE), ..NewToken::default() };
    let made = webphone.embed_token(who, wish, Fields::new()).await.map_err(web::Error::from)?;
    Ok(Json(json!({"embed_token": made.token, "expires_at": made.expires_at.millis()})).into_response())
}
