//! `/extensions/{number}`: one extension, its phones, and what can be done with it.

use askama::Template;
use axum::{
    Extension as Shared,
    extract::{Path, State},
};
use http::{HeaderMap, StatusCode, header};
use pbx::{
    model::{Extension, RecordingMode},
    ops::{
        extensions,
        phones::{self, Phone},
        ring_test::{Outcome, Tested, ring_test},
    },
};

use super::{
    form::{Choices, MODES, filled},
    list::{Ticks, may_manage, watched},
    provision::{self, ForPhone},
};
use crate::{Answer, Console, form::Form, live, view::View};

#[derive(Template)]
#[template(path = "extensions/show.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    extension: &'a Extension,
    phones: Vec<Phone>,
    choices: Choices,
    modes: &'static [RecordingMode],
    may_manage: bool,
    /// A call is up: it is only deleted if that is meant.
    is_busy: bool,
}

/// The phones of the extension, as they come and go.
#[derive(Template)]
#[template(path = "extensions/phones.html")]
struct Phones<'a> {
    v: &'a View,
    phones: Vec<Phone>,
}

/// What became of a ring test, or why there was none.
#[derive(Template)]
#[template(path = "extensions/rung.html")]
struct Rung<'a> {
    v: &'a View,
    tested: Vec<Tested>,
    refused: Option<String>,
}

impl Rung<'_> {
    fn outcome(&self, tested: &Tested) -> (&'static str, String) {
        let word = |name: &str| self.v.word("extensions.rung", name);
        match tested.outcome {
            Outcome::Answered { heard: true } => ("good", word("heard")),
            Outcome::Answered { heard: false } => ("bad", word("mute")),
            Outcome::Rang => ("good", word("rang")),
            Outcome::Refused(status) => ("warn", self.v.t1("extensions.rung.refused", status)),
            Outcome::Silent => ("bad", word("silent")),
        }
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    view: View,
    Path(number): Path<String>,
    headers: HeaderMap,
    Shared(ticks): Shared<Ticks>,
) -> Answer {
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream") {
        let who = view.who()?;
        extensions::show(&console.pbx.desk(), who, &number).await?;
        let (watched, eyes) = (watched(&console, who, &ticks), console.clone());
        return Ok(live::stream(&console, view.clone(), watched, move |view, _| {
            let phones = view.who().ok().and_then(|who| phones::of(&eyes.pbx, who, &number).ok());
            let html = phones.and_then(|phones| Phones { v: view, phones }.render().ok());
            html.map(|html| ("phones", html)).into_iter().collect()
        }));
    }
    draw(&console, &view, &number, None).await
}

/// Draws the page, with the form as it was sent if that could not be accepted.
pub(super) async fn draw(console: &Console, view: &View, number: &str, form: Option<Form>) -> Answer {
    page(console, view, number, form, false).await
}

async fn page(console: &Console, view: &View, number: &str, form: Option<Form>, is_busy: bool) -> Answer {
    let who = view.who()?;
    let (extension, _) = extensions::show(&console.pbx.desk(), who, number).await?;
    let status = match (&form, is_busy) {
        (Some(_), _) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, true) => StatusCode::CONFLICT,
        (None, false) => StatusCode::OK,
    };
    let page = Page {
        v: view,
        form: &form.unwrap_or_else(|| filled(&extension)),
        extension: &extension,
        phones: phones::of(&console.pbx, who, number)?,
        choices: Choices::of(console, who).await?,
        modes: MODES,
        may_manage: may_manage(view),
        is_busy,
    };
    view.page_with(status, &page)
}

/// Gives the extension another password and shows it, this once.
pub(super) async fn rotate(
    State(console): State<Console>,
    view: View,
    Path(number): Path<String>,
    offers: Shared<provision::Offers>,
    form: Form,
) -> Answer {
    let who = view.who()?;
    view.fresh()?;
    let given = form.optional("mac");
    let mac = given.as_deref().and_then(provision::mac);
    let desk = console.pbx.desk();
    if let (Some(given), None) = (&given, &mac) {
        let mut form = filled(&extensions::show(&desk, who, &number).await?.0).with("mac", given);
        form.wrong("mac", view.t("extensions.mac_wrong"));
        return draw(&console, &view, &number, Some(form)).await;
    }
    let password = extensions::rotate_password(&desk, who, &number).await?;
    let (extension, _) = extensions::show(&desk, who, &number).await?;
    provision::show(&console, &view, &offers, &extension, &password, &ForPhone { is_new: false, mac }).await
}

/// Rings the phones, and answers with a part of the page when they have rung.
pub(super) async fn ring(State(console): State<Console>, view: View, Path(number): Path<String>) -> Answer {
    let (tested, refused) = match ring_test(&console.pbx, view.who()?, &number).await {
        Ok(tested) => (tested, None),
        Err(error @ (pbx::Error::ExtensionOffline(_) | pbx::Error::ExtensionFull(_) | pbx::Error::Draining)) => {
            (Vec::new(), Some(web::Error::from(error).text(view.language()).to_owned()))
        }
        Err(error) => return Err(error.into()),
    };
    view.page(&Rung { v: &view, tested, refused })
}

pub(super) async fn delete(
    State(console): State<Console>,
    view: View,
    Path(number): Path<String>,
    form: Form,
) -> Answer {
    match extensions::delete(&console.pbx.desk(), view.who()?, &number, form.flag("force")).await {
        Ok(()) => view.go_with("/extensions", "extensions.deleted"),
        Err(pbx::Error::ExtensionBusy(_)) => page(&console, &view, &number, None, true).await,
        Err(error) => Err(error.into()),
    }
}
