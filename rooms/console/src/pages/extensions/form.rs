//! Making and changing an extension.

use accounts::Team;
use askama::Template;
use axum::extract::{Path, State};
use domain::Principal;
use pbx::{
    model::{CallerId, CallerIdStatus, Extension, RecordingMode},
    ops::{
        caller_ids,
        extensions::{self, Fill, NewExtension},
    },
};
use web::{Fields, Page as Slice};

use super::{
    list::may_manage,
    provision::{self, ForPhone},
    show,
};
use crate::{Answer, Console, Failure, form::Form, view::View};

/// What a list of choices holds at most.
const MOST_CHOICES: i64 = 200;

/// What the form offers to choose from.
pub(super) struct Choices {
    pub(super) caller_ids: Vec<CallerId>,
    pub(super) teams: Vec<Team>,
}

impl Choices {
    pub(super) async fn of(console: &Console, who: &Principal) -> Result<Self, Failure> {
        let slice = Slice { page: 1, per_page: MOST_CHOICES };
        let active = Some(CallerIdStatus::Active);
        let caller_ids = caller_ids::list(&console.pbx.desk(), who, active, slice).await?.data;
        // Agents see an extension without its team's name.
        let teams = console.accounts.teams(who, slice, None).await.map(|listing| listing.data).unwrap_or_default();
        Ok(Self { caller_ids, teams })
    }
}

impl Choices {
    /// Returns the chosen caller ID if it is none of those on offer: saving must not take it away unseen.
    pub(super) fn other_caller_id<'a>(&self, form: &'a Form) -> Option<&'a str> {
        let chosen = form.value("outbound_caller_id");
        let is_other = !chosen.is_empty() && self.caller_ids.iter().all(|known| known.number != chosen);
        is_other.then_some(chosen)
    }

    /// Returns the chosen team if it is none of those on offer.
    pub(super) fn other_team<'a>(&self, form: &'a Form) -> Option<&'a str> {
        let chosen = form.value("team_id");
        let is_other = !chosen.is_empty() && self.teams.iter().all(|known| known.id.to_string() != chosen);
        is_other.then_some(chosen)
    }
}

pub(super) const MODES: &[RecordingMode] = RecordingMode::ALL;

#[derive(Template)]
#[template(path = "extensions/new.html")]
struct New<'a> {
    v: &'a View,
    form: &'a Form,
    choices: Choices,
    modes: &'static [RecordingMode],
}

pub(super) async fn new(State(console): State<Console>, view: View) -> Answer {
    let who = view.who()?;
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    let free = extensions::available_numbers(&console.pbx.desk(), who, Some("1001"), None, Some(1)).await?;
    let form = Form::default()
        .with("extension_number", free.first().map_or("", String::as_str))
        .with("recording_mode", "none")
        .with("status", "active")
        .with("max_concurrent", 2);
    view.page(&New { v: &view, form: &form, choices: Choices::of(&console, who).await?, modes: MODES })
}

pub(super) async fn create(
    State(console): State<Console>,
    view: View,
    offers: axum::Extension<provision::Offers>,
    mut form: Form,
) -> Answer {
    let who = view.who()?;
    // The answer shows a password.
    view.fresh()?;
    let fill = fill(&view, &mut form);
    let new =
        NewExtension { number: form.optional("extension_number"), sip_password: form.optional("sip_password"), fill };
    if !form.is_wrong() {
        match extensions::create(&console.pbx.desk(), who, new, Fields::new()).await {
            Ok((extension, password)) => {
                return provision::show(
                    &console,
                    &view,
                    &offers,
                    &extension,
                    &password,
                    &ForPhone { is_new: true, mac: None },
                )
                .await;
            }
            Err(pbx::Error::Taken(field)) => form.wrong(field, view.t("common.rule.taken")),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    view.again(&New { v: &view, form: &form, choices: Choices::of(&console, who).await?, modes: MODES })
}

pub(super) async fn change(
    State(console): State<Console>,
    view: View,
    Path(number): Path<String>,
    mut form: Form,
) -> Answer {
    let who = view.who()?;
    let fill = fill(&view, &mut form);
    if !form.is_wrong() {
        match extensions::update(&console.pbx.desk(), who, &number, fill, Fields::new()).await {
            Ok(_) => return view.go_with(&format!("/extensions/{number}"), "extensions.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    show::draw(&console, &view, &number, Some(form)).await
}

/// Reads everything but number and password. What the form leaves empty is cleared.
fn fill(view: &View, form: &mut Form) -> Fill {
    Fill {
        display_name: Some(form.optional("display_name")),
        voicemail_enabled: None,
        outbound_caller_id: Some(form.optional("outbound_caller_id")),
        recording_mode: form.optional("recording_mode"),
        status: form.optional("status"),
        team_id: Some(form.number(view, "team_id")),
        department_id: Some(form.number(view, "department_id")),
        max_concurrent: form.number(view, "max_concurrent"),
        tls_enabled: None,
    }
}

/// Returns the form as the extension is.
pub(super) fn filled(extension: &Extension) -> Form {
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    Form::default()
        .with("display_name", extension.display_name.as_deref().unwrap_or_default())
        .with("outbound_caller_id", extension.outbound_caller_id.as_deref().unwrap_or_default())
        .with("recording_mode", extension.recording_mode.as_str())
        .with("status", extension.status.as_str())
        .with("team_id", number(extension.team_id))
        .with("department_id", number(extension.department_id))
        .with("max_concurrent", extension.max_concurrent)
}
