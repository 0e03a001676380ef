//! Figures of webhook deliveries: how many a second are durable, what each costs, how long an event is on its way, and
//! what a receiver that hangs does to the others.
//!
//! The product's own room, bus and store run in a process of their own ([`rig`]), with publishers in place of calls; the
//! receivers live here, so that their time is not counted. One event has one delivery: the dearest case.

mod bare;
mod receiver;
mod rig;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use self::receiver::{Manners, Receivers};
pub(crate) use self::{bare::Bare, rig::Load};
use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median, quantile};

/// Deliveries a second of the steady runs.
const STEADY: u32 = 1_000;
/// Events a second for each of the endpoints that do not answer.
pub(crate) const STEADY_BESIDE: u32 = 50;

/// What a process under measurement says of itself at its end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    /// From the first event until the last result is written.
    seconds: f64,
    /// User and system time of that.
    cpu: f64,
    /// Resident memory at the end.
    resident: f64,
}

pub(crate) fn measure(_zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Webhook deliveries, {} at full speed, {} times", effort.deliveries, effort.runs);
    let folder = tempfile::tempdir()?;
    let receivers = Receivers::start(folder.path())?;
    let mut runs = Runs::default();
    for _ in 0..effort.runs {
        runs.bare_https.push(bare(&receivers, "https", effort.deliveries)?);
        runs.bare_http.push(bare(&receivers, "http", effort.deliveries)?);
        let said = deliver(&receivers, "https", effort.deliveries, 0, false)?;
        runs.rate.push(effort.deliveries as f64 / said.seconds);
        runs.cost.push(per_ten_thousand(said.cpu, effort.deliveries));
        runs.resident.push(said.resident / (1024.0 * 1024.0));
        let said = deliver(&receivers, "http", effort.deliveries, 0, false)?;
        runs.http_rate.push(effort.deliveries as f64 / said.seconds);
        runs.http_cost.push(per_ten_thousand(said.cpu, effort.deliveries));
        for (disturbed, waits) in [(false, &mut runs.quiet), (true, &mut runs.disturbed)] {
            let said = deliver(&receivers, "https", effort.steady_deliveries, STEADY, disturbed)?;
            let mut took = receivers.take(Manners::Polite);
            ensure!(took.len() as u64 >= effort.steady_deliveries, "{} events arrived", took.len());
            waits.0.push(quantile(&mut took, 0.5));
            waits.1.push(quantile(&mut took, 0.99));
            if !disturbed {
                runs.steady_cost.push(per_ten_thousand(said.cpu, effort.steady_deliveries));
            }
        }
    }
    runs.tell(figures);
    Ok(())
}

#[derive(Default)]
struct Runs {
    bare_https: Vec<f64>,
    bare_http: Vec<f64>,
    rate: Vec<f64>,
    cost: Vec<f64>,
    http_rate: Vec<f64>,
    http_cost: Vec<f64>,
    steady_cost: Vec<f64>,
    resident: Vec<f64>,
    /// Medians and 99th percentiles, in milliseconds.
    quiet: (Vec<f64>, Vec<f64>),
    disturbed: (Vec<f64>, Vec<f64>),
}

impl Runs {
    fn tell(self, figures: &mut Figures) {
        let (bare, bare_http) = (median(self.bare_https), median(self.bare_http));
        let quiet = (median(self.quiet.0), median(self.quiet.1));
        let disturbed = (median(self.disturbed.0), median(self.disturbed.1));
        for (name, value, unit, reference, goal) in [
            ("durable deliveries by HTTPS, SQLite", median(self.rate), "/s", None, Goal::Above(10_000.0)),
            ("durable deliveries by HTTP, SQLite", median(self.http_rate), "/s", None, Goal::Above(10_000.0)),
            ("CPU per 10,000 by HTTPS, saturated", median(self.cost), "CPU-s", Some(bare), Goal::Below(1.2)),
            ("CPU per 10,000 by HTTP, saturated", median(self.http_cost), "CPU-s", Some(bare_http), Goal::Below(1.2)),
            ("CPU per 10,000 deliveries, 1,000/s", median(self.steady_cost), "CPU-s", Some(bare), Goal::Below(6.0)),
            ("memory after a saturated run", median(self.resident), "MiB", None, Goal::Below(256.0)),
            ("event to receiver, 1,000/s, p50", quiet.0, "ms", None, Goal::Below(2.0)),
            ("event to receiver, 1,000/s, p99", quiet.1, "ms", None, Goal::Below(10.0)),
            ("… beside a hanging and a dripping one, p50", disturbed.0, "ms", Some(quiet.0), Goal::Below(50.0)),
            ("… beside a hanging and a dripping one, p99", disturbed.1, "ms", Some(quiet.1), Goal::Relative(50.0, 2.0)),
        ] {
            figures.add(Figure { name, value, unit, reference, goal });
        }
    }
}

/// Returns what the bare sender needs for 10,000, in CPU seconds.
fn bare(receivers: &Receivers, scheme: &str, count: u64) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", &receivers.url(scheme, Manners::Polite)]).arg(&receivers.ca_file).arg(count.to_string());
    let said = run(command).context("the bare sender")?;
    let arrived = receivers.take(Manners::Polite).len() as u64;
    ensure!(arrived >= count, "{arrived} of {count} arrived");
    Ok(per_ten_thousand(said.cpu, count))
}

/// Runs the room; with `disturbed`, other accounts have an endpoint that hangs and one that drips.
fn deliver(receivers: &Receivers, scheme: &str, events: u64, rate: u32, disturbed: bool) -> Result<Said> {
    let folder = tempfile::tempdir()?;
    receivers.take(Manners::Polite);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("deliver").arg(folder.path()).arg(&receivers.ca_file).arg(receivers.url(scheme, Manners::Polite));
    command.args(["--events", &events.to_string(), "--rate", &rate.to_string()]);
    if disturbed {
        for manners in [Manners::Hangs, Manners::Drips] {
            command.args(["--beside", &receivers.url("https", manners)]);
        }
    }
    run(command).context("the delivering process")
}

fn run(mut command: Command) -> Result<Said> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("said nothing that is understood")
}

fn per_ten_thousand(cpu: f64, count: u64) -> f64 {
    cpu * 10_000.0 / count as f64
}
