//! Making a user.

use accounts::{NewUser, Team, User};
use askama::Template;
use axum::extract::State;
use domain::principal::Role;
use web::Language;

use super::{super::letter, ROLES, all_teams};
use crate::{Answer, Console, form::Form, nav::Needs, view::View};

#[derive(Template)]
#[template(path = "users/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    teams: &'a [Team],
    has_mail: bool,
}

impl Page<'_> {
    fn roles(&self) -> [&'static str; 4] {
        ROLES.map(Role::as_str)
    }
}

#[derive(Template)]
#[template(path = "users/password.html")]
struct Made<'a> {
    v: &'a View,
    user: &'a User,
    password: &'a str,
}

pub(super) async fn blank(State(console): State<Console>, view: View) -> Answer {
    let form = Form::default().with("role", "agent").with("how", "invite");
    draw(&console, &view, &form).await
}

async fn draw(console: &Console, view: &View, form: &Form) -> Answer {
    let teams = all_teams(console, view.needs(Needs::Admin)?).await?;
    let page = Page { v: view, form, teams: &teams, has_mail: console.mail.configured() };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

pub(super) async fn create(State(console): State<Console>, view: View, form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let new = NewUser {
        username: form.text("username").to_owned(),
        password: None,
        role: Role::parse(form.text("role")).unwrap_or(Role::Agent),
        team_id: form.text("team_id").parse().ok(),
        extension: form.optional("extension"),
        email: form.optional("email"),
        language: Language::parse(form.text("language")),
    };
    if form.text("how") == "password" {
        return match console.accounts.create_user(who, new).await {
            Ok((user, password)) => {
                let password = password.as_deref().unwrap_or_default();
                view.page(&Made { v: &view, user: &user, password })
            }
            Err(error) => draw(&console, &view, &form.refused(&view, error)?).await,
        };
    }
    match console.accounts.invite_user(who, new).await {
        Ok((user, link)) => letter::hand_over(&console, &view, user.id.0, &link).await,
        Err(error) => draw(&console, &view, &form.refused(&view, error)?).await,
    }
}
