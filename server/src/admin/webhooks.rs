//! `zorio admin webhook | delivery`.

use ::webhooks::{Change, Delivery, DeliveryStatus, Filter, NewWebhook, Webhook};
use anyhow::{Context, ensure};
use clap::Subcommand;
use domain::{EventName, Principal, ids::WebhookId};
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
    },
    /// Lists the account's webhooks.
    List,
    /// Changes name, address or events; pending retries go to the new address.
    Update {
        id: i64,
        #[arg(long)]
        url: Option<String>,
        #[arg(long, value_delimiter = ',', value_parser = event)]
        events: Vec<EventName>,
        #[arg(long)]
        name: Option<String>,
    },
    /// Stops deliveries; events from now on are recorded as skipped.
    Pause { id: i64 },
    /// Starts deliveries again after a pause or a suspension.
    Resume { id: i64 },
    /// Draws a new secret, shown this once.
    Rotate { id: i64 },
    /// Deletes a webhook and what it still had to deliver.
    Delete { id: i64 },
    /// Sends a webhook.test event to this webhook alone.
    Test { id: i64 },
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
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=200))]
        limit: i64,
    },
    /// Sends a delivery again: same id, same body, four new attempts.
    Replay { id: Uuid },
}

pub(super) async fn webhook(rooms: &Rooms, who: &Principal, command: &WebhookCommand) -> anyhow::Result<Value> {
    let webhooks = &rooms.webhooks;
    match command {
        WebhookCommand::Create { url, events, name } => {
            let new = NewWebhook {
                name: name.clone(),
                url: url.clone(),
                events: events.clone(),
                ..NewWebhook::default()
            };
            let created = webhooks.create(who, new).await?;
            let mut body = webhook_body(&created.webhook);
            body["secret"] = json!(created.secret.reveal());
            body["whsec"] = json!(created.secret.standard());
            Ok(body)
        }
        WebhookCommand::List => Ok(webhooks.list(who.tenant).await?.iter().map(webhook_body).collect()),
        WebhookCommand::Update { id, url, events, name } => {
            let events = (!events.is_empty()).then(|| events.clone());
            ensure!(url.is_some() || name.is_some() || events.is_some(), "nothing to change: --url, --events, --name");
            let change = Change { name: name.clone(), url: url.clone(), events, ..Change::default() };
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
    }
}

pub(super) async fn delivery(rooms: &Rooms, who: &Principal, command: &DeliveryCommand) -> anyhow::Result<Value> {
    match command {
        DeliveryCommand::List { webhook, status, limit } => {
            let filter =
                Filter { webhook: webhook.map(WebhookId), status: *status, limit: *limit, ..Filter::default() };
            let found = rooms.webhooks.deliveries(who.tenant, &filter).await?;
            Ok(found.iter().map(delivery_body).collect())
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

fn webhook_body(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
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
