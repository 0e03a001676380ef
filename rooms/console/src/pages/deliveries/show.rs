//! One delivery: what was sent, and every attempt with its answer.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use domain::Timestamp;
use uuid::Uuid;
use webhooks::{Delivery, DeliveryDetail, DeliveryStatus};

use super::{answer, name_of, named, page_of, pretty, tone};
use crate::{Answer, Console, key::Key, nav::Needs, view::View};

#[derive(Template)]
#[template(path = "deliveries/show.html")]
struct Show<'a> {
    v: &'a View,
    detail: &'a DeliveryDetail,
    /// The webhook's name and page; `None` once it was deleted.
    webhook: Option<(String, String)>,
    tone: &'static str,
    call: Option<String>,
    payload: Option<String>,
    headers: Vec<(&'static str, String)>,
    attempts: Vec<Tried>,
    /// Whether something will happen to it soon, so that the page looks again.
    is_moving: bool,
    may_replay: bool,
}

/// An attempt as it is shown.
struct Tried {
    number: usize,
    at: Timestamp,
    is_good: bool,
    answer: String,
    duration_ms: i64,
    body: String,
}

pub(super) async fn show(State(console): State<Console>, view: View, Key(id): Key<Uuid>) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let detail = console.webhooks.delivery(who, id).await?;
    let delivery = &detail.delivery;
    let named = named(&console, &view, who).await?;
    let webhook = match name_of(&named, delivery.webhook) {
        Some(name) => Some((name, page_of(&console, who, delivery.webhook).await?)),
        None => None,
    };
    let attempts = detail.attempts.iter().enumerate().map(|(index, attempt)| Tried {
        number: index + 1,
        at: attempt.at,
        is_good: attempt.error.is_none(),
        answer: answer(&view, attempt.response_status, attempt.error),
        duration_ms: attempt.duration_ms,
        body: pretty(attempt.response_body.as_deref().unwrap_or_default()),
    });
    let page = Show {
        v: &view,
        tone: tone(delivery.status),
        call: detail.call_uuid.map(|call| call.to_string()),
        payload: delivery.payload.as_deref().map(pretty),
        headers: headers(&view, &detail),
        attempts: attempts.rev().collect(),
        is_moving: is_moving(delivery, view.now()),
        may_replay: webhook.is_some() && delivery.status != DeliveryStatus::Pending,
        detail: &detail,
        webhook,
    };
    view.page(&page)
}

/// Tells whether an attempt is near. What is tried again in half an hour is left to be read in peace.
fn is_moving(delivery: &Delivery, now: Timestamp) -> bool {
    let soon = now.after(Duration::from_secs(10));
    delivery.status == DeliveryStatus::Pending
        || (delivery.status == DeliveryStatus::Failed && delivery.next_attempt_at.is_some_and(|at| at < soon))
}

/// Returns the headers of the last attempt. Signatures are made at each attempt and kept nowhere.
fn headers(view: &View, detail: &DeliveryDetail) -> Vec<(&'static str, String)> {
    let delivery = &detail.delivery;
    let at = detail.attempts.last().map(|attempt| attempt.at.secs().to_string());
    let at = at.unwrap_or_else(|| view.t("deliveries.at_sending").to_owned());
    let signed = view.t("deliveries.signed");
    vec![
        ("Content-Type", "application/json; charset=utf-8".to_owned()),
        ("X-Zorio-Event", delivery.event.clone()),
        ("X-Zorio-Delivery", delivery.id.to_string()),
        ("X-Zorio-Timestamp", at.clone()),
        ("X-Zorio-Signature", format!("sha256=… ({signed})")),
        ("webhook-id", delivery.id.to_string()),
        ("webhook-timestamp", at),
        ("webhook-signature", format!("v1,… ({signed})")),
    ]
}

pub(super) async fn replay(State(console): State<Console>, view: View, Key(id): Key<Uuid>) -> Answer {
    console.webhooks.replay(view.needs(Needs::Admin)?, id).await?;
    view.go_with(&format!("/deliveries/{id}"), "deliveries.replayed")
}
