//! `zorio admin`: what the host may do that the API refuses, for people and for scripts.

#![expect(clippy::print_stdout, reason = "prints its answers")]

mod accounts;
mod alerts;
mod dialling;
mod exchange;
mod extensions;
mod incoming;
mod origins;
mod places;
mod prompts;
mod table;
mod toll;
mod webhooks;

use anyhow::{Context, bail};
use clap::Subcommand;
use domain::{Principal, TenantId};
use serde_json::Value;
use store::DatabaseUrl;

use crate::{
    config::Config,
    wire::{self, Rooms},
};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The account, by number or name; needed if there are several.
    #[arg(long, global = true, value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand, Debug)]
enum Subject {
    /// Customers with their own users, numbers and data.
    #[command(subcommand)]
    Account(accounts::AccountCommand),
    /// People who sign in.
    #[command(subcommand)]
    User(accounts::UserCommand),
    /// Bearer tokens of people and applications.
    #[command(subcommand)]
    Token(accounts::TokenCommand),
    /// Web sites whose pages may show the webphone.
    #[command(subcommand)]
    Origin(origins::OriginCommand),
    /// Where events are sent.
    #[command(subcommand)]
    Webhook(webhooks::WebhookCommand),
    /// The URL that is told of calls that come in.
    #[command(subcommand)]
    Incoming(incoming::IncomingCommand),
    /// Events on their way, delivered or given up.
    #[command(subcommand)]
    Delivery(webhooks::DeliveryCommand),
    /// Phones and the people behind them.
    #[command(subcommand)]
    Extension(extensions::ExtensionCommand),
    /// Ways to carriers.
    #[command(subcommand)]
    Trunk(exchange::TrunkCommand),
    /// Numbers that may be shown to the called side.
    #[command(subcommand)]
    CallerId(exchange::CallerIdCommand),
    /// Who is told when something goes wrong.
    #[command(subcommand)]
    Alert(alerts::AlertCommand),
    /// Where dialled numbers lead.
    #[command(subcommand)]
    Route(exchange::RouteCommand),
    /// What callers hear, and where the keys lead.
    #[command(subcommand)]
    Menu(places::MenuCommand),
    /// Several extensions that are rung for one call.
    #[command(subcommand)]
    RingGroup(places::RingGroupCommand),
    /// Where calls of an extension go when nobody takes them.
    #[command(subcommand)]
    Forwarding(places::ForwardingCommand),
    /// The mailbox of an extension.
    #[command(subcommand)]
    Mailbox(places::MailboxCommand),
    /// The guard against toll fraud.
    #[command(subcommand)]
    Toll(toll::TollCommand),
    /// Feature codes, keys in calls, emergency numbers, the size of conferences.
    #[command(subcommand)]
    Dialling(dialling::DiallingCommand),
    /// Sound that callers hear.
    #[command(subcommand)]
    Prompt(prompts::PromptCommand),
}

/// Does one command and prints its answer.
pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    // In the wrong folder a new, empty database would answer.
    if let DatabaseUrl::Sqlite(path) = config.database_url()?
        && !path.exists()
    {
        bail!(
            "there is no {}: name the server's --config or ZORIO_DATA_DIR (zorio migrate makes a new one)",
            path.display()
        );
    }
    let rooms = wire::rooms(config).await?;
    let answer = Box::pin(answer(&rooms, config, args)).await;
    rooms.db.close().await;
    let answer = answer?;
    if args.json {
        println!("{answer}");
    } else {
        print!("{}", table::render(&answer));
    }
    Ok(())
}

async fn answer(rooms: &Rooms, config: &Config, args: &Args) -> anyhow::Result<Value> {
    let who = async || who(rooms, args.account.as_deref()).await;
    match &args.subject {
        Subject::Account(command) => accounts::account(rooms, command).await,
        Subject::User(command) => accounts::user(rooms, &who().await?, command).await,
        Subject::Token(command) => accounts::token(rooms, &who().await?, command).await,
        Subject::Origin(command) => origins::origin(rooms, &who().await?, command).await,
        Subject::Webhook(command) => webhooks::webhook(rooms, &who().await?, command).await,
        Subject::Incoming(command) => incoming::incoming(rooms, &who().await?, command).await,
        Subject::Delivery(command) => webhooks::delivery(rooms, &who().await?, command).await,
        Subject::Extension(command) => extensions::extension(rooms, &who().await?, command).await,
        Subject::Trunk(command) => exchange::trunk(rooms, &who().await?, command).await,
        Subject::CallerId(command) => exchange::caller_id(rooms, &who().await?, command).await,
        Subject::Alert(command) => alerts::alert(rooms, &who().await?, command).await,
        Subject::Route(command) => exchange::route(rooms, &who().await?, command).await,
        Subject::Menu(command) => places::menu(rooms, &who().await?, command).await,
        Subject::RingGroup(command) => places::ring_group(rooms, &who().await?, command).await,
        Subject::Forwarding(command) => places::forwarding(rooms, &who().await?, command).await,
        Subject::Mailbox(command) => places::mailbox(rooms, &who().await?, command).await,
        Subject::Toll(command) => toll::toll(rooms, &who().await?, *command).await,
        Subject::Dialling(command) => dialling::dialling(rooms, &who().await?, command).await,
        Subject::Prompt(command) => prompts::prompt(rooms, config, &who().await?, command).await,
    }
}

/// Returns the host's own tools as a caller of the chosen account.
async fn who(rooms: &Rooms, account: Option<&str>) -> anyhow::Result<Principal> {
    let accounts = rooms.accounts.accounts().await?;
    let chosen = match account {
        Some(text) => {
            let id = text.parse().ok().map(TenantId);
            let found = accounts.iter().find(|known| known.name == text || Some(known.id) == id);
            found.with_context(|| format!("there is no account {text:?}"))?
        }
        None => match accounts.as_slice() {
            [only] => only,
            [] => bail!("there is no account yet: start the server once, or zorio admin account create"),
            _ => bail!("there are several accounts: choose one with --account"),
        },
    };
    Ok(Principal::system(chosen.id))
}
