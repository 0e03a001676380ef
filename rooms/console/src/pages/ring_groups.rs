//! `/ring-groups`: several extensions that are rung for one call.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use pbx::{
    model::{RingGroup, RingStrategy},
    ops::ring_groups::{self, Fill},
};
use web::Fields;

use super::{
    destinations::{self, Destinations},
    extensions::may_manage,
    trunks::SEES,
};
use crate::{Answer, Console, Failure, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/ring-groups", get(list).post(create))
        .route("/ring-groups/new", get(new))
        .route("/ring-groups/{id}", get(show).post(change))
        .route("/ring-groups/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "ring_groups/list.html")]
struct List<'a> {
    v: &'a View,
    groups: &'a [RingGroup],
    to: Destinations,
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "ring_groups/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    group: Option<&'a RingGroup>,
    strategies: &'static [RingStrategy],
    to: Destinations,
    may_manage: bool,
}

async fn list(State(console): State<Console>, view: View) -> Answer {
    let who = view.needs(SEES)?;
    let groups = ring_groups::list(&console.pbx.desk(), who).await?;
    let to = Destinations::of(&console, &view, who).await?;
    view.page(&List { v: &view, groups: &groups, to, may_manage: may_manage(&view) })
}

async fn new(State(console): State<Console>, view: View) -> Answer {
    view.needs(SEES)?;
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    draw(&console, &view, &Form::default().with("strategy", "all").with("ring_seconds", 25), None).await
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let group = ring_groups::show(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    let form = Form::default()
        .with("name", &group.name)
        .with("number", group.number.as_deref().unwrap_or_default())
        .with("strategy", group.strategy.as_str())
        .with("ring_seconds", group.ring_seconds)
        .with("fallback", group.fallback.as_ref().map(destinations::value).unwrap_or_default())
        .with("members", group.members.join("\n"));
    draw(&console, &view, &form, Some(&group)).await
}

async fn draw(console: &Console, view: &View, form: &Form, group: Option<&RingGroup>) -> Answer {
    let to = Destinations::of(console, view, view.needs(SEES)?).await?;
    let page = Page { v: view, form, group, strategies: RingStrategy::ALL, to, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match ring_groups::create(&console.pbx.desk(), view.needs(SEES)?, fill, Fields::new()).await {
            Ok(_) => return view.go_with("/ring-groups", "ring_groups.created"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let group = ring_groups::show(&desk, who, id).await?;
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match ring_groups::replace(&desk, who, id, fill, Fields::new()).await {
            Ok(_) => return view.go_with("/ring-groups", "ring_groups.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&console, &view, &form, Some(&group)).await
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    match ring_groups::delete(&console.pbx.desk(), view.needs(SEES)?, id).await {
        Ok(()) => view.go_with("/ring-groups", "ring_groups.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("ring_groups.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

fn read(view: &View, form: &mut Form) -> Fill {
    let members = form.value("members").split(|c: char| c == ',' || c.is_whitespace());
    Fill {
        name: form.optional("name"),
        number: form.optional("number"),
        strategy: form.optional("strategy"),
        fallback: destinations::read(form.text("fallback")),
        members: members.filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        ring_seconds: form.number(view, "ring_seconds"),
    }
}
