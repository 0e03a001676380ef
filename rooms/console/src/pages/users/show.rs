//! One user: what they are, where they are signed in, and what an admin can do about it.

use accounts::{ChangeUser, SessionId, SessionInfo, Team, User};
use askama::Template;
use axum::extract::State;
use domain::{UserId, principal::Role};
use web::Language;

use super::{super::letter, ROLES, all_teams, state, team};
use crate::{Answer, Console, form::Form, key::Key, nav::Needs, view::View};

#[derive(Template)]
#[template(path = "users/show.html")]
struct Show<'a> {
    v: &'a View,
    form: &'a Form,
    user: &'a User,
    teams: &'a [Team],
    sessions: &'a [SessionInfo],
    tone: &'static str,
    state: String,
    is_self: bool,
}

impl Show<'_> {
    fn roles(&self) -> [&'static str; 4] {
        ROLES.map(Role::as_str)
    }

    fn team(&self) -> Option<&str> {
        team(self.teams, self.user)
    }

    /// Returns the address of the user's tokens.
    fn tokens(&self) -> String {
        let name: String = form_urlencoded::byte_serialize(self.user.username.as_bytes()).collect();
        format!("/settings/tokens?kind=user&search={name}")
    }
}

pub(super) async fn show(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let user = console.accounts.user(view.needs(Needs::Manager)?, UserId(id)).await?;
    let form = Form::default()
        .with("username", &user.username)
        .with("role", user.role().as_str())
        .with("team_id", user.team_id.map_or_else(String::new, |id| id.to_string()))
        .with("extension", user.extension.as_deref().unwrap_or_default())
        .with("email", user.email.as_deref().unwrap_or_default())
        .with("language", user.language().map_or("", Language::as_str));
    draw(&console, &view, &user, &form).await
}

async fn draw(console: &Console, view: &View, user: &User, form: &Form) -> Answer {
    let who = view.needs(Needs::Manager)?;
    let teams = all_teams(console, who).await?;
    let sessions = match view.is_admin() {
        true => console.accounts.sessions_of(who, user.id).await?,
        false => Vec::new(),
    };
    let (tone, said) = state(user);
    let page = Show {
        v: view,
        form,
        user,
        teams: &teams,
        sessions: &sessions,
        tone,
        state: view.word("users.state", said),
        is_self: view.session()?.user == user.id,
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

pub(super) async fn change(State(console): State<Console>, view: View, Key(id): Key<i64>, form: Form) -> Answer {
    let (who, id) = (view.needs(Needs::Admin)?, UserId(id));
    let user = console.accounts.user(who, id).await?;
    let change = ChangeUser {
        username: Some(form.text("username").to_owned()),
        role: Role::parse(form.text("role")),
        team_id: Some(form.text("team_id").parse().ok()),
        extension: Some(form.optional("extension")),
        email: Some(form.optional("email")),
        language: Some(Language::parse(form.text("language"))),
    };
    match console.accounts.change_user(who, id, change).await {
        Ok(_) => view.go_with(&format!("/users/{id}"), "users.saved"),
        Err(error) => draw(&console, &view, &user, &form.refused(&view, error)?).await,
    }
}

/// Makes a link: another invitation for who has not accepted one, else one for a new password.
pub(super) async fn link(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let (who, id) = (view.needs(Needs::Admin)?, UserId(id));
    let user = console.accounts.user(who, id).await?;
    view.fresh()?;
    let link = match user.is_invited {
        true => console.accounts.invite(who, id).await?,
        false => console.accounts.reset_password(who, id).await?,
    };
    letter::hand_over(&console, &view, id.0, &link).await
}

pub(super) async fn disable(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    set_disabled(&console, &view, id, true).await
}

pub(super) async fn enable(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    set_disabled(&console, &view, id, false).await
}

async fn set_disabled(console: &Console, view: &View, id: i64, disabled: bool) -> Answer {
    console.accounts.set_user_disabled(view.needs(Needs::Admin)?, UserId(id), disabled).await?;
    let note = if disabled { "users.disabled" } else { "users.enabled" };
    view.go_with(&format!("/users/{id}"), note)
}

pub(super) async fn reset_second_factor(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let who = view.needs(Needs::Admin)?;
    console.accounts.user(who, UserId(id)).await?;
    view.fresh()?;
    console.accounts.reset_second_factor(who, UserId(id)).await?;
    view.go_with(&format!("/users/{id}"), "users.second_factor_off")
}

pub(super) async fn delete(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.accounts.delete_user(view.needs(Needs::Admin)?, UserId(id)).await?;
    view.go_with("/users", "users.deleted")
}

pub(super) async fn end_session(
    State(console): State<Console>,
    view: View,
    Key((id, session)): Key<(i64, i64)>,
) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let sessions = console.accounts.sessions_of(who, UserId(id)).await?;
    if !sessions.iter().any(|other| other.id == SessionId(session)) {
        return Err(crate::Failure::not_found());
    }
    console.accounts.end_session(who, SessionId(session)).await?;
    view.go_with(&format!("/users/{id}"), "users.session_ended")
}
