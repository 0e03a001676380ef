//! `/caller-ids`: the numbers that the called side may be shown.

mod groups;

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use domain::{Permission, Principal, ids::TrunkId};
use pbx::{
    model::{CallerId, CallerIdStatus, Trunk},
    ops::{
        caller_ids::{self, Fill},
        trunks,
    },
};
use web::{Fields, Page as Slice};

use super::trunks::SEES;
use crate::{Answer, Console, Failure, asked::Asked, form::Form, pager::Pager, view::View};

/// Trunks that are offered to choose from.
const MOST_TRUNKS: i64 = 200;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/caller-ids", get(list).post(create))
        .route("/caller-ids/new", get(new))
        .route("/caller-ids/{id}", get(show).post(change))
        .route("/caller-ids/{id}/delete", post(delete))
        .route("/caller-ids/groups", get(groups::list).post(groups::create))
        .route("/caller-ids/groups/new", get(groups::new))
        .route("/caller-ids/groups/{id}", get(groups::show).post(groups::change))
        .route("/caller-ids/groups/{id}/delete", post(groups::delete))
        .route("/caller-ids/groups/{id}/numbers/{number}/clear", post(groups::clear))
}

#[derive(Template)]
#[template(path = "caller_ids/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    caller_ids: &'a [CallerId],
    trunks: HashMap<TrunkId, String>,
    pager: Pager,
    may_manage: bool,
}

impl List<'_> {
    fn trunk(&self, caller_id: &CallerId) -> Option<&str> {
        self.trunks.get(&caller_id.trunk?).map(String::as_str)
    }
}

#[derive(Template)]
#[template(path = "caller_ids/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    caller_id: Option<&'a CallerId>,
    trunks: Vec<Trunk>,
    may_manage: bool,
}

fn may_manage(view: &View) -> bool {
    view.may_write() && view.holds(Permission::ManageCallerIds)
}

/// Returns the account's trunks, for choices and names.
pub(crate) async fn trunks_of(console: &Console, who: &Principal) -> Result<Vec<Trunk>, Failure> {
    let slice = Slice { page: 1, per_page: MOST_TRUNKS };
    Ok(trunks::list(&console.pbx.desk(), who, slice).await?.data.into_iter().map(|state| state.trunk).collect())
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(SEES)?;
    let (search, status) = (asked.optional("search"), CallerIdStatus::parse(asked.text("status")));
    let listing = caller_ids::search(&console.pbx.desk(), who, search.as_deref(), status, asked.page()).await?;
    let pager = Pager::of(&listing, &asked);
    let trunks = trunks_of(&console, who).await?.into_iter().map(|trunk| (trunk.id, trunk.name)).collect();
    let may_manage = may_manage(&view);
    view.page(&List { v: &view, asked: &asked, caller_ids: &listing.data, trunks, pager, may_manage })
}

async fn new(State(console): State<Console>, view: View) -> Answer {
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    draw(&console, &view, &Form::default().with("status", "active"), None).await
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let caller_id = caller_ids::show(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    let form = Form::default()
        .with("number", &caller_id.number)
        .with("label", caller_id.label.as_deref().unwrap_or_default())
        .with("status", caller_id.status.as_str())
        .with("trunk_id", caller_id.trunk.map_or_else(String::new, |trunk| trunk.to_string()));
    draw(&console, &view, &form, Some(&caller_id)).await
}

async fn draw(console: &Console, view: &View, form: &Form, caller_id: Option<&CallerId>) -> Answer {
    let trunks = trunks_of(console, view.who()?).await?;
    let page = Page { v: view, form, caller_id, trunks, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match caller_ids::create(&console.pbx.desk(), view.needs(SEES)?, fill, Fields::new()).await {
            Ok(_) => return view.go_with("/caller-ids", "caller_ids.created"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let caller_id = caller_ids::show(&desk, who, id).await?;
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match caller_ids::update(&desk, who, id, fill, Fields::new()).await {
            Ok(_) => return view.go_with("/caller-ids", "caller_ids.saved"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, Some(&caller_id)).await
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    match caller_ids::delete(&console.pbx.desk(), view.needs(SEES)?, id).await {
        Ok(()) => view.go_with("/caller-ids", "caller_ids.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("caller_ids.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

/// Says at the number what is wrong with it.
fn refused(view: &View, mut form: Form, error: pbx::Error) -> Result<Form, Failure> {
    match error {
        pbx::Error::Taken(field) => form.wrong(field, view.t("caller_ids.taken")),
        pbx::Error::InUse { count, .. } => form.wrong("number", view.count("caller_ids.in_use", count)),
        error => return form.refused(view, error),
    }
    Ok(form)
}

fn read(view: &View, form: &mut Form) -> Fill {
    Fill {
        number: form.optional("number"),
        label: Some(form.optional("label")),
        status: form.optional("status"),
        trunk_id: Some(form.number(view, "trunk_id")),
    }
}
