//! `/settings/webhooks`: where the account's events are sent, and how that goes.

mod form;
mod incoming;
mod samples;
mod show;

use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::EventName;
use web::Listing;
use webhooks::{Overview, Status};

use crate::{Answer, Console, asked::Asked, nav::Needs, pager::Pager, view::View, words};

pub(crate) fn routes() -> Router<Console> {
    let one = |action: &str| format!("/settings/webhooks/{{id}}{action}");
    Router::new()
        .route("/settings/webhooks", get(list))
        .route("/settings/webhooks/new", get(form::blank).post(form::create))
        .route(&one(""), get(show::show))
        .route(&one("/edit"), get(form::edit).post(form::change))
        .route(&one("/test"), post(show::test))
        .route(&one("/pause"), post(show::pause))
        .route(&one("/resume"), post(show::resume))
        .route(&one("/rotate"), post(show::rotate))
        .route(&one("/delete"), post(show::delete))
        .route("/settings/incoming", get(incoming::show).post(incoming::set))
        .route("/settings/incoming/resume", post(incoming::resume))
        .route("/settings/incoming/rotate", post(incoming::rotate))
        .route("/settings/incoming/remove", post(incoming::remove))
}

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    webhooks: &'a [Overview],
    pager: Pager,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let found = console.webhooks.overview(who, asked.text("search")).await?;
    let status = Status::parse(asked.text("status"));
    let found: Vec<_> =
        found.into_iter().filter(|one| status.is_none_or(|status| one.webhook.status == status)).collect();
    let listing = part(found, &asked);
    let pager = Pager::of(&listing, &asked);
    view.page(&List { v: &view, asked: &asked, webhooks: &listing.data, pager })
}

/// Returns the page that is asked for, of a list that is all there.
pub(crate) fn part<T>(all: Vec<T>, asked: &Asked) -> Listing<T> {
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let mut page = asked.page();
    page.page = page.page.min((total - 1).max(0) / page.per_page + 1);
    let before = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let rows = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    Listing::new(page, all.into_iter().skip(before).take(rows).collect(), total)
}

/// Returns the class of a status, for its dot.
pub(crate) const fn tone(status: Status) -> &'static str {
    match status {
        Status::Active => "good",
        Status::Paused => "idle",
        Status::Suspended => "bad",
    }
}

impl List<'_> {
    fn tone(&self, overview: &Overview) -> &'static str {
        tone(overview.webhook.status)
    }

    fn oldest_due(&self, overview: &Overview) -> String {
        seconds(self.v, overview.figures.oldest_due_seconds)
    }
}

/// Returns a wait as people say it.
pub(crate) fn seconds(view: &View, seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    match seconds {
        0..60 => view.count("common.span.seconds", seconds),
        60..3_600 => view.count("common.span.minutes", seconds / 60),
        3_600..86_400 => view.count("common.span.hours", seconds / 3_600),
        _ => view.count("common.span.days", seconds / 86_400),
    }
}

/// Returns when an event happens, in the reader's language as far as the catalogue has it.
pub(crate) fn describe(view: &View, name: EventName, english: &'static str) -> &'static str {
    words::maybe(view.language(), &format!("webhooks.event.{}", name.as_str())).unwrap_or(english)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_and_group_is_described_in_both_languages() {
        for group in webhooks::events() {
            let name = format!("webhooks.group.{}", group.name);
            assert!(words::known(&name).is_some(), "{name}");
            for event in group.events {
                let name = format!("webhooks.event.{}", event.name.as_str());
                assert!(words::known(&name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn a_page_beyond_the_last_is_the_last() {
        let listing = part((0..30).collect::<Vec<_>>(), &Asked::default());
        assert_eq!((listing.data.len(), listing.last_page, listing.total), (25, 2, 30));
        assert_eq!(part(Vec::<i64>::new(), &Asked::default()).data.len(), 0);
    }
}
