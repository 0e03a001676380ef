//! `/prompts`: sound for menus and announcements.

use askama::Template;
use axum::{
    Extension, Router,
    extract::{Path, State},
    routing::{get, post},
};
use http::HeaderMap;
use pbx::{model::StoredPrompt, ops::prompts};

use super::{extensions::may_manage, trunks::SEES};
use crate::{Answer, Console, Failure, form::Form, upload::Upload, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/prompts", get(list).post(create))
        .route("/prompts/new", get(new))
        .route("/prompts/{id}", get(show).post(change))
        .route("/prompts/{id}/delete", post(delete))
        .route("/prompts/{id}/sound.wav", get(sound))
}

#[derive(Template)]
#[template(path = "prompts/list.html")]
struct List<'a> {
    v: &'a View,
    prompts: &'a [StoredPrompt],
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "prompts/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    prompt: Option<&'a StoredPrompt>,
    may_manage: bool,
}

async fn list(State(console): State<Console>, view: View) -> Answer {
    let prompts = prompts::list(&console.pbx, view.needs(SEES)?).await?;
    view.page(&List { v: &view, prompts: &prompts, may_manage: may_manage(&view) })
}

async fn new(view: View) -> Answer {
    view.needs(SEES)?;
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    draw(&view, &Form::default(), None)
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let prompt = prompts::show(&console.pbx, view.needs(SEES)?, id).await?;
    draw(&view, &Form::default().with("name", &prompt.name), Some(&prompt))
}

fn draw(view: &View, form: &Form, prompt: Option<&StoredPrompt>) -> Answer {
    let page = Page { v: view, form, prompt, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, upload: Option<Extension<Upload>>, form: Form) -> Answer {
    let file = upload.as_ref().and_then(|upload| upload.file("file")).unwrap_or_default();
    let name = form.optional("name");
    match prompts::create(&console.pbx, view.needs(SEES)?, name.as_deref(), file).await {
        Ok(_) => view.go_with("/prompts", "prompts.created"),
        Err(error) => draw(&view, &refused(&view, form, error)?, None),
    }
}

async fn change(
    State(console): State<Console>,
    view: View,
    Path(id): Path<i64>,
    upload: Option<Extension<Upload>>,
    form: Form,
) -> Answer {
    let who = view.needs(SEES)?;
    let prompt = prompts::show(&console.pbx, who, id).await?;
    let file = upload.as_ref().and_then(|upload| upload.file("file")).filter(|file| !file.is_empty());
    let name = form.optional("name");
    match prompts::update(&console.pbx, who, id, name.as_deref(), file).await {
        Ok(_) => view.go_with("/prompts", "prompts.saved"),
        Err(error) => draw(&view, &refused(&view, form, error)?, Some(&prompt)),
    }
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    match prompts::delete(&console.pbx, view.needs(SEES)?, id).await {
        Ok(()) => view.go_with("/prompts", "prompts.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("prompts.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

fn refused(view: &View, mut form: Form, error: pbx::Error) -> Result<Form, Failure> {
    if matches!(error, pbx::Error::Taken(_)) {
        form.wrong("name", view.t("prompts.taken"));
        return Ok(form);
    }
    form.refused(view, error)
}

async fn sound(State(console): State<Console>, view: View, Path(id): Path<i64>, headers: HeaderMap) -> Answer {
    let sound = prompts::open(&console.pbx, view.needs(SEES)?, id).await?;
    Ok(pbx::send_sound(sound, &headers).await?)
}
