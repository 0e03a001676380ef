//! What a call that has ended leaves behind while its transactions linger.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::process::{resident_bytes, settle};
use crate::sipp::{DEAD_PORT, Load, Scenarios};
use crate::stack::{Setup, Stack, Treatment, Zorio};

/// Calls a second: all of them end within the 32 s for which the first one lingers.
const RATE: u32 = 150;
const HOLD: Duration = Duration::from_secs(1);

pub(crate) fn measure(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Memory of {} finished calls, {} times", effort.finished_calls, effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let setup = Setup { relayed: 2 * RATE, ..Setup::default() };
    let mut left = Vec::new();
    for run in 0..effort.runs {
        let room = folder.path().join(run.to_string());
        std::fs::create_dir_all(&room)?;
        let stack = Stack::Zorio(Box::new(Zorio::start(zorio, &room, &scenarios, &setup)?));
        let processes = stack.processes();
        let _callee = scenarios.callee(DEAD_PORT)?;
        settle(&processes);
        // The first calls fill what every later call uses again.
        pass(&stack, &scenarios, effort.finished_calls / 2)?;
        let before = resident_bytes(&processes);
        pass(&stack, &scenarios, effort.finished_calls)?;
        left.push((resident_bytes(&processes) - before) / f64::from(effort.finished_calls));
    }
    figures.add(Figure {
        name: "memory per finished call, for its 32 s",
        value: median(left) / 1024.0,
        unit: "KiB",
        reference: None,
        goal: Goal::Below(4.0),
    });
    Ok(())
}

fn pass(stack: &Stack, scenarios: &Scenarios, calls: u32) -> Result<()> {
    let numbers = stack.numbers(Treatment::Relayed);
    let load =
        Load { server: stack.sip(), numbers: &numbers, rate: RATE, calls, hold: HOLD, media: false, rtp_ports: 1000 };
    let outcome = scenarios.load(&load)?.finish()?;
    ensure!(outcome.failed == 0, "{} of {calls} calls failed: {:?}", outcome.failed, outcome.reasons);
    Ok(())
}
