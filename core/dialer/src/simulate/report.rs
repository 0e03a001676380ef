//! What a shift came to.

/// What the worst abandon rate is looked for in, in seconds.
pub const WINDOW: f64 = 1_800.0;

/// The figures of one shift.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub seconds: f64,
    pub dials: u64,
    /// People who answered.
    pub live: u64,
    pub passed: u64,
    pub abandoned: u64,
    /// Calls that ended without a person.
    pub others: u64,
    /// Calls that still rang, and people who waited, when the shift was over.
    pub in_flight: u64,
    pub undecided: u64,
    /// Milliseconds that agents were there, talked and wrapped up, all together.
    pub there: u64,
    pub talked: u64,
    pub wrapped: u64,
    pub most_lines: u32,
    /// For each call that an agent got, how many seconds they had waited for it.
    pub waits: Vec<f64>,
    /// For each such call, how long the callee had waited for the agent, in milliseconds.
    pub delays: Vec<u64>,
    /// Passed and abandoned in each [`WINDOW`].
    windows: Vec<(u64, u64)>,
}

impl Report {
    pub(super) fn connected(&mut self, answered: u64, now: u64) {
        self.passed += 1;
        self.delays.push(now - answered);
        self.window(now).0 += 1;
    }

    pub(super) fn abandoned(&mut self, now: u64) {
        self.abandoned += 1;
        self.window(now).1 += 1;
    }

    fn window(&mut self, now: u64) -> &mut (u64, u64) {
        let at = (now as f64 / 1_000.0 / WINDOW) as usize;
        if self.windows.len() <= at {
            self.windows.resize(at + 1, (0, 0));
        }
        &mut self.windows[at]
    }

    /// Returns the abandon rate of the shift: abandoned ÷ (abandoned + passed).
    pub fn abandon_rate(&self) -> f64 {
        share(self.abandoned, self.passed)
    }

    /// Returns the worst abandon rate of any [`WINDOW`] of the shift.
    pub fn worst_window(&self) -> f64 {
        self.windows.iter().map(|(passed, abandoned)| share(*abandoned, *passed)).fold(0.0, f64::max)
    }

    /// Returns the share of their time that agents talked or wrapped up.
    pub fn occupancy(&self) -> f64 {
        if self.there == 0 { 0.0 } else { (self.talked + self.wrapped) as f64 / self.there as f64 }
    }

    /// Returns the mean time that a free agent waited for a call, in seconds.
    pub fn mean_wait(&self) -> f64 {
        if self.waits.is_empty() { 0.0 } else { self.waits.iter().sum::<f64>() / self.waits.len() as f64 }
    }

    /// Returns the minutes that agents talk in an hour.
    pub fn talk_minutes_per_hour(&self) -> f64 {
        if self.there == 0 { 0.0 } else { self.talked as f64 / self.there as f64 * 60.0 }
    }

    /// Says whether every call that was placed is accounted for.
    pub const fn is_conserved(&self) -> bool {
        self.dials == self.live + self.others + self.in_flight
            && self.live == self.passed + self.abandoned + self.undecided
    }
}

fn share(part: u64, rest: u64) -> f64 {
    if part + rest == 0 { 0.0 } else { part as f64 / (part + rest) as f64 }
}
