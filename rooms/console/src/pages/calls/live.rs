//! `/calls`: the calls that are up at this moment. The same address as a stream keeps the page up to date.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{Extension, extract::State};
use domain::{Permission, Principal, Timestamp, principal::Access};
use http::{HeaderMap, header};
use pbx::{
    model::Direction,
    ops::{
        calls,
        figures::{self, LiveCall},
    },
};
use tokio::sync::watch;
use web::Listing;

use super::call_of;
use crate::{Answer, Console, Failure, asked::Asked, form::Form, live, pager::Pager, view::View};

/// Between two looks at an account whose calls somebody watches.
const LOOK: Duration = Duration::from_secs(1);

/// Says to all who watch an account's calls that it is time to look again.
pub(super) type Ticks = live::Shared<Timestamp>;

#[derive(Template)]
#[template(path = "calls/live.html")]
struct Page<'a> {
    v: &'a View,
    asked: &'a Asked,
    directions: &'static [Direction],
    calls: Vec<LiveCall>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "calls/live_rows.html")]
struct Rows<'a> {
    v: &'a View,
    asked: &'a Asked,
    calls: Vec<LiveCall>,
    pager: Pager,
}

impl<'a> Rows<'a> {
    fn of(console: &Console, view: &'a View, asked: &'a Asked) -> Result<Self, Failure> {
        let wanted = asked.text("search").to_lowercase();
        let mut calls = figures::live(&console.pbx, view.who()?)?;
        calls.retain(|call| {
            let numbers = [&call.caller_number, &call.destination_number].into_iter();
            let mut texts = numbers.chain(&call.extension).chain(&call.trunk);
            let direction = asked.text("direction");
            (wanted.is_empty() || texts.any(|text| text.to_lowercase().contains(&wanted)))
                && (direction.is_empty() || direction == call.direction.as_str())
        });
        let total = i64::try_from(calls.len()).unwrap_or(i64::MAX);
        let page = asked.page();
        let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let take = usize::try_from(page.limit()).unwrap_or(0);
        let listing = Listing::new(page, calls.into_iter().skip(skip).take(take).collect(), total);
        let pager = Pager::of(&listing, asked);
        Ok(Rows { v: view, asked, calls: listing.data, pager })
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    view: View,
    asked: Asked,
    headers: HeaderMap,
    Extension(ticks): Extension<Ticks>,
) -> Answer {
    let who = view.who()?;
    who.may(Permission::PbxApiAccess, Access::Read)?;
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream") {
        let watched = watched(&console, who, &ticks);
        let eyes = console.clone();
        return Ok(live::stream(&console, view.clone(), watched, move |view, _| {
            let rows = Rows::of(&eyes, view, &asked).ok().and_then(|rows| rows.render().ok());
            rows.map(|rows| ("calls", rows)).into_iter().collect()
        }));
    }
    let Rows { calls, pager, .. } = Rows::of(&console, &view, &asked)?;
    view.page(&Page { v: &view, asked: &asked, directions: Direction::ALL, calls, pager })
}

/// Each watcher looks with its own eyes, because not everybody sees every call; looking costs no database.
fn watched(console: &Console, who: &Principal, ticks: &Ticks) -> watch::Receiver<Option<Arc<Timestamp>>> {
    let clock = console.clock.clone();
    ticks.watch(console, who.tenant, LOOK, move || {
        let now = clock.now();
        async move { Some(now) }
    })
}

/// Ends a call that the user sees in the list.
pub(super) async fn hang_up(State(console): State<Console>, view: View, form: Form) -> Answer {
    let who = view.who()?;
    who.may(Permission::PbxApiAccess, Access::Write)?;
    // The script fills the first field; without scripts it is empty and the button's own value counts.
    let call = call_of(form.list("uuid").find(|uuid| !uuid.is_empty()).unwrap_or_default())?;
    if !figures::live(&console.pbx, who)?.iter().any(|live| live.uuid == call) {
        return view.go_with("/calls", "calls.over_already");
    }
    match calls::hang_up(&console.pbx, who, call).await {
        Ok(()) => view.go_with("/calls", "calls.hung_up"),
        Err(pbx::Error::NotFound(_)) => view.go_with("/calls", "calls.over_already"),
        Err(error) => Err(error.into()),
    }
}
