//! `/trunks/{id}/registration`: whether a trunk signs in at its carrier, and how that goes.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use domain::ids::TrunkId;
use pbx::{
    model::{RegistrationState, Trunk},
    ops::{
        trunk_registrations::{self, NewRegistration},
        trunks,
    },
};

use super::{extensions::may_manage, trunks::SEES};
use crate::{Answer, Console, Failure, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/trunks/{id}/registration", get(show).post(change))
}

#[derive(Template)]
#[template(path = "trunks/registration.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    trunk: &'a Trunk,
    state: RegistrationState,
    may_manage: bool,
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let trunk = trunks::show(&desk, who, TrunkId(id)).await?.trunk;
    let form = match trunk_registrations::show(&desk, who, TrunkId(id)).await? {
        None => Form::default(),
        Some(registration) => Form::default()
            .with("registers", "yes")
            .with("registrars", registration.registrars.join("\n"))
            .with("expires", registration.expires),
    };
    draw(&console, &view, &form, &trunk)
}

fn draw(console: &Console, view: &View, form: &Form, trunk: &Trunk) -> Answer {
    let state = console.pbx.trunk_registration(trunk.id);
    let page = Page { v: view, form, trunk, state, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    let trunk = trunks::show(&desk, who, TrunkId(id)).await?.trunk;
    let expires = form.number(&view, "expires");
    let words = form.text("registrars").split([' ', ',', ';', '\n', '\r', '\t']).filter(|word| !word.is_empty());
    let new = NewRegistration { registrars: words.map(str::to_owned).collect(), expires };
    let new = form.flag("registers").then_some(new);
    if !form.is_wrong() {
        match trunk_registrations::set(&desk, who, TrunkId(id), new).await {
            Ok(()) => return view.go_with(&format!("/trunks/{id}/registration"), "trunks.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&console, &view, &form, &trunk)
}
