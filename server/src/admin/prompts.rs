//! `zorio admin prompt`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use domain::Principal;
use pbx::ops::prompts;
use serde_json::{Value, json};

use crate::{config::Config, wire::Rooms};

#[derive(Subcommand, Debug)]
pub(super) enum PromptCommand {
    /// Adds sound from a WAV file: 16-bit, one channel, 8 or 16 kHz. The name music-on-hold makes it the account's music.
    Add {
        #[arg(long)]
        name: String,
        #[arg(long)]
        file: PathBuf,
    },
}

pub(super) async fn prompt(
    rooms: &Rooms,
    config: &Config,
    who: &Principal,
    command: &PromptCommand,
) -> anyhow::Result<Value> {
    let PromptCommand::Add { name, file } = command;
    let sound = tokio::fs::read(file).await.with_context(|| format!("{} cannot be read", file.display()))?;
    let folder = config.data_dir.join("prompts");
    let prompt = prompts::add(&rooms.desk, &folder, who, Some(name), &sound).await?;
    Ok(json!({ "id": prompt.id, "name": prompt.name, "duration_ms": prompt.duration_ms }))
}
