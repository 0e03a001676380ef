//! `zorio admin toll`: the switch that ends every call out.

use clap::Subcommand;
use domain::Principal;
use pbx::ops::toll;
use serde_json::{Value, json};

use crate::wire::Rooms;

#[derive(Subcommand, Clone, Copy, Debug)]
pub(super) enum TollCommand {
    /// Ends the calls out that are up and lets none out but those for help, until `release`.
    Stop,
    /// Lets calls out again.
    Release,
}

pub(super) async fn toll(rooms: &Rooms, who: &Principal, command: TollCommand) -> anyhow::Result<Value> {
    toll::stop(&rooms.desk, who, matches!(command, TollCommand::Stop)).await?;
    let policy = toll::policy(&rooms.desk, who).await?;
    Ok(json!({ "stopped": policy.stopped }))
}
