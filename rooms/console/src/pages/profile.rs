//! `/profile`: what everybody may change of themselves.

use accounts::{SessionId, SessionInfo};
use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use web::Language;

use crate::{Answer, Console, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/profile", get(show).post(change))
        .route("/profile/sessions/{id}/end", post(end))
        .route("/profile/sessions/end-others", post(end_others))
}

#[derive(Template)]
#[template(path = "profile/page.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    extension: Option<&'a str>,
    has_second_factor: bool,
    codes_left: i64,
    sessions: &'a [SessionInfo],
}

async fn show(State(console): State<Console>, view: View) -> Answer {
    let session = view.session()?;
    let language = session.language.map_or("", |language| match language {
        Language::En => "en",
        Language::Vi => "vi",
    });
    let form = Form::default().with("email", session.email.as_deref().unwrap_or_default()).with("language", language);
    draw(&console, &view, &form).await
}

async fn draw(console: &Console, view: &View, form: &Form) -> Answer {
    let session = view.session()?;
    let sessions = console.accounts.sessions(session).await?;
    let codes_left = match session.has_second_factor {
        true => console.accounts.recovery_codes_left(session).await?.unwrap_or(0),
        false => 0,
    };
    let page = Page {
        v: view,
        form,
        extension: session.extension.as_deref(),
        has_second_factor: session.has_second_factor,
        codes_left,
        sessions: &sessions,
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, form: Form) -> Answer {
    let language = match form.text("language") {
        "en" => Some(Language::En),
        "vi" => Some(Language::Vi),
        _ => None,
    };
    match console.accounts.change_profile(view.session()?, form.optional("email"), language).await {
        Ok(()) => view.go_with("/profile", "profile.saved"),
        Err(error) => draw(&console, &view, &form.refused(&view, error)?).await,
    }
}

async fn end(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    console.accounts.end_session(view.who()?, SessionId(id)).await?;
    view.go_with("/profile", "profile.session_ended")
}

async fn end_others(State(console): State<Console>, view: View) -> Answer {
    console.accounts.end_other_sessions(view.session()?).await?;
    view.go_with("/profile", "profile.sessions_ended")
}
