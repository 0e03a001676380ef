//! `/menus`: what callers hear, and where the keys lead.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use pbx::{
    model::{MenuRow, StoredPrompt, menus::KEYS},
    ops::{
        menus::{self, Fill, key_name},
        prompts,
    },
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
        .route("/menus", get(list).post(create))
        .route("/menus/new", get(new))
        .route("/menus/{id}", get(show).post(change))
        .route("/menus/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "menus/list.html")]
struct List<'a> {
    v: &'a View,
    menus: &'a [MenuRow],
    to: Destinations,
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "menus/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    menu: Option<&'a MenuRow>,
    prompts: Vec<StoredPrompt>,
    to: Destinations,
    keys: Vec<Key>,
    may_manage: bool,
}

/// One key and the field that says what it does.
struct Key {
    key: char,
    field: String,
}

fn keys() -> Vec<Key> {
    KEYS.chars().map(|key| Key { key, field: format!("key_{}", key_name(key)) }).collect()
}

async fn list(State(console): State<Console>, view: View) -> Answer {
    let who = view.needs(SEES)?;
    let menus = menus::list(&console.pbx.desk(), who).await?;
    let to = Destinations::of(&console, &view, who).await?;
    view.page(&List { v: &view, menus: &menus, to, may_manage: may_manage(&view) })
}

async fn new(State(console): State<Console>, view: View) -> Answer {
    view.needs(SEES)?;
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    let form = Form::default().with("wait_seconds", 5).with("repeats", 2).with("otherwise", "hangup|");
    draw(&console, &view, &form, None).await
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let menu = menus::show(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    let mut form = Form::default()
        .with("name", &menu.name)
        .with("number", menu.number.as_deref().unwrap_or_default())
        .with("greeting", number(menu.greeting))
        .with("invalid", number(menu.invalid))
        .with("dial_digits", number(menu.dial_digits))
        .with("wait_seconds", menu.wait_seconds)
        .with("repeats", menu.repeats)
        .with("otherwise", destinations::value(&menu.otherwise));
    for (key, action) in &menu.keys {
        let value = match action {
            pbx::model::KeyAction::Again => "again|".to_owned(),
            pbx::model::KeyAction::To(to) => destinations::value(to),
        };
        form = form.with(&format!("key_{}", key_name(*key)), value);
    }
    draw(&console, &view, &form, Some(&menu)).await
}

async fn draw(console: &Console, view: &View, form: &Form, menu: Option<&MenuRow>) -> Answer {
    let who = view.needs(SEES)?;
    let prompts = prompts::list(&console.pbx, who).await?;
    let to = Destinations::of(console, view, who).await?;
    let page = Page { v: view, form, menu, prompts, to, keys: keys(), may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match menus::create(&console.pbx.desk(), view.needs(SEES)?, fill, Fields::new()).await {
            Ok(_) => return view.go_with("/menus", "menus.created"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let menu = menus::show(&desk, who, id).await?;
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match menus::replace(&desk, who, id, fill, Fields::new()).await {
            Ok(_) => return view.go_with("/menus", "menus.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&console, &view, &form, Some(&menu)).await
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    match menus::delete(&console.pbx.desk(), view.needs(SEES)?, id).await {
        Ok(()) => view.go_with("/menus", "menus.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("menus.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

fn read(view: &View, form: &mut Form) -> Fill {
    let keys = keys().into_iter().map(|Key { key, field }| (key, destinations::read(form.text(&field)))).collect();
    Fill {
        name: form.optional("name"),
        number: form.optional("number"),
        greeting: form.number(view, "greeting"),
        invalid: form.number(view, "invalid"),
        dial_digits: form.number(view, "dial_digits"),
        wait_seconds: form.number(view, "wait_seconds"),
        repeats: form.number(view, "repeats"),
        otherwise: destinations::read(form.text("otherwise")),
        keys,
    }
}
