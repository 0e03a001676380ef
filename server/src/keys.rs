//! `zorio keys`: the master key and the data keys that it wraps.

#![expect(clippy::print_stdout, reason = "prints what it did")]

use std::{os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, ensure};
use clap::Subcommand;
use nix::unistd::geteuid;
use store::{DatabaseUrl, Db, Options, Secrets, secrets};

use crate::config::Config;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Puts another master key in the place of this one. Servers that run go on; what is stored stays readable.
    Rotate {
        /// Also adds a data key, which seals whatever is stored from half a minute on.
        #[arg(long)]
        new_data_key: bool,
    },
    /// Says whether the master key belongs to the database.
    Check,
}

/// Runs one command on the database of the settings.
pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let url = config.database_url()?;
    if let DatabaseUrl::Sqlite(path) = &url {
        ensure!(path.exists(), "there is no database at {}: start the server once", path.display());
    }
    let key_file = config.key_file();
    let shown = key_file.display();
    let owner = std::fs::metadata(&key_file).with_context(|| format!("the master key {shown}"))?.uid();
    // A key of another owner's making could not be read by the server.
    ensure!(owner == geteuid().as_raw(), "the master key {shown} is user {owner}'s: run this as that user (sudo -u)");
    let db = Db::open(&url, Options::default()).await.context("database.url")?;
    db.migrate().await?;
    let done = match args.command {
        Command::Rotate { new_data_key } => rotate(&key_file, &db, new_data_key).await,
        Command::Check => check(&key_file, &db).await,
    };
    db.close().await;
    done
}

async fn rotate(key_file: &Path, db: &Db, new_data_key: bool) -> anyhow::Result<()> {
    let rotation = secrets::rotate(key_file, db).await?;
    if rotation.resumed {
        println!("An earlier change of the master key was cut off; it is finished now.");
    }
    println!("The master key is another one: {} ({}).", key_file.display(), rotation.master);
    println!(
        "The one before is {}. It opens backups from before; keep it apart or delete it.",
        rotation.previous.display()
    );
    if new_data_key {
        let number = secrets::add_data_key(key_file, db).await?;
        println!("Data key {number} seals whatever is stored from half a minute on.");
    }
    Ok(())
}

async fn check(key_file: &Path, db: &Db) -> anyhow::Result<()> {
    Secrets::open(key_file)?.unlock(db).await?;
    println!("{} is the master key of this database.", key_file.display());
    Ok(())
}
