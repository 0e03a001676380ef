//! What is done on a queue's pages: agents come, go and change what they want; who hung up is called back.

use axum::extract::{Path, State};
use pbx::ops::{
    agents,
    calls::{self, Originate},
    queue_status,
    queues::{self, TierFill},
};
use web::Fields;

use super::path_of;
use crate::{Answer, Console, Failure, form::Form, view::View};

pub(super) async fn add_agent(
    State(console): State<Console>,
    view: View,
    Path(name): Path<String>,
    mut form: Form,
) -> Answer {
    let fill = tier(&view, &mut form, form_extension);
    let back = format!("{}/settings", path_of(&name));
    match queues::add_tier(&console.pbx.desk(), view.who()?, &name, fill, Fields::new()).await {
        Ok(_) => view.go_with(&back, "queues.agent_added"),
        Err(pbx::Error::InQueue) => view.go_sorry(&back, "queues.agent_there"),
        Err(pbx::Error::Invalid(_)) => view.go_sorry(&back, "queues.agent_wrong"),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn move_agent(
    State(console): State<Console>,
    view: View,
    Path((name, extension)): Path<(String, String)>,
    mut form: Form,
) -> Answer {
    let fill = tier(&view, &mut form, |_| None);
    let back = format!("{}/settings", path_of(&name));
    match queues::update_tier(&console.pbx.desk(), view.who()?, &name, &extension, fill, Fields::new()).await {
        Ok(_) => view.go_with(&back, "queues.agent_moved"),
        Err(pbx::Error::Invalid(_)) => view.go_sorry(&back, "queues.agent_wrong"),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn remove_agent(
    State(console): State<Console>,
    view: View,
    Path((name, extension)): Path<(String, String)>,
) -> Answer {
    queues::remove_tier(&console.pbx.desk(), view.who()?, &name, &extension).await?;
    view.go_with(&format!("{}/settings", path_of(&name)), "queues.agent_removed")
}

pub(super) async fn set_status(
    State(console): State<Console>,
    view: View,
    Path((name, extension)): Path<(String, String)>,
    form: Form,
) -> Answer {
    let fill = agents::Fill { status: form.optional("status"), break_reason: form.optional("break_reason") };
    agents::set(&console.pbx, view.who()?, &extension, fill, Fields::new()).await?;
    view.go_with(&path_of(&name), "queues.status_set")
}

/// Rings the user's own phone, then the number.
pub(super) async fn call_back(
    State(console): State<Console>,
    view: View,
    Path(name): Path<String>,
    form: Form,
) -> Answer {
    let session = view.session()?;
    let back = path_of(&name);
    let Some(own) = session.extension.clone() else { return view.go_sorry(&back, "queues.no_extension") };
    let wish = Originate { from_extension: Some(own), to_phone: form.optional("number"), ..Originate::default() };
    match calls::originate(&console.pbx, &session.principal, wish).await {
        Ok(_) => view.go_with(&back, "queues.calling"),
        Err(pbx::Error::ExtensionOffline(_)) => view.go_sorry(&back, "queues.offline"),
        Err(pbx::Error::Invalid(_) | pbx::Error::ExtensionFull(_) | pbx::Error::NoChannel) => {
            view.go_sorry(&back, "queues.not_called")
        }
        Err(error) => Err(Failure::from(error)),
    }
}

/// Rings the user's own phone, who then hears an agent's call.
pub(super) async fn supervise(
    State(console): State<Console>,
    view: View,
    Path(name): Path<String>,
    form: Form,
) -> Answer {
    let session = view.session()?;
    let back = path_of(&name);
    let Some(own) = session.extension.clone() else { return view.go_sorry(&back, "queues.no_extension") };
    // One button is one call and one way: `<uuid> listen`.
    let Some((call, mode)) = form.text("supervise").split_once(' ') else { return Err(Failure::not_found()) };
    let call = call.parse().map_err(|_| Failure::not_found())?;
    match queue_status::supervise(&console.pbx, &session.principal, call, &own, mode).await {
        Ok(()) => view.go_with(&back, "queues.supervising"),
        Err(pbx::Error::NotFound(_)) => view.go_sorry(&back, "calls.over_already"),
        Err(error) => match web::Error::from(error) {
            refused if refused.status() == http::StatusCode::CONFLICT => view.go_sorry(&back, "queues.offline"),
            error => Err(error.into()),
        },
    }
}

fn form_extension(form: &Form) -> Option<String> {
    form.optional("extension")
}

fn tier(view: &View, form: &mut Form, extension: impl Fn(&Form) -> Option<String>) -> TierFill {
    TierFill {
        extension: extension(form),
        tier_level: form.number(view, "tier_level"),
        tier_position: form.number(view, "tier_position"),
    }
}
