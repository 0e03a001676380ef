//! `zorio admin webhook | delivery`.

use std::path::PathBuf;

use ::webhooks::{
    Attempt, Change, Delivery, DeliveryStatus, EventFilter, Filter, NewWebhook, Overview, Replay, ReplayId, Webhook,
};
use anyhow::{Context, ensure};
use clap::Subcommand;
use domain::{CallId, EventName, Principal, Timestamp, ids::WebhookId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum WebhookCommand {
    /// Makes a webhook; its secret is shown this once, in both forms.
    Create {
        /// https://…
        #[arg(long)]
        url: String,
        /// Names such as pbx.call.answered,pbx.cdr.created.
        #[arg(long, value_delimiter = ',', required = true, value_parser = event)]
        events: Vec<EventName>,
        #[arg(long)]
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Lists the account's webhooks and how they do.
    List,
    /// Changes what is given; pending retries go to the new address.
    Update {
        id: i64,
        #[arg(long)]
        url: Option<String>,
        #[arg(long, value_delimiter = ',', value_parser = event)]
        events: Vec<EventName>,
        #[arg(long)]
        name: Option<String>,
        /// Takes every event that it subscribed to again.
        #[arg(long, conflicts_with_all = ["extensions", "queues", "campaigns"])]
        no_filter: bool,
        #[command(flatten)]
        limits: Limits,
    },
    /// Stops deliveries; events from now on are recorded as skipped.
    Pause { id: i64 },
    /// Starts deliveries again after a pause or a suspension.
    Resume { id: i64 },
    /// Draws a new secret, shown this once.
    Rotate { id: i64 },
    /// Deletes a webhook and what it still had to deliver.
    Delete { id: i64 },
    /// Sends a webhook.test event to this webhook alone and shows the answer.
    Test { id: i64 },
    /// Sends the deliveries of a time range again, in the background, however many they are.
    Replay {
        id: i64,
        /// Such as 2026-01-02T03:04:05Z.
        #[arg(long, value_parser = time)]
        from: Timestamp,
        #[arg(long, value_parser = time)]
        to: Timestamp,
        /// Of deadletter, skipped, expired and delivered.
        #[arg(long, value_delimiter = ',', default_value = "deadletter,skipped", value_parser = status)]
        statuses: Vec<DeliveryStatus>,
    },
    /// Lists replays of time ranges and how far they are.
    Replays,
    /// Ends a replay early.
    CancelReplay { id: i64 },
}

/// What limits a webhook.
#[derive(clap::Args, Debug)]
pub(super) struct Limits {
    /// Only events of these extensions.
    #[arg(long, value_delimiter = ',')]
    extensions: Vec<String>,
    /// Only events of these queues.
    #[arg(long, value_delimiter = ',')]
    queues: Vec<String>,
    /// Only events of these campaigns.
    #[arg(long, value_delimiter = ',')]
    campaigns: Vec<i64>,
    /// Attempts a second at most; 0 means the setting's.
    #[arg(long)]
    pace: Option<u32>,
    /// PEM file of the only certificate authorities that its certificate may come from; empty means the usual ones.
    #[arg(long)]
    authority: Option<PathBuf>,
}

impl Limits {
    fn filter(&self) -> EventFilter {
        EventFilter {
            extensions: self.extensions.clone(),
            queues: self.queues.clone(),
            campaigns: self.campaigns.clone(),
        }
    }

    fn authority(&self) -> anyhow::Result<Option<Option<String>>> {
        match &self.authority {
            None => Ok(None),
            Some(path) if path.as_os_str().is_empty() => Ok(Some(None)),
            Some(path) => {
                let pem = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                Ok(Some(Some(pem)))
            }
        }
    }
}

#[derive(Subcommand, Debug)]
pub(super) enum DeliveryCommand {
    /// Lists deliveries of the last 30 days, newest first.
    List {
        /// Only of this webhook.
        #[arg(long)]
        webhook: Option<i64>,
        /// pending, delivered, failed, deadletter, skipped or expired.
        #[arg(long, value_parser = status)]
        status: Option<DeliveryStatus>,
        /// Only this event.
        #[arg(long)]
        event: Option<String>,
        /// Only events of this call.
        #[arg(long)]
        call: Option<Uuid>,
        /// Only from this time on, such as 2026-01-02T03:04:05Z.
        #[arg(long, value_parser = time)]
        from: Option<Timestamp>,
        #[arg(long, value_parser = time)]
        to: Option<Timestamp>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=200))]
        limit: i64,
    },
    /// Shows a delivery with its payload and every attempt.
    Show { id: Uuid },
    /// Sends a delivery again: same id, same body, four new attempts.
    Replay { id: Uuid },
}

