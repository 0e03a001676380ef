//! `/deliveries`: what was sent to webhooks, what they answered, and sending it again. The list lives.

mod pretty;
mod replays;
mod show;
mod wanted;

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::{EventName, Principal, Timestamp, ids::WebhookId};
use tokio::sync::watch;
use webhooks::{Delivery, DeliveryStatus, Error, Failure as Failed};

pub(crate) use self::pretty::pretty;
use self::wanted::{Found, Wanted};
use crate::{Answer, Console, asked::Asked, live, nav::Needs, view::View};

/// Between two looks for somebody who watches the list.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/deliveries", get(list))
        .route("/live/deliveries", get(watch))
        .route("/deliveries/{id}", get(show::show))
        .route("/deliveries/{id}/replay", post(show::replay))
        .route("/deliveries/replays", get(replays::list))
        .route("/deliveries/replays/new", get(replays::blank).post(replays::start))
        .route("/deliveries/replays/{id}", get(replays::show))
        .route("/deliveries/replays/{id}/cancel", post(replays::cancel))
}

/// A line of the list.
pub(crate) struct Row {
    id: String,
    at: Timestamp,
    event: String,
    /// `None` once the webhook was deleted.
    webhook: Option<String>,
    status: &'static str,
    tone: &'static str,
    attempts: i64,
    answer: String,
    duration_ms: Option<i64>,
}

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    webhooks: &'a [(WebhookId, String)],
    rows: Vec<Row>,
    /// Where the live rows come from; `None` on older pages.
    live: Option<String>,
    newest: Option<String>,
    older: Option<String>,
    narrows: bool,
}

#[derive(Template)]
#[template(path = "deliveries/rows.html")]
struct Rows<'a> {
    v: &'a View,
    rows: Vec<Row>,
    narrows: bool,
    has_webhooks: bool,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let wanted = Wanted::of(&view, &asked);
    let found = wanted.find(&console, who).await?;
    let webhooks = named(&console, &view, who).await?;
    let query = asked.query_without(&["page", "before"]);
    let with = |more: &str| match (query.is_empty(), more.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("?{more}"),
        (false, true) => format!("?{query}"),
        (false, false) => format!("?{query}&{more}"),
    };
    let page = List {
        v: &view,
        asked: &asked,
        rows: rows(&view, &found.deliveries, &webhooks),
        webhooks: &webhooks,
        live: wanted.is_first().then(|| format!("/live/deliveries{}", with(""))),
        newest: (!wanted.is_first()).then(|| format!("/deliveries{}", with(""))),
        older: found.older.map(|before| format!("/deliveries{}", with(&format!("before={before}")))),
        narrows: !query.is_empty(),
    };
    view.page(&page)
}

impl List<'_> {
    fn events(&self) -> Vec<&'static str> {
        EventName::ALL.iter().chain([&EventName::CallIncoming]).map(|name| name.as_str()).collect()
    }

    fn has_webhooks(&self) -> bool {
        !self.webhooks.is_empty()
    }
}

/// What somebody who watches sees at one moment.
struct Seen {
    found: Found,
    webhooks: Vec<(WebhookId, String)>,
}

impl Seen {
    async fn now(console: &Console, view: &View, who: &Principal, wanted: &Wanted) -> Result<Self, Error> {
        let found = wanted.find(console, who).await?;
        let webhooks = named(console, view, who).await?;
        Ok(Self { found, webhooks })
    }
}

