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
    in_call: &'static [&'static str],
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

/// What extensions press in a call.
const IN_CALL: &[&str] = &["record", "blind", "attended", "three_way"];

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
        .with("largest_conference", codes.largest_conference)
        .with("in_call_everybody", if codes.in_call.everybody { "yes" } else { "" })
        .with("in_call_extensions", codes.in_call.extensions.join(" "))
        .with("record", &codes.in_call.record)
        .with("attended", &codes.in_call.attended)
        .with("blind", &codes.in_call.blind)
        .with("three_way", &codes.in_call.three_way)
        .with("emergency", emergency.join(" "));
    draw(&view, &form)
}

fn draw(view: &View, form: &Form) -> Answer {
    let page = Page { v: view, form, sections: SECTIONS, in_call: IN_CALL, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let (mut codes, _) = toll::dialling(&desk, who).await?;
    let bad_place = view.t("dialling.bad_place");
    codes.first_slot = whole(&view, &mut form, "first_slot", bad_place);
    codes.last_slot = whole(&view, &mut form, "last_slot", bad_place);
    codes.largest_conference = whole(&view, &mut form, "largest_conference", view.t("dialling.bad_room"));
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
        ("record", &mut codes.in_call.record),
        ("attended", &mut codes.in_call.attended),
        ("blind", &mut codes.in_call.blind),
        ("three_way", &mut codes.in_call.three_way),
    ] {
        form.text(name).clone_into(code);
    }
    codes.in_call.everybody = form.flag("in_call_everybody");
    codes.in_call.extensions = words(&form, "in_call_extensions");
    let emergency = words(&form, "emergency");
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

/// Reads what stands in a field with blanks or commas between.
fn words(form: &Form, name: &str) -> Vec<String> {
    let words = form.text(name).split([' ', ',', ';', '\n', '\r', '\t']);
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Reads a number; what is none is marked with `wrong`.
fn whole(view: &View, form: &mut Form, name: &str, wrong: &str) -> u16 {
    let number = form.number(view, name).and_then(|number| u16::try_from(number).ok());
    if number.is_none() && form.error(name).is_none() {
        form.wrong(name, wrong);
    }
    number.unwrap_or_default()
}
