//! `/teams`: who works together and may see each other's calls.

use accounts::{Team, User};
use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::UserId;

use crate::{
    Answer, Console, asked::Asked, form::Form, key::Key, nav::Needs, pager::Pager, pages::tokens::all_users, view::View,
};

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/teams", get(list).post(create))
        .route("/teams/{id}", get(show).post(change))
        .route("/teams/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "teams/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    form: &'a Form,
    teams: &'a [Team],
    pager: Pager,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    draw_list(&console, &view, &asked, &Form::default()).await
}

async fn draw_list(console: &Console, view: &View, asked: &Asked, form: &Form) -> Answer {
    let who = view.needs(Needs::Manager)?;
    let listing = console.accounts.teams(who, asked.page(), asked.optional("search").as_deref()).await?;
    let pager = Pager::of(&listing, asked);
    let page = List { v: view, asked, form, teams: &listing.data, pager };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, asked: Asked, form: Form) -> Answer {
    match console.accounts.create_team(view.needs(Needs::Admin)?, form.text("name")).await {
        Ok(team) => view.go_with(&format!("/teams/{}", team.id), "teams.created"),
        Err(error) => draw_list(&console, &view, &asked, &form.refused(&view, error)?).await,
    }
}

#[derive(Template)]
#[template(path = "teams/show.html")]
struct Show<'a> {
    v: &'a View,
    form: &'a Form,
    team: &'a Team,
    users: &'a [User],
}

impl Show<'_> {
    fn is_member(&self, user: &User) -> bool {
        user.team_id == Some(self.team.id)
    }

    fn is_elsewhere(&self, user: &User) -> bool {
        user.team_id.is_some_and(|team| team != self.team.id)
    }
}

async fn show(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let who = view.needs(Needs::Manager)?;
    let team = console.accounts.team(who, id).await?;
    let users = all_users(&console, who).await?;
    let mut form = Form::default().with("name", &team.name);
    for user in users.iter().filter(|user| user.team_id == Some(id)) {
        form = form.with("members", user.id);
    }
    view.page(&Show { v: &view, form: &form, team: &team, users: &users })
}

async fn change(State(console): State<Console>, view: View, Key(id): Key<i64>, form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let team = console.accounts.team(who, id).await?;
    let members: Vec<UserId> = form.list("members").filter_map(|id| id.parse().ok()).map(UserId).collect();
    let result = match form.text("name") == team.name {
        true => Ok(()),
        false => console.accounts.rename_team(who, id, form.text("name")).await.map(|_| ()),
    };
    let result = match result {
        Ok(()) => console.accounts.set_team_members(who, id, &members).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(_) => view.go_with(&format!("/teams/{id}"), "teams.saved"),
        Err(error) => {
            let form = form.refused(&view, error)?;
            let users = all_users(&console, who).await?;
            view.again(&Show { v: &view, form: &form, team: &team, users: &users })
        }
    }
}

async fn delete(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.accounts.delete_team(view.needs(Needs::Admin)?, id).await?;
    view.go_with("/teams", "teams.deleted")
}
