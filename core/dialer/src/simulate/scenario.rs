//! What is simulated.

use super::chance::Time;
use crate::pacing::Mode;

/// What decides how many calls go out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dialling {
    /// The dialer of this crate.
    Paced(Mode),
    /// So many lines ring for each agent who is there, whatever happens: the negative control.
    Ratio(f64),
    /// Answers arrive by themselves, independent of each other: what queueing theory has formulas for.
    Arrivals { per_second: f64 },
}

/// From `at` on, the share of calls that people answer is multiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub at: f64,
    pub factor: f64,
}

/// Some agents leave for a while: those of every `of` whose turn is `which`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leave {
    pub at: f64,
    pub seconds: f64,
    pub of: u64,
    pub which: u64,
}

/// A shift. Times are in seconds, shares in 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub agents: u32,
    pub seconds: f64,
    pub dialling: Dialling,
    /// Of the abandon rate.
    pub limit: f64,
    /// Whether the governor stands over the pace.
    pub governed: bool,
    /// What becomes of calls; the rest is never answered.
    pub human: f64,
    pub machine: f64,
    pub busy: f64,
    pub failed: f64,
    pub step: Option<Step>,
    /// From dialling to an answer.
    pub ring: Time,
    /// What goes by before it rings, and how long it may ring.
    pub setup: f64,
    pub ring_timeout: f64,
    /// What the carrier adds before anything happens.
    pub extra_setup: f64,
    pub talk: Time,
    pub wrap: Time,
    pub patience: f64,
    /// The share of people whom a machine detection takes for machines.
    pub false_machine: f64,
    /// Lines that the trunks have.
    pub lines: u32,
    /// Agents sign in one after another within this time.
    pub login_ramp: f64,
    pub leaves: Vec<Leave>,
}

impl Scenario {
    /// Returns the shift that the dialer is measured by: eight hours with so many agents, of whose calls `human` are
    /// answered by people.
    pub fn standard(agents: u32, human: f64, dialling: Dialling) -> Self {
        Self {
            agents,
            seconds: 8.0 * 3_600.0,
            dialling,
            limit: 0.03,
            governed: true,
            human,
            machine: 0.1,
            busy: 0.1,
            failed: 0.1,
            step: None,
            ring: Time::Ring { fixed: 2.0, mean: 9.0, sigma: 0.5 },
            setup: 2.0,
            ring_timeout: 25.0,
            extra_setup: 0.0,
            talk: Time::Either { chance: 0.35, first: 20.0, second: 150.0 },
            wrap: Time::Fixed(20.0),
            patience: Self::patience_of_the_house(),
            false_machine: 0.0,
            lines: u32::MAX,
            login_ramp: 0.0,
            leaves: Vec::new(),
        }
    }

    /// Returns the share of calls that are answered by people if they are placed then.
    pub(super) fn human_at(&self, seconds: f64) -> f64 {
        match self.step {
            Some(step) if seconds >= step.at => self.human * step.factor,
            _ => self.human,
        }
    }
}
