//! Figures of calls with media: relaying, recording, memory.

mod browser;
mod echo;
pub(crate) mod generator;
mod kinds;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use self::echo::Echo;
use self::generator::{Generator, Tally};
use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::process::{Program, cpu_seconds, resident_bytes, settle};
use crate::sipp::{Load, Scenarios};
use crate::stack::{self, Setup, Stack, Treatment, Zorio};
use crate::time::pause;

/// Where the callee's media comes back from.
const ECHO_PORT: u16 = 9_000;
/// Calls a second while the load builds up.
const RAMP: u32 = 30;
/// The first of the ports on which the bare relay listens.
const FLOOR_PORT: u16 = 30_000;

/// What a load with media cost.
struct Cost {
    /// CPU seconds of a minute of one call.
    per_call_minute: f64,
    /// Bytes of resident memory that one call adds.
    per_call: f64,
    idle: f64,
}

pub(crate) fn measure(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Media of {} calls for {} s, {} times", effort.media_calls, effort.media_seconds, effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let echo = Echo::start(ECHO_PORT)?;
    let room = effort.media_calls * 5 / 4;
    let mut memory = Vec::new();
    let mut floor = Vec::new();
    for (treatment, name, goal) in [
        (Treatment::Relayed, "CPU per call-minute, relayed", 0.02),
        (Treatment::Recorded, "CPU per call-minute, recorded", 0.03),
    ] {
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for run in 0..effort.runs {
            if let Some(reference) = stack::reference(folder.path())? {
                theirs.push(cost_of(&reference, treatment, &scenarios, effort)?.per_call_minute);
            }
            if treatment == Treatment::Relayed {
                floor.push(cost_of_floor(effort)?);
            }
            let data = folder.path().join(format!("{treatment:?}-{run}"));
            std::fs::create_dir_all(&data)?;
            let setup = match treatment {
                Treatment::Relayed => Setup { relayed: room, ..Setup::default() },
                Treatment::Recorded => Setup { recorded: room, ..Setup::default() },
            };
            let stack = Stack::Zorio(Box::new(Zorio::start(zorio, &data, &scenarios, &setup)?));
            let cost = cost_of(&stack, treatment, &scenarios, effort)?;
            ours.push(cost.per_call_minute);
            if treatment == Treatment::Relayed {
                memory.push(cost);
            }
        }
        let value = median(ours);
        let reference = (!theirs.is_empty()).then(|| median(theirs));
        figures.add(Figure { name, value, unit: "CPU-s", reference, goal: Goal::Below(goal) });
        if treatment == Treatment::Relayed {
            let reference = Some(median(floor.clone()));
            let name = "CPU per call-minute, relayed, over the bare loop";
            figures.add(Figure { name, value, unit: "CPU-s", reference, goal: Goal::Relative(0.02, 1.6) });
        }
    }
    echo.stop();
    let of = |value: fn(&Cost) -> f64| median(memory.iter().map(value).collect());
    figures.add(Figure {
        name: "memory, idle",
        value: of(|cost| cost.idle) / 1024.0 / 1024.0,
        unit: "MiB",
        reference: None,
        goal: Goal::Below(40.0),
    });
    figures.add(Figure {
        name: "memory per call with media",
        value: of(|cost| cost.per_call) / 1024.0,
        unit: "KiB",
        reference: None,
        goal: Goal::Below(50.0),
    });
    Ok(())
}

/// Measures calls whose legs are unlike; no server is needed for that.
pub(crate) fn measure_legs(_: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Legs that are unlike for {} s, {} times", effort.media_seconds, effort.runs);
    kinds::measure(effort, figures)
}

fn cost_of(stack: &Stack, treatment: Treatment, scenarios: &Scenarios, effort: Effort) -> Result<Cost> {
    let processes = stack.processes();
    let _callee = scenarios.callee(ECHO_PORT)?;
    settle(&processes);
    let idle = resident_bytes(&processes);
    let calls = effort.media_calls;
    let ramp = calls.div_ceil(RAMP);
    let hold = Duration::from_secs(u64::from(ramp + effort.media_seconds + 6));
    let numbers = stack.numbers(treatment);
    let rtp_ports = u16::try_from(calls)?;
    let load = Load { server: stack.sip(), numbers: &numbers, rate: RAMP, calls, hold, media: true, rtp_ports };
    let running = scenarios.load(&load)?;
    let generator = Generator::follow(scenarios.rtp_log());
    // All are up after the ramp; then a moment for what starts only with the media.
    pause(Duration::from_secs(u64::from(ramp + 3)));
    let before = cpu_seconds(&processes);
    pause(Duration::from_secs(u64::from(effort.media_seconds)));
    let used = cpu_seconds(&processes) - before;
    let busy = resident_bytes(&processes);
    let outcome = running.finish()?;
    let tally = generator.finish();
    ensure!(outcome.failed == 0, "{} of {calls} calls failed", outcome.failed);
    report(treatment, &tally);
    let call_minutes = f64::from(calls) * f64::from(effort.media_seconds) / 60.0;
    Ok(Cost { per_call_minute: used / call_minutes, per_call: (busy - idle) / f64::from(calls), idle })
}

/// The same load through a loop that receives and sends and does nothing else.
fn cost_of_floor(effort: Effort) -> Result<f64> {
    let calls = u16::try_from(effort.media_calls)?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["relay", &FLOOR_PORT.to_string(), &calls.to_string(), &ECHO_PORT.to_string()]);
    let relay = Program::start("the bare relay", &mut command, &folder.path().join("relay.log"))?;
    pause(Duration::from_secs(1));
    let generator =
        Generator::direct((0..calls).map(|call| (crate::sipp::FIRST_RTP_PORT + call * 2, FLOOR_PORT + call)).collect());
    pause(Duration::from_secs(2));
    let before = cpu_seconds(&[relay.id()]);
    pause(Duration::from_secs(u64::from(effort.media_seconds)));
    let used = cpu_seconds(&[relay.id()]) - before;
    let tally = generator.finish();
    ensure!(tally.received > 0, "nothing came back through the bare relay");
    Ok(used / (f64::from(effort.media_calls) * f64::from(effort.media_seconds) / 60.0))
}

fn report(treatment: Treatment, tally: &Tally) {
    let Tally { calls, sent, received, foreign, late } = tally;
    println!(
        "    {treatment:?}: {calls} calls, {sent} packets sent, {} missing, {foreign} foreign, {late} late ticks",
        sent - received
    );
}