pub(super) async fn webhook(rooms: &Rooms, who: &Principal, command: &WebhookCommand) -> anyhow::Result<Value> {
    let webhooks = &rooms.webhooks;
    match command {
        WebhookCommand::Create { url, events, name, limits } => {
            let new = NewWebhook {
                name: name.clone(),
                url: url.clone(),
                events: events.clone(),
                filter: limits.filter(),
                pace: limits.pace.filter(|pace| *pace > 0),
                authority: limits.authority()?.flatten(),
            };
            let created = webhooks.create(who, new).await?;
            let mut body = webhook_body(&created.webhook);
            body["secret"] = json!(created.secret.reveal());
            body["whsec"] = json!(created.secret.standard());
            Ok(body)
        }
        WebhookCommand::List => Ok(webhooks.overview(who, "").await?.iter().map(overview_body).collect()),
        WebhookCommand::Update { id, url, events, name, no_filter, limits } => {
            let change = Change {
                name: name.clone(),
                url: url.clone(),
                events: (!events.is_empty()).then(|| events.clone()),
                filter: (*no_filter || !limits.filter().is_empty()).then(|| limits.filter()),
                pace: limits.pace.map(|pace| Some(pace).filter(|pace| *pace > 0)),
                authority: limits.authority()?,
            };
            ensure!(!change.is_empty(), "nothing to change: see --help");
            Ok(webhook_body(&webhooks.change(who, WebhookId(*id), change).await?))
        }
        WebhookCommand::Pause { id } => {
            webhooks.pause(who, WebhookId(*id)).await?;
            shown(rooms, who, *id).await
        }
        WebhookCommand::Resume { id } => {
            webhooks.resume(who, WebhookId(*id)).await?;
            shown(rooms, who, *id).await
        }
        WebhookCommand::Rotate { id } => {
            let secret = webhooks.rotate(who, WebhookId(*id)).await?;
            Ok(json!({"id": id, "secret": secret.reveal(), "whsec": secret.standard()}))
        }
        WebhookCommand::Delete { id } => {
            webhooks.delete(who, WebhookId(*id)).await?;
            Ok(json!({"id": id, "deleted": true}))
        }
        WebhookCommand::Test { id } => {
            let tested = webhooks.test(who, WebhookId(*id)).await?;
            let answer = tested.answer.as_ref();
            Ok(json!({
                "id": id,
                "delivery": tested.delivery,
                "response_status": answer.and_then(|answer| answer.status),
                "error": answer.and_then(|answer| answer.error).map(|failure| failure.as_str()),
                "duration_ms": answer.map(|answer| answer.duration_ms),
            }))
        }
        WebhookCommand::Replay { id, from, to, statuses } => {
            let replay = webhooks.replay_range(who, WebhookId(*id), (*from, *to), statuses).await?;
            Ok(replay_body(&webhooks.replay_progress(who, replay).await?))
        }
        WebhookCommand::Replays => Ok(webhooks.replays(who).await?.iter().map(replay_body).collect()),
        WebhookCommand::CancelReplay { id } => {
            webhooks.cancel_replay(who, ReplayId(*id)).await?;
            Ok(replay_body(&webhooks.replay_progress(who, ReplayId(*id)).await?))
        }
    }
}

