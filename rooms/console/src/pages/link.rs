//! `/invite/{token}` and `/reset/{token}`: choosing a password by a one-time link.

use accounts::LinkKind;
use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use http::StatusCode;

use super::sign_in::refused;
use crate::{Answer, Console, form::Form, view::View};

/// Longest token that is looked up.
const LONGEST_TOKEN: usize = 200;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/invite/{token}", get(show).post(accept)).route("/reset/{token}", get(show).post(accept))
}

#[derive(Template)]
#[template(path = "sign_in/link.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    is_invitation: bool,
    username: &'a str,
    tenant: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in/link_over.html")]
struct Over<'a> {
    v: &'a View,
}

async fn show(State(console): State<Console>, view: View, Path(token): Path<String>) -> Answer {
    draw(&console, &view, &token, &Form::default()).await
}

async fn draw(console: &Console, view: &View, token: &str, form: &Form) -> Answer {
    let link = match token.len() {
        1..=LONGEST_TOKEN => console.accounts.link(token, view.visit()).await?,
        _ => None,
    };
    let Some(link) = link else { return view.page_with(StatusCode::GONE, &Over { v: view }) };
    let page = Page {
        v: view,
        form,
        is_invitation: link.kind == LinkKind::Invitation,
        username: &link.username,
        tenant: &link.tenant_name,
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn accept(State(console): State<Console>, view: View, Path(token): Path<String>, mut form: Form) -> Answer {
    if form.value("new_password") != form.value("repeated") {
        form.wrong("repeated", view.t("password.differs"));
        return draw(&console, &view, &token, &form).await;
    }
    match console.accounts.accept(&token, form.value("new_password"), view.visit()).await {
        Ok(()) => view.go_with("/sign-in", "link.accepted"),
        Err(accounts::Error::Link) => view.page_with(StatusCode::GONE, &Over { v: &view }),
        Err(error) => {
            let form = refused(&view, form, error.into())?;
            draw(&console, &view, &token, &form).await
        }
    }
}
