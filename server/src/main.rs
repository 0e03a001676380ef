//! The one binary.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use server::{admin, config::Config, demo, doctor, keys, openapi, serve, telemetry};

#[derive(Parser)]
#[command(name = "zorio", version, about = "Contact-centre platform: SIP PBX, REST API, webhooks")]
struct Arguments {
    /// Settings file; `zorio doctor --defaults` prints one with every key and its comment.
    #[arg(long, global = true, value_name = "FILE", env = "ZORIO_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until SIGTERM or SIGINT.
    Serve,
    /// Shows real calls against a simulated carrier and agents, on a server of its own.
    Demo(demo::Args),
    /// Brings the database's schema up to date.
    Migrate,
    /// Checks settings, folders, database and ports.
    Doctor(doctor::Args),
    /// Prints the OpenAPI document.
    Openapi,
    /// Does for the host what the API refuses to do; works beside a running server.
    Admin(Box<admin::Args>),
    /// Looks at or changes the keys that stored secrets are sealed with; works beside a running server.
    Keys(keys::Args),
}

fn main() -> ExitCode {
    if let Err(error) = keep_memory_private() {
        eprintln!("zorio: {error:#}");
        return ExitCode::FAILURE;
    }
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zorio: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Keys are in this process's memory: no core file of it is written, and no other process of its user reads it.
fn keep_memory_private() -> anyhow::Result<()> {
    nix::sys::prctl::set_dumpable(false).context("PR_SET_DUMPABLE")?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0).context("RLIMIT_CORE")
}

/// Prints a long answer. A reader that has seen enough (`| head`) is no error.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Command::Doctor(doctor::Args { defaults: true, .. }) = &arguments.command {
        return say(server::config::DEFAULTS);
    }
    let config = Config::load(arguments.config.as_deref()).context("settings")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match arguments.command {
            Command::Serve => {
                telemetry::log(&config.log)?;
                Box::pin(serve::run(config)).await
            }
            Command::Demo(args) => Box::pin(demo::run(args)).await,
            Command::Migrate => serve::migrate(&config).await,
            Command::Doctor(args) => doctor::run(&config, &args).await,
            Command::Openapi => say(&openapi::to_pretty_json(&Box::pin(openapi::generate()).await?)?),
            Command::Admin(args) => admin::run(&config, &args).await,
            Command::Keys(args) => keys::run(&config, &args).await,
        }
    })
}