pub(super) async fn delivery(rooms: &Rooms, who: &Principal, command: &DeliveryCommand) -> anyhow::Result<Value> {
    match command {
        DeliveryCommand::List { webhook, status, event, call, from, to, limit } => {
            let filter = Filter {
                webhook: webhook.map(WebhookId),
                event: event.clone(),
                status: *status,
                from: *from,
                to: *to,
                call: call.map(CallId),
                limit: *limit,
                ..Filter::default()
            };
            let found = rooms.webhooks.deliveries(who.tenant, &filter).await?;
            Ok(found.iter().map(delivery_body).collect())
        }
        DeliveryCommand::Show { id } => {
            let detail = rooms.webhooks.delivery(who, *id).await.with_context(|| format!("delivery {id}"))?;
            let mut body = delivery_body(&detail.delivery);
            body["webhook"] = json!(detail.webhook_name);
            body["call_uuid"] = json!(detail.call_uuid);
            body["payload"] = json!(detail.delivery.payload);
            body["history"] = detail.attempts.iter().map(attempt_body).collect();
            Ok(body)
        }
        DeliveryCommand::Replay { id } => {
            rooms.webhooks.replay(who, *id).await.with_context(|| format!("delivery {id}"))?;
            Ok(json!({"id": id, "status": "pending"}))
        }
    }
}

async fn shown(rooms: &Rooms, who: &Principal, id: i64) -> anyhow::Result<Value> {
    Ok(webhook_body(&rooms.webhooks.find(who.tenant, WebhookId(id)).await?))
}

fn event(text: &str) -> Result<EventName, String> {
    let known = || EventName::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ");
    EventName::parse(text).ok_or_else(|| format!("there are: {}", known()))
}

fn status(text: &str) -> Result<DeliveryStatus, String> {
    DeliveryStatus::parse(text).ok_or_else(|| "pending, delivered, failed, deadletter, skipped or expired".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| "a time such as 2026-01-02T03:04:05Z".to_owned())?;
    Ok(Timestamp::from_millis(time.as_millisecond()))
}

fn overview_body(overview: &Overview) -> Value {
    let mut body = webhook_body(&overview.webhook);
    let figures = &overview.figures;
    body["failure_rate_1h"] = json!(figures.failure_rate_1h);
    body["oldest_due_seconds"] = json!(figures.oldest_due_seconds);
    body["delivered_24h"] = json!(figures.delivered_24h);
    body["failed_24h"] = json!(figures.failed_24h);
    body["last_success_at"] = json!(figures.last_success_at.map(Timestamp::rfc3339));
    body
}

fn replay_body(replay: &Replay) -> Value {
    json!({
        "id": replay.id.0,
        "webhook_id": replay.webhook,
        "from": replay.from.rfc3339(),
        "to": replay.to.rfc3339(),
        "statuses": replay.statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>(),
        "state": replay.state.as_str(),
        "queued": replay.queued,
        "total": replay.total,
    })
}

fn attempt_body(attempt: &Attempt) -> Value {
    json!({
        "at": attempt.at.rfc3339(),
        "duration_ms": attempt.duration_ms,
        "response_status": attempt.response_status,
        "response_body": attempt.response_body,
        "error": attempt.error.map(|failure| failure.as_str()),
    })
}

fn webhook_body(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "filter": webhook.filter,
        "pace": webhook.pace,
        "own_authority": webhook.authority.is_some(),
        "status": webhook.status.as_str(),
        "reason": webhook.reason,
        "failed_in_row": webhook.failed_in_row,
        "created_at": webhook.created_at.rfc3339(),
    })
}

fn delivery_body(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "webhook_id": delivery.webhook,
        "event": delivery.event,
        "status": delivery.status.as_str(),
        "attempts": delivery.attempts,
        "response_status": delivery.response_status,
        "error": delivery.error.map(|failure| failure.as_str()),
        "duration_ms": delivery.duration_ms,
        "created_at": delivery.created_at.rfc3339(),
        "attempted_at": delivery.attempted_at.map(|at| at.rfc3339()),
        "next_attempt_at": delivery.next_attempt_at.map(|at| at.rfc3339()),
    })
}
