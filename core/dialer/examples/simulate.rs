//! What `cargo xtask simulate` runs: contact centres on virtual time, and the table that the dialer has to meet.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser;
use dialer::{
    pacing::Mode,
    simulate::{Demand, Dialling, LIMITS, Leave, Row, SEEDS, Scenario, Step, Time, acceptance, table},
};

#[derive(Parser)]
#[command(name = "cargo xtask simulate", about = "Shows what the pacing is worth, on virtual time")]
struct Arguments {
    /// Seeds; each is a shift of its own.
    #[arg(long, num_args = 1.., default_values_t = SEEDS)]
    seeds: Vec<u64>,
    /// Only centres of these sizes.
    #[arg(long, num_args = 1..)]
    agents: Vec<u32>,
    /// Also other answer rates and limits, sudden changes, trouble of many kinds and controls that have to fail.
    #[arg(long)]
    all: bool,
}

const PREDICTIVE: Dialling = Dialling::Paced(Mode::Predictive);

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let demands: Vec<&Demand> = LIMITS
        .iter()
        .filter(|demand| arguments.agents.is_empty() || arguments.agents.contains(&demand.agents))
        .collect();
    let seeds = || arguments.seeds.iter().copied();
    let rows: Vec<_> = demands.iter().map(|demand| (acceptance(demand, seeds()), Some(*demand))).collect();
    let mut out = io::stdout();
    writeln!(out, "{}", table("Predictive: 30 % answered, limit 3 %, beside what is demanded", &rows))?;
    let met = rows.iter().all(|(row, demand)| demand.is_none_or(|demand| row.misses(demand).is_empty()));

    let mut show = |title: &str, change: &dyn Fn(&mut Scenario)| {
        let rows: Vec<(Row, Option<&Demand>)> = demands
            .iter()
            .map(|demand| {
                let mut scenario = Scenario::standard(demand.agents, 0.3, PREDICTIVE);
                change(&mut scenario);
                (Row::of(&scenario, seeds()), None)
            })
            .collect();
        writeln!(out, "{}", table(title, &rows))
    };
    show("Progressive", &|scenario| scenario.dialling = Dialling::Paced(Mode::Progressive))?;
    if arguments.all {
        others(&mut show)?;
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a changed scenario and shows what comes of it.
type Show<'a> = dyn FnMut(&str, &dyn Fn(&mut Scenario)) -> io::Result<()> + 'a;

fn others(show: &mut Show<'_>) -> io::Result<()> {
    show("15 % answered", &|scenario| scenario.human = 0.15)?;
    show("50 % answered", &|scenario| scenario.human = 0.5)?;
    for limit in [0.005, 0.01, 0.02, 0.05, 0.1] {
        show(&format!("Limit {:.1} %", limit * 100.0), &|scenario| scenario.limit = limit)?;
    }
    show("1.8 times as many answer from the middle of the shift on", &|scenario| {
        scenario.step = Some(Step { at: scenario.seconds / 2.0, factor: 1.8 });
    })?;
    show("Wrap-up of any length (exponential, 20 s)", &|scenario| scenario.wrap = Time::Exponential(20.0))?;
    show("Three seconds until it rings", &|scenario| scenario.extra_setup = 3.0)?;
    show("Five in a hundred more calls fail", &|scenario| scenario.failed = 0.15)?;
    show("One and a half lines for each agent", &|scenario| scenario.lines = scenario.agents * 3 / 2)?;
    show("Agents come within half an hour, a third at a time is at lunch", &|scenario| {
        scenario.login_ramp = 1_800.0;
        let lunch = |which| Leave { at: 10_000.0 + 2_400.0 * which as f64, seconds: 2_400.0, of: 3, which };
        scenario.leaves = (0..3).map(lunch).collect();
    })?;
    for share in [0.01, 0.02, 0.03] {
        let title = format!("{:.0} in a hundred people taken for machines", share * 100.0);
        show(&title, &|scenario| scenario.false_machine = share)?;
    }
    show("Control: no governor", &|scenario| scenario.governed = false)?;
    show("Control: two lines for each agent, whatever happens", &|scenario| scenario.dialling = Dialling::Ratio(2.0))
}
