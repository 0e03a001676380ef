//! Sending the deliveries of a time range again: a durable job that shows how far it is.

use askama::Template;
use axum::extract::State;
use domain::{Timestamp, ids::WebhookId};
use webhooks::{DeliveryStatus, Replay, ReplayId, ReplayState};

use super::{name_of, named};
use crate::{
    Answer, Console,
    asked::Asked,
    form::Form,
    key::Key,
    nav::Needs,
    pager::Pager,
    pages::{
        moment::{local, moment},
        webhooks::part,
    },
    view::View,
};

/// What may be sent again; the first two are chosen at first.
const STATUSES: [DeliveryStatus; 4] =
    [DeliveryStatus::Deadletter, DeliveryStatus::Skipped, DeliveryStatus::Expired, DeliveryStatus::Delivered];

/// A replay as it is shown.
pub(super) struct Line {
    id: i64,
    webhook: Option<String>,
    from: Timestamp,
    to: Timestamp,
    statuses: Vec<&'static str>,
    state: &'static str,
    tone: &'static str,
    is_running: bool,
    total: Option<i64>,
    queued: i64,
    created_by: String,
    created_at: Timestamp,
}

impl Line {
    fn of(replay: &Replay, webhooks: &[(WebhookId, String)]) -> Self {
        Self {
            id: replay.id.0,
            webhook: name_of(webhooks, replay.webhook),
            from: replay.from,
            to: replay.to,
            statuses: replay.statuses.iter().map(|status| status.as_str()).collect(),
            state: replay.state.as_str(),
            tone: match replay.state {
                ReplayState::Running => "live",
                ReplayState::Done => "good",
                ReplayState::Cancelled => "idle",
            },
            is_running: replay.state == ReplayState::Running,
            total: replay.total,
            queued: replay.queued,
            created_by: replay.created_by.clone(),
            created_at: replay.created_at,
        }
    }
}

#[derive(Template)]
#[template(path = "deliveries/replays.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    lines: &'a [Line],
    pager: Pager,
    /// Whether any runs, so that the page looks again.
    is_moving: bool,
}

pub(super) async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let named = named(&console, &view, who).await?;
    let search = asked.text("search").to_lowercase();
    let lines = console.webhooks.replays(who).await?;
    let lines = lines.iter().map(|replay| Line::of(replay, &named));
    let lines: Vec<_> = lines
        .filter(|line| {
            let named = line.webhook.as_deref().unwrap_or_default().to_lowercase();
            named.contains(&search) || line.created_by.to_lowercase().contains(&search)
        })
        .collect();
    let is_moving = lines.iter().any(|line| line.is_running);
    let listing = part(lines, &asked);
    let pager = Pager::of(&listing, &asked);
    view.page(&List { v: &view, asked: &asked, lines: &listing.data, pager, is_moving })
}

#[derive(Template)]
#[template(path = "deliveries/replay.html")]
struct Show<'a> {
    v: &'a View,
    line: Line,
    replay: &'a Replay,
    /// The webhook's page.
    page: String,
}

pub(super) async fn show(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let replay = console.webhooks.replay_progress(who, ReplayId(id)).await?;
    let named = named(&console, &view, who).await?;
    let page = super::page_of(&console, who, replay.webhook).await?;
    view.page(&Show { v: &view, line: Line::of(&replay, &named), replay: &replay, page })
}

#[derive(Template)]
#[template(path = "deliveries/replay_form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    webhooks: &'a [(WebhookId, String)],
    statuses: [DeliveryStatus; 4],
}

/// The form, filled with the filters of the list that it was reached from.
pub(super) async fn blank(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let day_before = Timestamp(view.now().millis() - 24 * 3_600_000);
    let or = |name: &str, otherwise: Timestamp| asked.optional(name).unwrap_or_else(|| local(&view, otherwise));
    let mut form = Form::default()
        .with("webhook", asked.text("webhook"))
        .with("from", or("from", day_before))
        .with("to", or("to", Timestamp(view.now().millis() + 60_000)));
    let chosen = DeliveryStatus::parse(asked.text("status")).filter(|status| STATUSES.contains(status));
    for status in chosen.map_or_else(|| STATUSES[..2].to_vec(), |status| vec![status]) {
        form = form.with("statuses", status.as_str());
    }
    draw(&console, &view, &form).await
}

async fn draw(console: &Console, view: &View, form: &Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let webhooks = named(console, view, who).await?;
    let page = Page { v: view, form, webhooks: &webhooks, statuses: STATUSES };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

pub(super) async fn start(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let moments = ["from", "to"].map(|name| moment(&view, form.text(name)));
    for (name, moment) in ["from", "to"].into_iter().zip(moments) {
        if moment.is_none() {
            form.wrong(name, view.t("deliveries.no_moment"));
        }
    }
    let statuses: Vec<_> = form.list("statuses").filter_map(DeliveryStatus::parse).collect();
    if statuses.is_empty() {
        form.wrong("statuses", view.t("deliveries.no_status"));
    }
    let webhook = form.text("webhook").parse().ok().map(WebhookId);
    if webhook.is_none() {
        form.wrong("webhook", view.t("deliveries.no_webhook"));
    }
    let ([Some(from), Some(to)], Some(webhook), false) = (moments, webhook, form.is_wrong()) else {
        return draw(&console, &view, &form).await;
    };
    match console.webhooks.replay_range(who, webhook, (from, to), &statuses).await {
        Ok(id) => view.go_with(&format!("/deliveries/replays/{}", id.0), "deliveries.replay_started"),
        Err(error) => draw(&console, &view, &form.refused(&view, error)?).await,
    }
}

pub(super) async fn cancel(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.webhooks.cancel_replay(view.needs(Needs::Admin)?, ReplayId(id)).await?;
    view.go_with(&format!("/deliveries/replays/{id}"), "deliveries.replay_cancelled")
}
