//! `zorio admin extension`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use domain::Principal;
use futures_util::{StreamExt, stream};
use pbx::ops::extensions::{self, Fill, NewExtension};
use serde::Deserialize;
use serde_json::{Value, json};
use web::Fields;

use crate::wire::Rooms;

/// Extensions that are written at the same time: they share commits.
const AT_ONCE: usize = 64;

#[derive(Subcommand, Debug)]
pub(super) enum ExtensionCommand {
    /// Makes an extension of every row of a CSV file with the columns extension_number, sip_password (made and printed
    /// where it is empty) and display_name. Rows that cannot be used are printed, all others are kept.
    Import { file: PathBuf },
}

#[derive(Deserialize)]
struct Row {
    extension_number: String,
    sip_password: Option<String>,
    display_name: Option<String>,
}

pub(super) async fn extension(rooms: &Rooms, who: &Principal, command: &ExtensionCommand) -> anyhow::Result<Value> {
    let ExtensionCommand::Import { file } = command;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let rows = reader.deserialize().enumerate();
    let mut outcomes = stream::iter(rows)
        .map(async |(index, row)| (index + 2, create(rooms, who, row).await))
        .buffer_unordered(AT_ONCE);
    let (mut imported, mut made, mut refused) = (0_u64, Vec::new(), Vec::new());
    while let Some((line, outcome)) = outcomes.next().await {
        match outcome {
            Ok(password) => {
                imported += 1;
                made.extend(password);
            }
            Err(error) => refused.push(json!({"line": line, "error": format!("{error:#}")})),
        }
    }
    Ok(json!({"imported": imported, "passwords": made, "refused": refused}))
}

/// Returns the number and the password if that was made here.
async fn create(rooms: &Rooms, who: &Principal, row: csv::Result<Row>) -> anyhow::Result<Option<Value>> {
    let row = row.context("the row cannot be read")?;
    let given = row.sip_password.filter(|password| !password.is_empty());
    let is_made = given.is_none();
    let fill = Fill { display_name: Some(row.display_name), ..Fill::default() };
    let new = NewExtension { number: Some(row.extension_number), sip_password: given, fill };
    let (extension, password) = extensions::create(&rooms.desk, who, new, Fields::new()).await?;
    Ok(is_made.then(|| json!({"extension_number": extension.number, "sip_password": password})))
}
