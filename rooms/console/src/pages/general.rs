//! `/settings/general`: the account's own settings. The model of every form.

use accounts::{AccountSettings, ChangeSettings};
use askama::Template;
use axum::{Router, extract::State, routing::get};
use web::Language;

use crate::{Answer, Console, form::Form, nav::Needs, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/settings/general", get(show).post(change))
}

#[derive(Template)]
#[template(path = "general/page.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    account: &'a AccountSettings,
    timezones: Vec<String>,
}

async fn show(State(console): State<Console>, view: View) -> Answer {
    let account = console.accounts.settings(view.needs(Needs::Admin)?).await?;
    let form = Form::default()
        .with("name", &account.name)
        .with("timezone", &account.timezone)
        .with("region", &account.region)
        .with("language", account.language.map_or("", |language| if language == Language::Vi { "vi" } else { "en" }))
        .with("cdr_max_days", account.cdr_max_days)
        .with("cdr_keep_days", account.cdr_keep_days)
        .with("session_idle_minutes", account.session_idle_minutes)
        .with("session_hours", account.session_hours);
    draw(&view, &account, &form)
}

fn draw(view: &View, account: &AccountSettings, form: &Form) -> Answer {
    let mut timezones: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    timezones.retain(|name| name.contains('/') || name == "UTC");
    let page = Page { v: view, form, account, timezones };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let change = ChangeSettings {
        name: Some(form.text("name").to_owned()),
        timezone: Some(form.text("timezone").to_owned()),
        region: Some(form.text("region").to_owned()),
        language: Some(form.text("language").to_owned()),
        cdr_max_days: form.number(&view, "cdr_max_days"),
        cdr_keep_days: form.number(&view, "cdr_keep_days"),
        session_idle_minutes: form.number(&view, "session_idle_minutes"),
        session_hours: form.number(&view, "session_hours"),
    };
    if !form.is_wrong() {
        match console.accounts.change_settings(who, change).await {
            Ok(_) => return view.go_with("/settings/general", "general.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&view, &console.accounts.settings(who).await?, &form)
}
