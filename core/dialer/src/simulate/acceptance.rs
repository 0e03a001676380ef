//! What the dialer has to reach, and the table that shows whether it does.

use std::fmt::Write as _;

use super::{Dialling, Report, Scenario, run};
use crate::pacing::Mode;

/// The seeds of the acceptance table.
pub const SEEDS: std::ops::Range<u64> = 1..9;

/// What so many agents have to reach at a limit of 3 % when 30 % of calls are answered by people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    pub agents: u32,
    /// Share of their time, at least; mean over the seeds.
    pub occupancy: f64,
    /// Seconds that a free agent waits for a call, at most; mean over the seeds.
    pub wait: f64,
    /// Abandon rate of the shift, at most; every seed.
    pub abandoned: f64,
    /// Abandon rate of the worst half hour, at most; every seed.
    pub worst: f64,
}

/// The table.
pub const LIMITS: &[Demand] = &[
    Demand { agents: 2, occupancy: 0.73, wait: 44.0, abandoned: 0.03, worst: 0.15 },
    Demand { agents: 5, occupancy: 0.76, wait: 37.0, abandoned: 0.03, worst: 0.10 },
    Demand { agents: 10, occupancy: 0.79, wait: 31.0, abandoned: 0.03, worst: 0.08 },
    Demand { agents: 20, occupancy: 0.83, wait: 24.0, abandoned: 0.03, worst: 0.07 },
    Demand { agents: 50, occupancy: 0.88, wait: 16.0, abandoned: 0.03, worst: 0.10 },
    Demand { agents: 100, occupancy: 0.91, wait: 12.0, abandoned: 0.03, worst: 0.10 },
];

/// What the seeds of one scenario came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub agents: u32,
    pub occupancy: f64,
    pub wait: f64,
    pub abandoned: f64,
    pub abandoned_worst_seed: f64,
    pub worst_window: f64,
    /// Calls placed for each that reached an agent.
    pub dials_per_talk: f64,
    pub talk_minutes_per_hour: f64,
    pub is_conserved: bool,
}

impl Row {
    /// Sums the runs of a scenario up.
    pub fn of(scenario: &Scenario, seeds: impl Iterator<Item = u64>) -> Self {
        let reports: Vec<Report> = seeds.map(|seed| run(scenario, seed)).collect();
        let mean = |of: fn(&Report) -> f64| reports.iter().map(of).sum::<f64>() / reports.len().max(1) as f64;
        let most = |of: fn(&Report) -> f64| reports.iter().map(of).fold(0.0, f64::max);
        Self {
            agents: scenario.agents,
            occupancy: mean(Report::occupancy),
            wait: mean(Report::mean_wait),
            abandoned: mean(Report::abandon_rate),
            abandoned_worst_seed: most(Report::abandon_rate),
            worst_window: most(Report::worst_window),
            dials_per_talk: mean(|report| report.dials as f64 / report.passed.max(1) as f64),
            talk_minutes_per_hour: mean(Report::talk_minutes_per_hour),
            is_conserved: reports.iter().all(Report::is_conserved),
        }
    }

    /// Returns what falls short of the demand, in words; empty if nothing does.
    pub fn misses(&self, demand: &Demand) -> Vec<String> {
        let mut misses = Vec::new();
        if self.occupancy < demand.occupancy {
            misses.push(format!("occupancy {:.1} % < {:.0} %", self.occupancy * 100.0, demand.occupancy * 100.0));
        }
        if self.wait > demand.wait {
            misses.push(format!("wait {:.1} s > {:.0} s", self.wait, demand.wait));
        }
        if self.abandoned_worst_seed > demand.abandoned {
            misses.push(format!("abandoned {:.2} % > 3 %", self.abandoned_worst_seed * 100.0));
        }
        if self.worst_window > demand.worst {
            misses.push(format!("half hour {:.1} % > {:.0} %", self.worst_window * 100.0, demand.worst * 100.0));
        }
        if !self.is_conserved {
            misses.push("calls were lost".to_owned());
        }
        misses
    }
}

/// Runs the table's scenario for one of its rows.
pub fn acceptance(demand: &Demand, seeds: impl Iterator<Item = u64>) -> Row {
    Row::of(&Scenario::standard(demand.agents, 0.3, Dialling::Paced(Mode::Predictive)), seeds)
}

/// Writes rows as a table, with what was demanded beside each where there is a demand.
pub fn table(title: &str, rows: &[(Row, Option<&Demand>)]) -> String {
    let mut text = format!("{title}\n");
    text.push_str(
        "agents  occupancy       wait            abandoned  worst seed     worst half hour  talk/h   lines/talk\n",
    );
    for (row, demand) in rows {
        let beside = |text: Option<String>| text.unwrap_or_default();
        let percent = |value: f64| format!("{:.1} %", value * 100.0);
        let _ = writeln!(
            text,
            "{:>6}  {:>6} {:<8} {:>6} {:<8} {:>8}   {:>6} {:<7} {:>7} {:<8} {:>5.1} m  {:>6.2}  {}",
            row.agents,
            percent(row.occupancy),
            beside(demand.map(|demand| format!("≥ {:.0} %", demand.occupancy * 100.0))),
            format!("{:.1} s", row.wait),
            beside(demand.map(|demand| format!("≤ {:.0} s", demand.wait))),
            format!("{:.2} %", row.abandoned * 100.0),
            format!("{:.2} %", row.abandoned_worst_seed * 100.0),
            beside(demand.map(|demand| format!("≤ {:.0} %", demand.abandoned * 100.0))),
            percent(row.worst_window),
            beside(demand.map(|demand| format!("≤ {:.0} %", demand.worst * 100.0))),
            row.talk_minutes_per_hour,
            row.dials_per_talk,
            beside(demand.map(|demand| {
                let misses = row.misses(demand);
                if misses.is_empty() { "ok".to_owned() } else { misses.join(", ") }
            })),
        );
    }
    text
}
