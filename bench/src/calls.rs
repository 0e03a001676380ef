//! Figures of calls without media: what one costs, and how many a second.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::process::{cpu_seconds, settle};
use crate::sipp::{Load, Outcome, Scenarios};
use crate::stack::{self, Setup, Stack, Treatment, Zorio};
use crate::time::{pause, wait_until};

const HOLD: Duration = Duration::from_secs(1);
/// Calls a second at which the cost is taken.
const RATE: u32 = 100;
/// No RTP flows: callers and callee name ports where nobody listens.
const DEAD_PORT: u16 = 9;
/// Rates to try, calls a second.
const RATES: &[u32] = &[50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 1600, 1800, 2000];

/// CPU seconds of a thousand bridged calls of a second, records and events committed.
pub(crate) fn cost(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("CPU of {} bridged calls at {RATE} a second, {} times", effort.calls, effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let _callee = scenarios.callee(DEAD_PORT)?;
    let setup = Setup { relayed: 2 * RATE, ..Setup::default() };
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for run in 0..effort.runs {
        // The two take turns, so that a slow moment of the machine meets both.
        if let Some(reference) = stack::reference(folder.path())? {
            theirs.push(cost_of(&reference, &scenarios, effort.calls)?);
        }
        let room = folder.path().join(run.to_string());
        std::fs::create_dir_all(&room)?;
        let stack = Stack::Zorio(Box::new(Zorio::start(zorio, &room, &scenarios, &setup)?));
        ours.push(cost_of(&stack, &scenarios, effort.calls)?);
    }
    figures.add(Figure {
        name: "CPU per 1,000 bridged calls",
        value: median(ours),
        unit: "CPU-s",
        reference: (!theirs.is_empty()).then(|| median(theirs)),
        goal: Goal::Relative(0.6, 0.4),
    });
    Ok(())
}

fn cost_of(stack: &Stack, scenarios: &Scenarios, calls: u32) -> Result<f64> {
    let processes = stack.processes();
    settle(&processes);
    let before = cpu_seconds(&processes);
    let outcome = run(stack, scenarios, RATE, calls)?;
    settle(&processes);
    let used = cpu_seconds(&processes) - before;
    ensure!(outcome.failed == 0, "{} of {calls} calls failed", outcome.failed);
    if let Stack::Zorio(zorio) = stack {
        let all =
            wait_until(Duration::from_secs(10), || zorio.records().is_ok_and(|records| records == u64::from(calls)));
        ensure!(all, "{} records of {calls} calls", zorio.records()?);
    }
    Ok(used * 1000.0 / f64::from(calls))
}

/// The highest rate at which no call fails and at most one message in a hundred is sent again.
pub(crate) fn highest_rate(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Highest rate, {} s at each", effort.rate_seconds);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let _callee = scenarios.callee(DEAD_PORT)?;
    let reference = match stack::reference(folder.path())? {
        Some(reference) => Some(f64::from(highest_rate_of(&reference, &scenarios, effort)?)),
        None => None,
    };
    // A call is up a little longer than it holds, and no extension may be full.
    let setup = Setup { relayed: RATES.last().map_or(0, |rate| rate * 3 / 2), ..Setup::default() };
    let stack = Stack::Zorio(Box::new(Zorio::start(zorio, folder.path(), &scenarios, &setup)?));
    figures.add(Figure {
        name: "highest rate without failures",
        value: f64::from(highest_rate_of(&stack, &scenarios, effort)?),
        unit: "calls/s",
        reference,
        goal: Goal::Above(1200.0),
    });
    Ok(())
}

fn highest_rate_of(stack: &Stack, scenarios: &Scenarios, effort: Effort) -> Result<u32> {
    let mut highest = 0;
    for &rate in RATES {
        let outcome = run(stack, scenarios, rate, rate * effort.rate_seconds)?;
        // Two messages of a call are sent again by the caller if nobody answers: INVITE and BYE.
        let most = outcome.successful * 2 / 100;
        println!("    {rate}/s: {} failed, {} sent again", outcome.failed, outcome.retransmissions);
        if outcome.failed > 0 || outcome.retransmissions > most {
            break;
        }
        highest = rate;
        pause(Duration::from_secs(2));
    }
    Ok(highest)
}

fn run(stack: &Stack, scenarios: &Scenarios, rate: u32, calls: u32) -> Result<Outcome> {
    let numbers = stack.numbers(Treatment::Relayed);
    let load = Load { server: stack.sip(), numbers: &numbers, rate, calls, hold: HOLD, media: false, rtp_ports: 1000 };
    scenarios.load(&load)?.finish()
}
