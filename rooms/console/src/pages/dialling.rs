//! `/dialling`: feature codes, and the numbers that are calls for help.

use askama::Template;
use axum::{Router, extract::State, routing::get};
use pbx::ops::toll;

use super::{extensions::may_manage, trunks::SEES};
use crate::{Answer, Console, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/dialling", get(show).post(change))
}

#[derive(Template)]
#[template(path = "dialling/page.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    sections: &'static [Section],
    may_manage: bool,
}

/// Codes that stand together: its key, and the fields' names.
struct Section {
    key: &'static str,
    codes: &'static [&'static str],
}

const SECTIONS: &[Section] = &[
    Section { key: "taking", codes: &["pickup", "park", "voicemail"] },
    Section { key: "diverting", codes: &["dnd_on", "dnd_off", "forward_on", "forward_off", "time_condition"] },
    Section { key: "others", codes: &["conference", "hide", "echo"] },
];

async fn show(State(console): State<Console>, view: View) -> Answer {
    let (codes, emergency) = toll::dialling(&console.pbx.desk(), view.needs(SEES)?).await?;
    let form = Form::default()
        .with("voicemail", &codes.voicemail)
        .with("pickup", &codes.pickup)
        .with("park", &codes.park)
        .with("first_slot", codes.first_slot)
        .with("last_slot", codes.last_slot)
        .with("echo", &codes.echo)
        .with("dnd_on", &codes.dnd_on)
        .with("dnd_off", &codes.dnd_off)
        .with("forward_on", &codes.forward_on)
        .with("forward_off", &codes.forward_off)
        .with("conference", &codes.conference)
        .with("time_condition", &codes.time_condition)
        .with("hide", &codes.hide)
        .with("emergency", emergency.join(" "));
    draw(&view, &form)
}

fn draw(view: &View, form: &Form) -> Answer {
    let page = Page { v: view, form, sections: SECTIONS, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let (mut codes, _) = toll::dialling(&desk, who).await?;
    (codes.first_slot, codes.last_slot) = (place(&view, &mut form, "first_slot"), place(&view, &mut form, "last_slot"));
    for (name, code) in [
        ("voicemail", &mut codes.voicemail),
        ("pickup", &mut codes.pickup),
        ("park", &mut codes.park),
        ("echo", &mut codes.echo),
        ("dnd_on", &mut codes.dnd_on),
        ("dnd_off", &mut codes.dnd_off),
        ("forward_on", &mut codes.forward_on),
        ("forward_off", &mut codes.forward_off),
        ("conference", &mut codes.conference),
        ("time_condition", &mut codes.time_condition),
        ("hide", &mut codes.hide),
    ] {
        form.text(name).clone_into(code);
    }
    let emergency = form.text("emergency").split([' ', ',', ';', '\n', '\r', '\t']);
    let emergency = emergency.filter(|number| !number.is_empty()).map(str::to_owned).collect();
    if !form.is_wrong() && !codes.is_sound() {
        form = form.with_message(view.t("dialling.unsound"));
    }
    if !form.is_wrong() {
        match toll::set_dialling(&desk, who, codes, emergency).await {
            Ok(()) => return view.go_with("/dialling", "dialling.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&view, &form)
}

/// Reads a place for parked calls; what is none is marked.
fn place(view: &View, form: &mut Form, name: &str) -> u16 {
    let place = form.number(view, name).and_then(|number| u16::try_from(number).ok());
    if place.is_none() && form.error(name).is_none() {
        form.wrong(name, view.t("dialling.bad_place"));
    }
    place.unwrap_or_default()
}
