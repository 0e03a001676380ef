//! `/system`: the host that the console runs on.

use askama::Template;
use axum::{Router, extract::State, routing::get};

use crate::{
    Answer, Console,
    nav::Needs,
    system::{Fact, Health},
    view::View,
};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/system", get(show))
}

#[derive(Template)]
#[template(path = "system/page.html")]
struct Page<'a> {
    v: &'a View,
    health: &'a Health,
    wrong: i64,
}

async fn show(State(console): State<Console>, view: View) -> Answer {
    view.needs(Needs::Admin)?;
    let health = console.system.look().await;
    let wrong = health.checks.iter().filter(|check| check.result.is_err()).count();
    view.page(&Page { v: &view, health: &health, wrong: i64::try_from(wrong).unwrap_or(i64::MAX) })
}
