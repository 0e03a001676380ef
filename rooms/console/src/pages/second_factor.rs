//! `/second-factor`: the code after the password.

use askama::Template;
use axum::{Router, extract::State, routing::get};

use super::sign_in::{enter, refused};
use crate::{Answer, Console, Failure, asked::Asked, form::Form, gate::page_of, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/second-factor", get(show).post(check))
}

#[derive(Template)]
#[template(path = "sign_in/second_factor.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
}

async fn show(view: View, asked: Asked) -> Answer {
    let form = Form::default().with("next", asked.text("next"));
    view.page(&Page { v: &view, form: &form })
}

async fn check(State(console): State<Console>, view: View, form: Form) -> Answer {
    let cookie = view.cookie().ok_or(Failure::SignIn)?;
    match console.accounts.second_factor(cookie, form.text("code"), view.visit()).await {
        Ok(session) => enter(&view, &session, &page_of(form.text("next")).unwrap_or_else(|| "/".to_owned())),
        Err(error) => {
            let form = refused(&view, form, error.into())?;
            view.again(&Page { v: &view, form: &form })
        }
    }
}
