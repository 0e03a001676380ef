//! `zorio admin menu | ring-group | forwarding | mailbox`.

use anyhow::{Context, bail};
use clap::Subcommand;
use domain::Principal;
use pbx::{
    model::{Forwarding, MenuRow, RingGroup},
    ops::{forwarding, menus, places::Named, ring_groups, voicemail},
};
use serde_json::{Value, json};
use web::Fields;

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum MenuCommand {
    /// Adds a menu.
    Create {
        #[arg(long)]
        name: String,
        /// What phones of the account dial to reach it.
        #[arg(long)]
        number: Option<String>,
        /// The id of the prompt that names the keys.
        #[arg(long)]
        greeting: Option<i64>,
        /// What a key does: KEY=again or KEY=KIND:TARGET, such as 1=extension:1001 or 2=menu:7.
        #[arg(long = "key")]
        keys: Vec<String>,
        /// Where callers go who choose nothing: KIND:TARGET, or hangup.
        #[arg(long, default_value = "hangup")]
        otherwise: String,
        /// How many digits the numbers have that callers may dial in it.
        #[arg(long)]
        dial_digits: Option<i64>,
        #[arg(long)]
        wait_seconds: Option<i64>,
        #[arg(long)]
        repeats: Option<i64>,
    },
    /// Lists the account's menus.
    List,
    /// Deletes a menu that nothing leads to.
    Delete { id: i64 },
}

#[derive(Subcommand, Debug)]
pub(super) enum RingGroupCommand {
    /// Adds a ring group.
    Create {
        #[arg(long)]
        name: String,
        /// What phones of the account dial to reach it.
        #[arg(long)]
        number: Option<String>,
        /// Extensions in their order.
        #[arg(long = "member", value_delimiter = ',', required = true)]
        members: Vec<String>,
        /// all, in-order, round-robin or random.
        #[arg(long, default_value = "all")]
        strategy: String,
        #[arg(long)]
        ring_seconds: Option<i64>,
        /// Where callers go whom nobody answers: KIND:TARGET.
        #[arg(long)]
        fallback: Option<String>,
    },
    /// Lists the account's ring groups.
    List,
    /// Deletes a group that nothing leads to.
    Delete { id: i64 },
}

