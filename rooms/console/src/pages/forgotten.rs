//! `/forgot-password`: asking for the letter by which another password is chosen.

use askama::Template;
use axum::{Router, extract::State, routing::get};

use super::{letter, sign_in::refused};
use crate::{Answer, Console, form::Form, view::View};

/// Longest name that is looked up.
const LONGEST_NAME: usize = 200;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/forgot-password", get(show).post(ask))
}

#[derive(Template)]
#[template(path = "sign_in/forgotten.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    has_mail: bool,
    is_asked: bool,
}

async fn show(State(console): State<Console>, view: View) -> Answer {
    draw(&console, &view, &Form::default())
}

fn draw(console: &Console, view: &View, form: &Form) -> Answer {
    let page = Page { v: view, form, has_mail: console.mail.configured(), is_asked: false };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

/// Says the same whoever is named, and as fast: the letter is written behind the answer.
async fn ask(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let username = form.text("username").to_owned();
    if username.is_empty() || username.len() > LONGEST_NAME {
        form.wrong("username", view.t("forgotten.name_missing"));
    }
    if form.is_wrong() || !console.mail.configured() {
        return draw(&console, &view, &form);
    }
    if let Err(error) = console.accounts.count_forgotten(&username, view.visit()) {
        let form = refused(&view, form, error.into())?;
        return draw(&console, &view, &form);
    }
    if let Ok(place) = console.0.letters.clone().try_acquire_owned() {
        let (console_of_task, visit, language) = (console.clone(), view.visit().clone(), view.language());
        console.0.tasks.spawn(async move {
            if let Err(error) = letter::mail_forgotten(&console_of_task, &username, &visit, language).await {
                tracing::warn!(%error, "a letter for a new password was not sent");
            }
            drop(place);
        });
    } else {
        metrics::counter!("console_letters_dropped_total").increment(1);
    }
    view.page(&Page { v: &view, form: &form, has_mail: true, is_asked: true })
}
