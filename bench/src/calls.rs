//! Figures of calls without media: what one costs, and how many a second.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::process::{cpu_seconds, settle};
use crate::sipp::{DEAD_PORT, Load, Outcome, Scenarios};
use crate::stack::{self, Setup, Stack, Treatment, Zorio};
use crate::time::wait_until;
use crate::tls::Bridge;

const HOLD: Duration = Duration::from_secs(1);
/// Calls a second at which the cost is taken.
const RATE: u32 = 100;
/// How long the first look at a rate takes.
const LOOK_SECONDS: u32 = 4;
/// Rates to try, calls a second.
const RATES: &[u32] = &[50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 1600, 1800, 2000];

/// CPU seconds of a thousand bridged calls of a second, records and events committed.
pub(crate) fn cost(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("CPU of {} bridged calls at {RATE} a second, {} times", effort.calls, effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let setup = Setup { relayed: 2 * RATE, tls: true, ..Setup::default() };
    let mut ours = Vec::new();
    let mut by_tls = Vec::new();
    let mut theirs = Vec::new();
    for run in 0..effort.runs {
        // The two take turns, so that a slow moment of the machine meets both.
        if let Some(reference) = stack::reference(folder.path())? {
            theirs.push(cost_of(&reference, &scenarios, effort.calls, None)?);
        }
        let room = folder.path().join(run.to_string());
        std::fs::create_dir_all(&room)?;
        let zorio = Zorio::start(zorio, &room, &scenarios, &setup)?;
        let bridge = Bridge::start(zorio.tls(), &room)?;
        let stack = Stack::Zorio(Box::new(zorio));
        ours.push(cost_of(&stack, &scenarios, effort.calls, None)?);
        by_tls.push(cost_of(&stack, &scenarios, effort.calls, Some(&bridge))?);
    }
    figures.add(Figure {
        name: "CPU per 1,000 bridged calls",
        value: median(ours),
        unit: "CPU-s",
        reference: (!theirs.is_empty()).then(|| median(theirs)),
        goal: Goal::Relative(0.6, 0.4),
    });
    figures.add(Figure {
        name: "the same, the caller by TLS",
        value: median(by_tls),
        unit: "CPU-s",
        reference: None,
        goal: Goal::Below(0.9),
    });
    Ok(())
}

fn cost_of(stack: &Stack, scenarios: &Scenarios, calls: u32, bridge: Option<&Bridge>) -> Result<f64> {
    let processes = stack.processes();
    let _callee = scenarios.callee(DEAD_PORT)?;
    settle(&processes);
    let before = cpu_seconds(&processes);
    let done = match stack {
        Stack::Zorio(zorio) => zorio.records()?,
        Stack::Kamailio(_) => 0,
    };
    let outcome = match bridge {
        None => run(stack, scenarios, RATE, calls)?,
        Some(bridge) => {
            let numbers = stack.numbers(Treatment::Relayed);
            let server = bridge.address;
            let load = Load { server, numbers: &numbers, rate: RATE, calls, hold: HOLD, media: false, rtp_ports: 1000 };
            scenarios.load_by_tcp(&load)?.finish()?
        }
    };
    settle(&processes);
    let used = cpu_seconds(&processes) - before;
    // The reference may lose a call of a hundred: it answers now and then that a dialog is not here.
    let bearable = if matches!(stack, Stack::Zorio(_)) { 0 } else { u64::from(calls / 100) };
    ensure!(outcome.failed <= bearable, "{} of {calls} calls failed: {:?}", outcome.failed, outcome.reasons);
    if let Stack::Zorio(zorio) = stack {
        let all =
            wait_until(Duration::from_secs(10), || zorio.records().is_ok_and(|all| all - done == u64::from(calls)));
        ensure!(all, "{} records of {calls} calls", zorio.records()?);
    }
    Ok(used * 1000.0 / f64::from(calls))
}

/// The highest rate at which no call fails and at most one message in a hundred is sent again.
pub(crate) fn highest_rate(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Highest rate, {} s at each", effort.rate_seconds);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
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

/// Climbs with short looks until something fails, then goes down to the first rate that holds for the whole time.
fn highest_rate_of(stack: &Stack, scenarios: &Scenarios, effort: Effort) -> Result<u32> {
    let _callee = scenarios.callee(DEAD_PORT)?;
    let mut passed = Vec::new();
    for &rate in RATES {
        if !holds(stack, scenarios, rate, LOOK_SECONDS)? {
            break;
        }
        passed.push(rate);
    }
    while let Some(rate) = passed.pop() {
        if holds(stack, scenarios, rate, effort.rate_seconds)? {
            return Ok(rate);
        }
    }
    Ok(0)
}

/// Returns whether no call failed and at most one message in a hundred was sent again.
fn holds(stack: &Stack, scenarios: &Scenarios, rate: u32, seconds: u32) -> Result<bool> {
    let outcome = run(stack, scenarios, rate, rate * seconds)?;
    let Outcome { failed, retransmissions, reasons, .. } = &outcome;
    let reasons: Vec<_> = reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    println!("    {rate}/s for {seconds} s: {failed} failed, {retransmissions} sent again {}", reasons.join(", "));
    // What the last rate left behind must not burden the next.
    settle(&stack.processes());
    // The caller sends two messages of a call again if nobody answers: INVITE and BYE.
    Ok(outcome.failed == 0 && outcome.retransmissions <= outcome.successful * 2 / 100)
}

fn run(stack: &Stack, scenarios: &Scenarios, rate: u32, calls: u32) -> Result<Outcome> {
    let numbers = stack.numbers(Treatment::Relayed);
    let load = Load { server: stack.sip(), numbers: &numbers, rate, calls, hold: HOLD, media: false, rtp_ports: 1000 };
    scenarios.load(&load)?.finish()
}
