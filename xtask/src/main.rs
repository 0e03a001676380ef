//! The project's own commands: `cargo xtask demo`, `test`, `check` and their like.
//!
//! Each command does its own set-up on a fresh Debian 12 as root, and elsewhere names what is missing.

#![expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]

mod check;
mod dependencies;
mod new_room;
mod product;
mod run;
mod sdk;
mod setup;
mod test;
mod tidy;
mod verifier;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, shows, tests and measures Zorio")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the server and shows real calls flowing from the API to a signed webhook and a recording.
    Demo {
        /// Passed on to `zorio demo` (see `cargo xtask demo -- --help`).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Sets up, checks, and runs all tests on SQLite and the database's tests again on PostgreSQL.
    Test {
        /// Leaves out `cargo xtask check`.
        #[arg(long)]
        no_check: bool,
        /// Leaves out the second run on PostgreSQL.
        #[arg(long)]
        no_postgres: bool,
        /// Leaves out the tests of pages in Chromium and Firefox.
        #[arg(long)]
        no_browsers: bool,
    },
    /// Checks format, lints, documentation, dependencies, generated files and the house rules.
    Check {
        /// Only these: format, tidy, spelling, dependencies, clippy, documentation, generated, statements.
        names: Vec<String>,
    },
    /// Installs what the tests need where that can be done; with options what else is named.
    Setup {
        /// Also what the tests of pages need: Chromium, Firefox and Node.
        #[arg(long)]
        browsers: bool,
        /// Also cargo-deny, which takes minutes to compile: for advisories, beside what the checks do without it.
        #[arg(long)]
        deny: bool,
        /// Also what `cargo xtask bench` compares with: Kamailio and rtpengine.
        #[arg(long)]
        bench: bool,
    },
    /// Builds the webphone's SDK, which the server is compiled with; demo, test and bench do so by themselves.
    Sdk,
    /// Writes openapi.json anew from the handlers.
    Codegen,
    /// Writes the skeleton of a new room and makes it a member of the workspace.
    NewRoom {
        /// Lower-case name; folder, package, log target and OpenAPI tag at once.
        name: String,
    },
    /// Shows on virtual time what the dialer is worth (see `cargo xtask simulate -- --help`).
    Simulate {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measures a release build against its references (see `cargo xtask bench -- --help`).
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let root = run::workspace_root();
    match command {
        Command::Demo { arguments } => product::demo(&root, &arguments),
        Command::Test { no_check, no_postgres, no_browsers } => {
            test::test(&root, !no_check, !no_postgres, !no_browsers)
        }
        Command::Check { names } => check::check(&root, &names),
        Command::Setup { browsers, deny, bench } => {
            setup::setup(setup::For::Tests)?;
            if browsers {
                setup::setup(setup::For::Browsers)?;
            }
            if deny {
                setup::get_cargo_deny(&root)?;
            }
            if bench {
                setup::setup(setup::For::Bench)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Sdk => sdk::build(&root).map(|()| ExitCode::SUCCESS),
        Command::Codegen => product::codegen(&root),
        Command::NewRoom { name } => new_room::new_room(&root, &name),
        Command::Simulate { arguments } => product::simulate(&root, &arguments),
        Command::Bench { arguments } => product::bench(&root, &arguments),
    }
}
