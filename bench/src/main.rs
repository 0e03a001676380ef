//! The figures: what the product costs and how fast it is, beside its references in the same run.
//!
//! Costs are CPU seconds (user and system, of all the processes concerned) and ratios, medians of several runs:
//! wall-clock times of a shared machine say little. Everything stays on loopback, if possible in a network
//! namespace of its own.

#![expect(clippy::print_stdout, reason = "a command-line tool speaks to its terminal")]

mod calls;
mod deliveries;
mod figure;
mod floor;
mod http;
mod latency;
mod media;
mod memory;
mod process;
mod receiver;
mod records;
mod registrations;
mod sipp;
mod stack;
mod time;
mod tls;
mod webhooks;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum as _};

use self::figure::Figures;

#[derive(Parser)]
#[command(name = "cargo xtask bench --", about = "Measures Zorio beside Kamailio with rtpengine and bare loops")]
struct Arguments {
    /// The server to measure, built for release.
    #[arg(long)]
    zorio: Option<PathBuf>,
    /// Writes an array with one object a figure: name, value, unit, reference, ratio, goal, met.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Shorter runs and one of each: for a look, not for comparison.
    #[arg(long)]
    quick: bool,
    /// Only figures of these kinds.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "calls,rate,latency,media,legs,memory,registrations,records,deliveries,webhooks"
    )]
    only: Vec<Kind>,
    /// Stays in the host's network although a namespace could be had.
    #[arg(long)]
    host_network: bool,
    #[command(subcommand)]
    floor: Option<Floor>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// CPU of bridged calls.
    Calls,
    /// The highest rate without failures.
    Rate,
    /// What a call's set-up loses on its way.
    Latency,
    /// CPU of relaying and recording, memory.
    Media,
    /// CPU of calls whose legs are unlike: protected, of another codec, of a browser.
    Legs,
    /// Memory of finished calls.
    Memory,
    /// Memory and CPU of registered phones.
    Registrations,
    /// Pages over a million call records.
    Records,
    /// Latency and CPU of webhooks.
    Deliveries,
    /// Durable deliveries a second, and what a receiver that hangs does to the others.
    Webhooks,
}

/// Bare loops that are measured as processes of their own.
#[derive(Subcommand)]
enum Floor {
    /// Relays RTP and does nothing else.
    #[command(hide = true)]
    Relay { first_port: u16, calls: u16, echo: u16 },
    /// Posts signed bodies and does nothing else.
    #[command(hide = true)]
    Post { port: u16, ca_file: PathBuf, count: u64 },
    /// Posts signed bodies to any URL and does nothing else.
    #[command(hide = true)]
    Bare(webhooks::Bare),
    /// Delivers events as the server does.
    #[command(hide = true)]
    Deliver(webhooks::Load),
}

/// How long and how often to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) runs: usize,
    pub(crate) calls: u32,
    pub(crate) rate_seconds: u32,
    pub(crate) media_calls: u32,
    pub(crate) media_seconds: u32,
    pub(crate) delivery_calls: u32,
    pub(crate) latency_calls: u32,
    pub(crate) finished_calls: u32,
    pub(crate) registrations: u32,
    pub(crate) records: u32,
    pub(crate) deliveries: u64,
    pub(crate) steady_deliveries: u64,
}

impl Effort {
    const FULL: Self = Self {
        runs: 3,
        calls: 3000,
        rate_seconds: 30,
        media_calls: 300,
        media_seconds: 20,
        delivery_calls: 5000,
        latency_calls: 1500,
        finished_calls: 2400,
        registrations: 100_000,
        records: 1_000_000,
        deliveries: 100_000,
        steady_deliveries: 15_000,
    };
    const QUICK: Self = Self {
        runs: 1,
        calls: 500,
        rate_seconds: 5,
        media_calls: 50,
        media_seconds: 5,
        delivery_calls: 1000,
        latency_calls: 250,
        finished_calls: 900,
        registrations: 10_000,
        records: 100_000,
        deliveries: 20_000,
        steady_deliveries: 3_000,
    };
}

type Measure = fn(&Path, Effort, &mut Figures) -> Result<()>;

/// Set in the process that already has a network of its own.
const INSIDE: &str = "ZORIO_BENCH_INSIDE";

fn main() -> ExitCode {
    match run(Arguments::parse_from(with_kinds(std::env::args_os()))) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.floor {
        Some(Floor::Relay { first_port, calls, echo }) => {
            return floor::relay(first_port, calls, echo).map(|()| ExitCode::SUCCESS);
        }
        Some(Floor::Post { port, ca_file, count }) => {
            return floor::post(port, &ca_file, count).map(|()| ExitCode::SUCCESS);
        }
        Some(Floor::Bare(bare)) => return tell(&bare.run()?),
        Some(Floor::Deliver(load)) => return tell(&load.run()?),
        None => {}
    }
    if !arguments.host_network && std::env::var_os(INSIDE).is_none() && namespaces() {
        return Err(inside().exec()).context("cannot start in a network namespace");
    }
    let zorio = arguments.zorio.context("--zorio names the server to measure")?;
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    let wanted = |kind| arguments.only.contains(&kind);
    let mut figures = Figures::new();
    let steps: [(Kind, Measure); 10] = [
        (Kind::Calls, calls::cost),
        (Kind::Rate, calls::highest_rate),
        (Kind::Latency, latency::measure),
        (Kind::Media, media::measure),
        (Kind::Legs, media::measure_legs),
        (Kind::Memory, memory::measure),
        (Kind::Registrations, registrations::measure),
        (Kind::Records, records::measure),
        (Kind::Deliveries, deliveries::measure),
        (Kind::Webhooks, webhooks::measure),
    ];
    for (kind, measure) in steps {
        if wanted(kind) {
            measure(&zorio, effort, &mut figures)?;
        }
    }
    println!("\n{}", figures.table());
    if let Some(file) = arguments.json {
        std::fs::write(&file, figures.json()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what a process under measurement found out, for the one that started it.
fn tell(said: &webhooks::Said) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(said)?);
    Ok(ExitCode::SUCCESS)
}

/// Lets kinds stand by themselves: `bench webhooks` is `bench --only webhooks`.
fn with_kinds(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut told: Vec<OsString> = Vec::new();
    for argument in arguments {
        let kind = argument.to_str().is_some_and(|text| Kind::from_str(text, false).is_ok());
        let value = told.last().is_some_and(|before| ["--zorio", "--json", "--only"].iter().any(|o| before == o));
        if kind && !value {
            told.push("--only".into());
        }
        told.push(argument);
    }
    told
}

/// A private loopback keeps other processes from taking a port in the middle of a run.
fn namespaces() -> bool {
    Command::new("unshare")
        .args(["--net", "ip", "link", "set", "lo", "up"])
        .status()
        .is_ok_and(|status| status.success())
}

fn inside() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.args(std::env::current_exe()).args(std::env::args_os().skip(1)).env(INSIDE, "1");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_stand_by_itself() {
        for (given, only) in [
            (&["bench", "webhooks"][..], &[Kind::Webhooks][..]),
            (&["bench", "--quick", "calls", "webhooks"], &[Kind::Calls, Kind::Webhooks]),
            (&["bench", "--only", "calls,rate", "--zorio", "webhooks"], &[Kind::Calls, Kind::Rate]),
        ] {
            let arguments = Arguments::parse_from(with_kinds(given.iter().map(OsString::from)));
            assert!(arguments.only == only, "{given:?}");
        }
    }
}