/// The first page again whenever it changes. Each who watches has filters of their own, so each has a look of their own.
async fn watch(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?.clone();
    let wanted = Wanted::of(&view, &asked);
    let narrows = asked.narrows();
    let (latest, watched) = watch::channel(None);
    let (eyes, shown, closing) = (console.clone(), view.clone(), console.0.closing.clone());
    console.0.tasks.spawn(async move {
        loop {
            match Seen::now(&eyes, &shown, &who, &wanted).await {
                Ok(seen) => _ = latest.send_replace(Some(Arc::new(seen))),
                Err(error) => tracing::warn!(%error, "a list of deliveries could not be refreshed"),
            }
            tokio::select! {
                () = closing.cancelled() => return,
                () = latest.closed() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    });
    Ok(live::stream(&console, view.clone(), watched, move |view, seen: &Seen| {
        let rows = rows(view, &seen.found.deliveries, &seen.webhooks);
        let drawn = Rows { v: view, rows, narrows, has_webhooks: !seen.webhooks.is_empty() }.render();
        drawn.ok().map(|html| ("rows", html)).into_iter().collect()
    }))
}

/// Returns the account's webhooks with their names; the one that is told of incoming calls has that for a name.
async fn named(console: &Console, view: &View, who: &Principal) -> Result<Vec<(WebhookId, String)>, Error> {
    let list = console.webhooks.list(who.tenant).await?;
    let mut named: Vec<_> = list.into_iter().map(|webhook| (webhook.id, webhook.name)).collect();
    if let Some(webhook) = console.webhooks.incoming(who).await? {
        named.push((webhook.id, view.t("incoming.title").to_owned()));
    }
    Ok(named)
}

/// Returns the address of a webhook's page.
async fn page_of(console: &Console, who: &Principal, id: WebhookId) -> Result<String, Error> {
    let incoming = console.webhooks.incoming(who).await?;
    Ok(match incoming.is_some_and(|webhook| webhook.id == id) {
        true => "/settings/incoming".to_owned(),
        false => format!("/settings/webhooks/{id}"),
    })
}

/// Returns a webhook's name; `None` once it was deleted.
fn name_of(webhooks: &[(WebhookId, String)], id: WebhookId) -> Option<String> {
    webhooks.iter().find(|(other, _)| *other == id).map(|(_, name)| name.clone())
}

fn rows(view: &View, deliveries: &[Delivery], webhooks: &[(WebhookId, String)]) -> Vec<Row> {
    let row = |delivery: &Delivery| Row {
        id: delivery.id.to_string(),
        at: delivery.created_at,
        event: delivery.event.clone(),
        webhook: name_of(webhooks, delivery.webhook),
        status: delivery.status.as_str(),
        tone: tone(delivery.status),
        attempts: delivery.attempts,
        answer: answer(view, delivery.response_status, delivery.error),
        duration_ms: delivery.duration_ms,
    };
    deliveries.iter().map(row).collect()
}

/// Returns the class of a status, for its dot.
fn tone(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "live",
        DeliveryStatus::Delivered => "good",
        DeliveryStatus::Failed | DeliveryStatus::Expired => "warn",
        DeliveryStatus::Deadletter => "bad",
        DeliveryStatus::Skipped => "idle",
    }
}

/// Returns what a receiver answered, or why it did not; nothing if it was not asked.
fn answer(view: &View, status: Option<i64>, error: Option<Failed>) -> String {
    match (status, error) {
        (Some(status), _) => format!("HTTP {status}"),
        (None, Some(error)) => failure_text(view, error),
        (None, None) => String::new(),
    }
}

/// Returns why an attempt failed, in the reader's language.
pub(crate) fn failure_text(view: &View, error: Failed) -> String {
    view.word("deliveries.failure", error.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    #[test]
    fn every_status_and_failure_has_its_words() {
        let statuses = ["pending", "delivered", "failed", "deadletter", "skipped", "expired"];
        assert!(statuses.iter().all(|name| DeliveryStatus::parse(name).is_some()));
        let failures = ["dns", "refused", "tls", "timeout", "blocked", "reset", "status"];
        assert!(failures.iter().all(|name| Failed::parse(name).is_some()));
        for (prefix, names) in [("deliveries.status", &statuses[..]), ("deliveries.failure", &failures[..])] {
            for name in names {
                assert!(words::known(&format!("{prefix}.{name}")).is_some(), "{prefix}.{name}");
            }
        }
    }
}
