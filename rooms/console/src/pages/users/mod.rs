//! `/users`: who works in the account, as what, and their teams.

mod form;
mod show;
pub(crate) mod teams;

use accounts::{Team, User, UserFilter};
use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::{Principal, principal::Role};

use crate::{Answer, Console, Failure, asked::Asked, nav::Needs, pager::Pager, view::View};

/// Every role, the mightiest first.
pub(crate) const ROLES: [Role; 4] = [Role::Admin, Role::Supervisor, Role::Agent, Role::ReadOnly];

pub(crate) fn routes() -> Router<Console> {
    let one = |action: &str| format!("/users/{{id}}{action}");
    Router::new()
        .route("/users", get(list))
        .route("/users/new", get(form::blank).post(form::create))
        .route(&one(""), get(show::show).post(show::change))
        .route(&one("/link"), post(show::link))
        .route(&one("/disable"), post(show::disable))
        .route(&one("/enable"), post(show::enable))
        .route(&one("/second-factor/reset"), post(show::reset_second_factor))
        .route(&one("/delete"), post(show::delete))
        .route("/users/{id}/sessions/{session}/end", post(show::end_session))
        .merge(teams::routes())
}

#[derive(Template)]
#[template(path = "users/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    users: &'a [User],
    teams: &'a [Team],
    pager: Pager,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Manager)?;
    let filter = UserFilter {
        search: asked.optional("search"),
        role: Role::parse(asked.text("role")),
        team: asked.number("team"),
        disabled: match asked.text("state") {
            "active" => Some(false),
            "disabled" => Some(true),
            _ => None,
        },
    };
    let listing = console.accounts.list_users(who, asked.page(), &filter).await?;
    let teams = all_teams(&console, who).await?;
    let pager = Pager::of(&listing, &asked);
    view.page(&List { v: &view, asked: &asked, users: &listing.data, teams: &teams, pager })
}

/// Returns the account's teams by name; it has 1,000 at most.
async fn all_teams(console: &Console, who: &Principal) -> Result<Vec<Team>, Failure> {
    let mut teams = Vec::new();
    for page in 1..=5 {
        let listing = console.accounts.teams(who, web::Page { page, per_page: 200 }, None).await?;
        teams.extend(listing.data);
        if page >= listing.last_page {
            break;
        }
    }
    Ok(teams)
}

impl List<'_> {
    fn roles(&self) -> [&'static str; 4] {
        ROLES.map(Role::as_str)
    }

    fn team(&self, user: &User) -> Option<&str> {
        team(self.teams, user)
    }

    fn tone(&self, user: &User) -> &'static str {
        state(user).0
    }

    fn said(&self, user: &User) -> String {
        self.v.word("users.state", state(user).1)
    }
}

fn team<'a>(teams: &'a [Team], user: &User) -> Option<&'a str> {
    teams.iter().find(|team| Some(team.id) == user.team_id).map(|team| team.name.as_str())
}

/// Returns the class and the key of what a user can do at the moment.
fn state(user: &User) -> (&'static str, &'static str) {
    match (user.disabled, user.is_invited) {
        (true, _) => ("bad", "disabled"),
        (false, true) => ("warn", "invited"),
        (false, false) => ("good", "active"),
    }
}
