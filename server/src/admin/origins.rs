//! `zorio admin origin`: web sites whose pages may show the webphone and be phones themselves.

use accounts::Origin;
use clap::Subcommand;
use domain::Principal;
use serde_json::{Value, json};

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum OriginCommand {
    /// Allows the pages of a web site, such as https://crm.example; a running server knows it within ten seconds.
    Add { origin: String },
    /// Lists what is allowed.
    List,
    /// Allows it no more.
    Delete { id: i64 },
}

pub(super) async fn origin(rooms: &Rooms, who: &Principal, command: &OriginCommand) -> anyhow::Result<Value> {
    match command {
        OriginCommand::Add { origin } => Ok(body(&rooms.accounts.add_origin(who, origin).await?)),
        OriginCommand::List => Ok(rooms.accounts.origins(who).await?.iter().map(body).collect()),
        OriginCommand::Delete { id } => {
            rooms.accounts.remove_origin(who, *id).await?;
            Ok(json!({ "id": id, "deleted": true }))
        }
    }
}

fn body(origin: &Origin) -> Value {
    json!({ "id": origin.id, "origin": origin.origin, "created_at": origin.created_at.rfc3339() })
}
