//! `/settings/origins`: web sites that may show the webphone in a frame.

use accounts::Origin;
use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};

use super::webhooks::part;
use crate::{Answer, Console, asked::Asked, form::Form, key::Key, nav::Needs, pager::Pager, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/settings/origins", get(list).post(add)).route("/settings/origins/{id}/remove", post(remove))
}

#[derive(Template)]
#[template(path = "origins/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    form: &'a Form,
    origins: &'a [Origin],
    pager: Pager,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    draw(&console, &view, &asked, &Form::default()).await
}

async fn draw(console: &Console, view: &View, asked: &Asked, form: &Form) -> Answer {
    let mut origins = console.accounts.origins(view.needs(Needs::Admin)?).await?;
    let search = asked.text("search").to_lowercase();
    origins.retain(|origin| origin.origin.contains(&search));
    let listing = part(origins, asked);
    let pager = Pager::of(&listing, asked);
    let page = List { v: view, asked, form, origins: &listing.data, pager };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn add(State(console): State<Console>, view: View, asked: Asked, form: Form) -> Answer {
    match console.accounts.add_origin(view.needs(Needs::Admin)?, form.text("origin")).await {
        Ok(_) => view.go_with("/settings/origins", "origins.added"),
        Err(error) => draw(&console, &view, &asked, &form.refused(&view, error)?).await,
    }
}

async fn remove(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.accounts.remove_origin(view.needs(Needs::Admin)?, id).await?;
    view.go_with("/settings/origins", "origins.removed")
}