#[derive(Subcommand, Debug)]
pub(super) enum ForwardingCommand {
    /// Says where calls of an extension go; what is not given is taken back.
    Set {
        extension: String,
        /// A number as the extension would dial it, or "voicemail".
        #[arg(long)]
        always: Option<String>,
        #[arg(long)]
        busy: Option<String>,
        #[arg(long)]
        no_answer: Option<String>,
        #[arg(long)]
        offline: Option<String>,
        #[arg(long)]
        do_not_disturb: bool,
        #[arg(long)]
        ring_seconds: Option<i64>,
    },
    Show {
        extension: String,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum MailboxCommand {
    /// Changes what is given of the mailbox of an extension.
    Set {
        extension: String,
        /// 4-10 digits.
        #[arg(long)]
        pin: Option<String>,
        /// Who is written to when a message was left.
        #[arg(long)]
        email: Option<String>,
        /// Whether callers may hear their message and speak it anew.
        #[arg(long)]
        review: Option<bool>,
    },
}

pub(super) async fn menu(rooms: &Rooms, who: &Principal, command: &MenuCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    match command {
        MenuCommand::Create { name, number, greeting, keys, otherwise, dial_digits, wait_seconds, repeats } => {
            let fill = menus::Fill {
                name: Some(name.clone()),
                number: number.clone(),
                greeting: *greeting,
                invalid: None,
                dial_digits: *dial_digits,
                wait_seconds: *wait_seconds,
                repeats: *repeats,
                otherwise: named(otherwise),
                keys: keys.iter().map(|text| key(text)).collect::<anyhow::Result<_>>()?,
            };
            Ok(menu_body(&menus::create(desk, who, fill, Fields::new()).await?))
        }
        MenuCommand::List => Ok(menus::list(desk, who).await?.iter().map(menu_body).collect()),
        MenuCommand::Delete { id } => {
            menus::delete(desk, who, *id).await?;
            Ok(json!({}))
        }
    }
}

pub(super) async fn ring_group(rooms: &Rooms, who: &Principal, command: &RingGroupCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    match command {
        RingGroupCommand::Create { name, number, members, strategy, ring_seconds, fallback } => {
            let fill = ring_groups::Fill {
                name: Some(name.clone()),
                number: number.clone(),
                strategy: Some(strategy.clone()),
                ring_seconds: *ring_seconds,
                fallback: fallback.as_deref().map(named).unwrap_or_default(),
                members: members.clone(),
            };
            Ok(group_body(&ring_groups::create(desk, who, fill, Fields::new()).await?))
        }
        RingGroupCommand::List => Ok(ring_groups::list(desk, who).await?.iter().map(group_body).collect()),
        RingGroupCommand::Delete { id } => {
            ring_groups::delete(desk, who, *id).await?;
            Ok(json!({}))
        }
    }
}

pub(super) async fn forwarding(rooms: &Rooms, who: &Principal, command: &ForwardingCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    let wish = match command {
        ForwardingCommand::Set { extension, always, busy, no_answer, offline, do_not_disturb, ring_seconds } => {
            let wish = Forwarding {
                always: always.clone(),
                busy: busy.clone(),
                no_answer: no_answer.clone(),
                offline: offline.clone(),
                do_not_disturb: *do_not_disturb,
                ring_seconds: *ring_seconds,
            };
            forwarding::put(desk, who, extension, wish, Fields::new()).await?
        }
        ForwardingCommand::Show { extension } => forwarding::show(desk, who, extension).await?,
    };
    Ok(json!({
        "always": wish.always,
        "busy": wish.busy,
        "no_answer": wish.no_answer,
        "offline": wish.offline,
        "do_not_disturb": wish.do_not_disturb,
        "ring_seconds": wish.ring_seconds,
    }))
}

pub(super) async fn mailbox(rooms: &Rooms, who: &Principal, command: &MailboxCommand) -> anyhow::Result<Value> {
    let MailboxCommand::Set { extension, pin, email, review } = command;
    let fill = voicemail::Fill {
        pin: pin.clone().map(Some),
        email: email.clone().map(Some),
        review: *review,
        ..voicemail::Fill::default()
    };
    let mailbox = voicemail::update(&rooms.desk, who, extension, fill, Fields::new()).await?;
    Ok(json!({
        "extension_number": mailbox.extension,
        "has_pin": mailbox.pin_mac.is_some(),
        "email": mailbox.email,
        "review": mailbox.review,
    }))
}

/// Reads `KIND:TARGET`.
fn named(text: &str) -> Named {
    let (kind, target) = text.split_once(':').unwrap_or((text, ""));
    Named { kind: kind.to_owned(), target: target.to_owned() }
}

/// Reads `KEY=KIND:TARGET`.
fn key(text: &str) -> anyhow::Result<(char, Named)> {
    let (key, does) = text.split_once('=').with_context(|| format!("{text:?} is not KEY=KIND:TARGET"))?;
    let mut keys = key.chars();
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok((key, named(does))),
        _ => bail!("{key:?} is not one key"),
    }
}

fn menu_body(menu: &MenuRow) -> Value {
    let keys: Vec<String> =
        menu.keys.iter().map(|(key, does)| format!("{key}={}:{}", does.kind(), does.target())).collect();
    json!({
        "id": menu.id,
        "name": menu.name,
        "number": menu.number,
        "keys": keys.join(" "),
        "otherwise": format!("{}:{}", menu.otherwise.kind(), menu.otherwise.target()),
    })
}

fn group_body(group: &RingGroup) -> Value {
    json!({
        "id": group.id,
        "name": group.name,
        "number": group.number,
        "strategy": group.strategy,
        "ring_seconds": group.ring_seconds,
        "members": group.members.join(","),
        "fallback": group.fallback.as_ref().map(|to| format!("{}:{}", to.kind(), to.target())),
    })
}
