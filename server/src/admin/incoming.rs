//! `zorio admin incoming`: the URL that is told of calls that come in (`/api/v3`).

use anyhow::Context;
use clap::Subcommand;
use domain::Principal;
use serde_json::{Value, json};
use webhooks::Webhook;

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum IncomingCommand {
    /// Shows the URL.
    Show,
    /// Sets the URL; the first time with the secret that signs, which is shown this once.
    Set {
        /// https://…
        #[arg(long)]
        url: String,
    },
    /// Draws a new secret, shown this once.
    Rotate,
    /// Removes the URL: incoming calls are told nobody.
    Remove,
}

pub(super) async fn incoming(rooms: &Rooms, who: &Principal, command: &IncomingCommand) -> anyhow::Result<Value> {
    let webhooks = &rooms.webhooks;
    match command {
        IncomingCommand::Show => {
            Ok(body(&webhooks.incoming(who).await?.context("no URL is set: zorio admin incoming set --url …")?))
        }
        IncomingCommand::Set { url } => {
            let set = webhooks.set_incoming(who, url).await?;
            let mut shown = body(&set.webhook);
            if let Some(secret) = set.secret {
                shown["secret"] = json!(secret.reveal());
                shown["whsec"] = json!(secret.standard());
            }
            Ok(shown)
        }
        IncomingCommand::Rotate => {
            let secret = webhooks.rotate_incoming(who).await?;
            Ok(json!({"secret": secret.reveal(), "whsec": secret.standard()}))
        }
        IncomingCommand::Remove => {
            webhooks.remove_incoming(who).await?;
            Ok(json!({"removed": true}))
        }
    }
}

fn body(webhook: &Webhook) -> Value {
    json!({"webhook_id": webhook.id, "url": webhook.url, "updated_at": webhook.updated_at.rfc3339()})
}
