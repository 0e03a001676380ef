//! `zorio admin dialling`.

use clap::Subcommand;
use domain::Principal;
use pbx::ops::toll;
use serde_json::{Value, json};

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum DiallingCommand {
    /// Shows the feature codes, the keys in calls, and the emergency numbers.
    Show,
    /// Changes what is given.
    Set {
        /// Whether every extension may press keys in a call to record, to transfer and to call a third.
        #[arg(long, value_name = "BOOL")]
        in_call_keys: Option<bool>,
        /// The extensions that may where not everyone does, separated by commas; empty for none.
        #[arg(long, value_name = "EXTENSIONS")]
        in_call_keys_of: Option<String>,
        /// Most members of a conference room.
        #[arg(long)]
        largest_conference: Option<u16>,
        /// The account's own emergency numbers, separated by commas; empty for those of its region.
        #[arg(long, value_name = "NUMBERS")]
        emergency: Option<String>,
        /// Another code: NAME=CODE, such as conference=*33 or blind=#8; nothing behind the sign turns it off.
        #[arg(long = "code", value_name = "NAME=CODE")]
        codes: Vec<String>,
    },
}

pub(super) async fn dialling(rooms: &Rooms, who: &Principal, command: &DiallingCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    let (mut codes, mut emergency) = toll::dialling(desk, who).await?;
    if let DiallingCommand::Set {
        in_call_keys,
        in_call_keys_of,
        largest_conference,
        emergency: numbers,
        codes: other,
    } = command
    {
        let in_call = &mut codes.in_call;
        in_call.everybody = in_call_keys.unwrap_or(in_call.everybody);
        if let Some(extensions) = in_call_keys_of {
            in_call.extensions = list(extensions);
        }
        codes.largest_conference = largest_conference.unwrap_or(codes.largest_conference);
        if let Some(numbers) = numbers {
            emergency = list(numbers);
        }
        for code in other {
            let (name, code) = code.split_once('=').unwrap_or((code, ""));
            anyhow::ensure!(codes.set(name, code), "there is no code of the name {name:?}");
        }
        toll::set_dialling(desk, who, codes.clone(), emergency.clone()).await?;
    }
    Ok(json!({ "codes": codes, "emergency": emergency }))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}
