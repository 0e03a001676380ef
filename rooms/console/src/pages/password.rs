//! `/password`: another password, wished for or asked for.

use accounts::Stage;
use askama::Template;
use axum::{Router, extract::State, routing::get};

use super::sign_in::{hand_over, refused};
use crate::{Answer, Console, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/password", get(show).post(change))
}

#[derive(Template)]
#[template(path = "sign_in/password.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// Whether nothing else is open before it is done.
    is_forced: bool,
}

async fn show(view: View) -> Answer {
    draw(&view, &Form::default())
}

fn draw(view: &View, form: &Form) -> Answer {
    let is_forced = view.session()?.stage == Stage::ChangePassword;
    let page = Page { v: view, form, is_forced };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let session = view.session()?;
    if form.value("new_password") != form.value("repeated") {
        form.wrong("repeated", view.t("password.differs"));
        return draw(&view, &form);
    }
    match console.accounts.change_password(session, form.value("password"), form.value("new_password")).await {
        Ok(new) => {
            let path = if session.stage == Stage::Open { "/profile" } else { "/" };
            let mut response = view.go_with(path, "password.changed")?;
            hand_over(&view, &new, &mut response);
            Ok(response)
        }
        Err(error) => {
            let error = web::Error::from(error);
            if error.status() == http::StatusCode::UNAUTHORIZED {
                form.wrong("password", view.t("password.wrong"));
                return draw(&view, &form);
            }
            draw(&view, &refused(&view, form, error)?)
        }
    }
}
