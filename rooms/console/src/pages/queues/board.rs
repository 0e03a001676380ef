//! `/queues/{name}`: the wallboard. The same address as a stream keeps it up to date, and says that it is.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
};
use domain::{CallId, Permission, Principal, TenantId, Timestamp, agent::Status, principal::Access};
use http::{HeaderMap, header};
use pbx::ops::{
    agents::AgentState,
    queue_status::{self, QueueState},
};
use tokio::sync::watch;

use super::path_of;
use crate::{Answer, Console, live, view::View};

/// Between two looks at a queue that somebody watches.
const LOOK: Duration = Duration::from_secs(1);

/// What each watched queue is like. One look serves all who watch.
pub(super) type Ticks = live::Shared<QueueState, (TenantId, String)>;

#[derive(Template)]
#[template(path = "queues/board.html")]
struct Page<'a> {
    v: &'a View,
    state: &'a QueueState,
    b: Board<'a>,
    path: String,
    statuses: &'static [Status],
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "queues/tiles.html")]
struct Tiles<'a> {
    v: &'a View,
    state: &'a QueueState,
    b: Board<'a>,
}

/// What the parts of a board count.
#[derive(Clone, Copy)]
struct Board<'a>(&'a QueueState);

impl Board<'_> {
    fn on_the_line(&self) -> i64 {
        size(self.0.waiting.iter().filter(|waiting| !waiting.is_callback).count())
    }

    fn agents(&self, state: &str) -> i64 {
        size(self.0.count(state))
    }

    /// Returns how many agents are logged in and have a phone.
    fn present(&self) -> i64 {
        let away = |agent: &AgentState| agent.status == Status::LoggedOut || agent.state == "unreachable";
        size(self.0.agents.iter().filter(|(_, agent)| !away(agent)).count())
    }

    fn tone(&self, agent: &AgentState) -> &'static str {
        match agent.state {
            "waiting" => "good",
            "ringing" | "in_call" | "on_hold" | "busy" => "live",
            "wrap_up" | "resting" | "on_break" => "warn",
            _ => "idle",
        }
    }

    /// Returns since when the agent does what is shown.
    fn since(&self, agent: &AgentState) -> Option<Timestamp> {
        match agent.state {
            "on_break" | "logged_out" => agent.status_since,
            "ringing" | "in_call" | "on_hold" | "wrap_up" => agent.activity_since,
            _ => None,
        }
    }

    /// Returns the call that may be listened in to.
    fn call(&self, agent: &AgentState) -> Option<CallId> {
        agent.call.filter(|_| matches!(agent.state, "in_call" | "on_hold"))
    }

    fn level(&self) -> Option<f64> {
        self.0.today.service_level()
    }
}

#[derive(Template)]
#[template(path = "queues/waiting.html")]
struct Callers<'a> {
    v: &'a View,
    state: &'a QueueState,
}

#[derive(Template)]
#[template(path = "queues/agents.html")]
struct Agents<'a> {
    v: &'a View,
    state: &'a QueueState,
    b: Board<'a>,
    path: String,
    statuses: &'static [Status],
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "queues/abandoned.html")]
struct Abandoned<'a> {
    v: &'a View,
    state: &'a QueueState,
    path: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    view: View,
    Path(name): Path<String>,
    headers: HeaderMap,
    Extension(ticks): Extension<Ticks>,
) -> Answer {
    let who = view.who()?;
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let state = queue_status::status(&console.pbx, who, &name).await?;
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream") {
        let watched = watched(&console, who, &name, &ticks);
        return Ok(live::stream(&console, view.clone(), watched, draw));
    }
    let may_manage = super::form::may_manage(&view);
    view.page(&Page {
        v: &view,
        state: &state,
        b: Board(&state),
        path: path_of(&name),
        statuses: Status::ALL,
        may_manage,
    })
}

/// Looks at this queue alone, and once for all who watch it.
fn watched(console: &Console, who: &Principal, name: &str, ticks: &Ticks) -> watch::Receiver<Option<Arc<QueueState>>> {
    let (eyes, system) = (console.clone(), Principal::system(who.tenant));
    let queue = name.to_owned();
    ticks.watch(console, (who.tenant, name.to_owned()), LOOK, move || {
        let (console, who, queue) = (eyes.clone(), system.clone(), queue.clone());
        async move {
            let seen = queue_status::status(&console.pbx, &who, &queue).await;
            seen.inspect_err(|error| tracing::warn!(%error, "a wallboard could not be refreshed")).ok()
        }
    })
}

/// Draws what changes, and the beat that says that it is of this moment.
fn draw(view: &View, state: &QueueState) -> Vec<(&'static str, String)> {
    let path = path_of(&state.queue.name);
    let may_manage = super::form::may_manage(view);
    let agents = Agents { v: view, state, b: Board(state), path: path.clone(), statuses: Status::ALL, may_manage };
    let parts = [
        ("tiles", Tiles { v: view, state, b: Board(state) }.render()),
        ("waiting", Callers { v: view, state }.render()),
        ("agents", agents.render()),
        ("abandoned", Abandoned { v: view, state, path }.render()),
        ("beat", Ok(beat(state.at))),
    ];
    parts.into_iter().filter_map(|(name, html)| Some((name, html.ok()?))).collect()
}

fn size(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn beat(at: Timestamp) -> String {
    at.millis().to_string()
}
