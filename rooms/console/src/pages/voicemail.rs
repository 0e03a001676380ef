//! `/voicemail`: mailboxes, their settings and messages.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use http::HeaderMap;
use pbx::{
    model::{Mailbox, Message, MessageState},
    ops::voicemail::{self, BoxView, Fill},
};
use web::Fields;

use crate::{Answer, Console, asked::Asked, form::Form, nav::Needs, pager::Pager, view::View};

/// Who has a mailbox, or looks after those of others.
pub(crate) const SEES: Needs = Needs::Permission(domain::Permission::PbxApiAccess);

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/voicemail", get(list))
        .route("/voicemail/{extension}", get(show).post(change))
        .route("/voicemail/{extension}/greeting.wav", get(greeting))
        .route("/voicemail/{extension}/messages/{message}", post(mark))
        .route("/voicemail/{extension}/messages/{message}/delete", post(delete))
        .route("/voicemail/{extension}/messages/{message}/sound.wav", get(sound))
}

#[derive(Template)]
#[template(path = "voicemail/list.html")]
struct List<'a> {
    v: &'a View,
    boxes: &'a [BoxView],
}

impl List<'_> {
    fn count(&self, messages: &u32) -> i64 {
        i64::from(*messages)
    }
}

#[derive(Template)]
#[template(path = "voicemail/show.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    mailbox: &'a Mailbox,
    messages: &'a [Message],
    pager: Pager,
    may_write: bool,
}

async fn list(State(console): State<Console>, view: View) -> Answer {
    let boxes = voicemail::list(&console.pbx, view.needs(SEES)?).await?;
    view.page(&List { v: &view, boxes: &boxes })
}

async fn show(State(console): State<Console>, view: View, Path(extension): Path<String>, asked: Asked) -> Answer {
    draw(&console, &view, &extension, &asked, None).await
}

async fn draw(console: &Console, view: &View, extension: &str, asked: &Asked, form: Option<Form>) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let mailbox = voicemail::show(&desk, who, extension).await?;
    let listing = voicemail::messages(&desk, who, extension, asked.page()).await?;
    let is_wrong = form.is_some();
    let form = form.unwrap_or_else(|| {
        let mut form = Form::default().with("email", mailbox.email.as_deref().unwrap_or_default());
        for (field, on) in [("attach", mailbox.attach), ("review", mailbox.review)] {
            if on {
                form = form.with(field, "on");
            }
        }
        form
    });
    let pager = Pager::of(&listing, asked);
    let may_write = view.may_write();
    let page = Page { v: view, form: &form, mailbox: &mailbox, messages: &listing.data, pager, may_write };
    if is_wrong { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, Path(extension): Path<String>, form: Form) -> Answer {
    let pin = match (form.flag("no_pin"), form.optional("pin")) {
        (true, _) => Some(None),
        (false, pin) => pin.map(Some),
    };
    let fill = Fill {
        pin,
        email: Some(form.optional("email")),
        attach: Some(form.flag("attach")),
        review: Some(form.flag("review")),
        drop_greeting: form.flag("drop_greeting"),
    };
    let desk = console.pbx.desk();
    match voicemail::update(&desk, view.needs(SEES)?, &extension, fill, Fields::new()).await {
        Ok(_) => view.go_with(&format!("/voicemail/{extension}"), "voicemail.saved"),
        Err(error) => {
            let form = form.refused(&view, error)?;
            draw(&console, &view, &extension, &Asked::default(), Some(form)).await
        }
    }
}

async fn mark(
    State(console): State<Console>,
    view: View,
    Path((extension, message)): Path<(String, i64)>,
    form: Form,
) -> Answer {
    let state = if form.text("state") == "new" { MessageState::New } else { MessageState::Old };
    voicemail::mark(&console.pbx, view.needs(SEES)?, &extension, message, state).await?;
    view.go_with(&format!("/voicemail/{extension}"), "voicemail.marked")
}

async fn delete(State(console): State<Console>, view: View, Path((extension, message)): Path<(String, i64)>) -> Answer {
    voicemail::delete(&console.pbx, view.needs(SEES)?, &extension, message).await?;
    view.go_with(&format!("/voicemail/{extension}"), "voicemail.deleted")
}

async fn sound(
    State(console): State<Console>,
    view: View,
    Path((extension, message)): Path<(String, i64)>,
    headers: HeaderMap,
) -> Answer {
    let sound = voicemail::open(&console.pbx, view.needs(SEES)?, &extension, message).await?;
    Ok(pbx::send_sound(sound, &headers).await?)
}

async fn greeting(
    State(console): State<Console>,
    view: View,
    Path(extension): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let sound = voicemail::greeting(&console.pbx, view.needs(SEES)?, &extension).await?;
    Ok(pbx::send_sound(sound, &headers).await?)
}
