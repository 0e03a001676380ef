//! `zorio admin toll`: the switch that ends every call out, and how often one number may be called.

use clap::Subcommand;
use domain::{Principal, guard::Policy};
use pbx::ops::toll;
use serde_json::{Value, json};

use crate::wire::Rooms;

#[derive(Subcommand, Clone, Copy, Debug)]
pub(super) enum TollCommand {
    /// Ends the calls out that are up and lets none out but those for help, until `release`.
    Stop,
    /// Lets calls out again.
    Release,
    /// Changes the rules; the console has all of them.
    Set {
        /// Most calls to one number within a day; 0 for no limit.
        #[arg(long)]
        calls_per_number: u32,
    },
}

pub(super) async fn toll(rooms: &Rooms, who: &Principal, command: TollCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    match command {
        TollCommand::Stop => toll::stop(desk, who, true).await?,
        TollCommand::Release => toll::stop(desk, who, false).await?,
        TollCommand::Set { calls_per_number } => {
            let policy = toll::policy(desk, who).await?;
            let calls_per_number = Some(calls_per_number).filter(|most| *most > 0);
            toll::set_policy(desk, who, Policy { calls_per_number, ..policy }).await?;
        }
    }
    let policy = toll::policy(desk, who).await?;
    Ok(json!({ "stopped": policy.stopped, "calls_per_number": policy.calls_per_number }))
}
