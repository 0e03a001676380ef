//! Figures of webhooks: how long an event is on its way, and what a delivery costs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median, quantile};
use crate::process::{Program, cpu_seconds, settle};
use crate::receiver::Receiver;
use crate::sipp::{DEAD_PORT, Load, Scenarios};
use crate::stack::{Setup, Stack, Treatment, Zorio};
use crate::time::wait_until;

/// Four events of each call make a thousand events a second.
const RATE: u32 = 250;
const EVENTS: &[&str] = &["pbx.call.ringing", "pbx.call.answered", "pbx.call.hangup", "pbx.cdr.created"];
const HOLD: Duration = Duration::from_secs(1);

pub(crate) fn measure(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Webhooks of {} calls at {RATE} a second, {} times", effort.delivery_calls, effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let receiver = Receiver::start(folder.path())?;
    let setup = Setup { relayed: 2 * RATE, ca_file: Some(receiver.ca_file.clone()), ..Setup::default() };
    let deliveries = effort.delivery_calls as usize * EVENTS.len();
    let (mut p50, mut p99, mut costs, mut floor) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..effort.runs {
        floor.push(cost_of_floor(&receiver, 10_000)?);
        let room = folder.path().join(run.to_string());
        std::fs::create_dir_all(&room)?;
        let zorio = Zorio::start(zorio, &room, &scenarios, &setup)?;
        let stack = Stack::Zorio(Box::new(zorio));
        let _callee = scenarios.callee(DEAD_PORT)?;
        let without = cpu_of_load(&stack, &scenarios, effort.delivery_calls, || true)?;
        let Stack::Zorio(zorio) = &stack else { continue };
        let url = format!("https://127.0.0.1:{}/", receiver.port);
        zorio.admin(&["webhook", "create", "--url", &url, "--events", &EVENTS.join(","), "--name", "bench"])?;
        receiver.take();
        let all = || receiver.count() >= deliveries;
        let with = cpu_of_load(&stack, &scenarios, effort.delivery_calls, all)?;
        let mut latencies = receiver.take();
        ensure!(latencies.len() >= deliveries, "{} of {deliveries} events arrived", latencies.len());
        costs.push((with - without) * 10_000.0 / deliveries as f64);
        p50.push(quantile(&mut latencies, 0.5));
        p99.push(quantile(&mut latencies, 0.99));
    }
    for (name, values, goal) in
        [("event to receiver at 1,000/s, p50", p50, 2.0), ("event to receiver at 1,000/s, p99", p99, 10.0)]
    {
        figures.add(Figure { name, value: median(values), unit: "ms", reference: None, goal: Goal::Below(goal) });
    }
    figures.add(Figure {
        name: "CPU per 10,000 deliveries at 1,000/s",
        value: median(costs),
        unit: "CPU-s",
        reference: Some(median(floor)),
        goal: Goal::Below(6.0),
    });
    Ok(())
}

/// Runs the load, waits until `done`, and returns the CPU seconds that the product used.
fn cpu_of_load(stack: &Stack, scenarios: &Scenarios, calls: u32, done: impl Fn() -> bool) -> Result<f64> {
    let processes = stack.processes();
    settle(&processes);
    let before = cpu_seconds(&processes);
    let numbers = stack.numbers(Treatment::Relayed);
    let load =
        Load { server: stack.sip(), numbers: &numbers, rate: RATE, calls, hold: HOLD, media: false, rtp_ports: 1000 };
    let outcome = scenarios.load(&load)?.finish()?;
    ensure!(outcome.failed == 0, "{} of {calls} calls failed", outcome.failed);
    wait_until(Duration::from_secs(30), done);
    settle(&processes);
    Ok(cpu_seconds(&processes) - before)
}

fn cost_of_floor(receiver: &Receiver, count: u64) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("post").arg(receiver.port.to_string()).arg(&receiver.ca_file).arg(count.to_string());
    let before = children_cpu()?;
    let mut sender = Program::start("the bare sender", &mut command, &folder.path().join("post.log"))?;
    ensure!(sender.wait(Duration::from_secs(120))?, "the bare sender failed");
    drop(sender);
    Ok((children_cpu()? - before) * 10_000.0 / count as f64)
}

/// Returns the CPU seconds of our children that have ended and been waited for.
fn children_cpu() -> Result<f64> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
