//! What went wrong, when, and who was told.

use alerts::{Incident, IncidentFilter, Kind, Notice};
use askama::Template;
use axum::extract::State;

use super::measured;
use crate::{Answer, Console, asked::Asked, key::Key, nav::Needs, pager::Pager, view::View};

#[derive(Template)]
#[template(path = "alerts/incidents.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    incidents: &'a [Incident],
    kinds: Vec<&'static str>,
    pager: Pager,
}

pub(super) async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let filter = IncidentFilter { open_only: asked.text("state") == "open", kind: Kind::parse(asked.text("kind")) };
    let listing = console.alerts.incidents(who, filter, asked.page()).await?;
    let kinds = console.alerts.list(who).await?.iter().map(|rule| rule.kind.as_str()).collect();
    let pager = Pager::of(&listing, &asked);
    view.page(&List { v: &view, asked: &asked, incidents: &listing.data, kinds, pager })
}

#[derive(Template)]
#[template(path = "alerts/incident.html")]
struct Show<'a> {
    v: &'a View,
    incident: &'a Incident,
    notices: &'a [Notice],
    measured: Option<String>,
}

pub(super) async fn show(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let (incident, notices) = console.alerts.incident(view.needs(Needs::Admin)?, id).await?;
    let unit = incident.kind.threshold().map(|threshold| threshold.unit);
    let measured = unit.map(|unit| measured(&view, unit, incident.value));
    view.page(&Show { v: &view, incident: &incident, notices: &notices, measured })
}

impl Show<'_> {
    fn tone(&self, notice: &Notice) -> &'static str {
        match notice.state.as_str() {
            "sent" => "good",
            "failed" => "bad",
            _ => "live",
        }
    }
}
