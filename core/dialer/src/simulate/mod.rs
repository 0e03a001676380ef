//! A contact centre on virtual time: what a dialer does with agents and with those who are called.
//!
//! A discrete-event simulation. The dialer in it is the [`Pacer`] that the engine turns, told the same inputs; only
//! agents, carrier and callees are made up, from a [`Scenario`] and a seed.

mod acceptance;
mod chance;
mod report;
mod scenario;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_table;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    time::Duration,
};

pub use acceptance::{Demand, LIMITS, Row, SEEDS, acceptance, table};
pub use chance::{Chance, Time};
pub use report::{Report, WINDOW};
pub use scenario::{Dialling, Leave, Scenario, Step};

use crate::pacing::{Input, Mode, PATIENCE, Pacer, Room, Settings};

/// Between two looks at the pace when nothing happens.
const TICK: u64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The dialer looks.
    Tick,
    /// A call is answered by a person.
    Answered {
        call: u64,
    },
    /// A call ends without one.
    Ended {
        call: u64,
    },
    /// One who waits is abandoned, unless an agent took them.
    OutOfPatience {
        call: u64,
    },
    TalkOver {
        agent: u64,
    },
    WrapOver {
        agent: u64,
    },
    /// An agent would like to leave, and to be back.
    Leaves {
        agent: u64,
    },
    Returns {
        agent: u64,
    },
    /// An answer from outside of the dialer's doing.
    Arrives,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free { since: u64 },
    Talks { since: u64 },
    WrapsUp { since: u64 },
    Away,
}

struct Agent {
    state: State,
    wants_away: bool,
    there_since: u64,
}

/// One run.
struct Centre<'a> {
    scenario: &'a Scenario,
    chance: Chance,
    pacer: Pacer,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    agents: BTreeMap<u64, Agent>,
    /// Who is free, longest first.
    free: VecDeque<u64>,
    /// Who answered and waits, in order, with the time of the answer.
    waiting: VecDeque<(u64, u64)>,
    ringing: BTreeSet<u64>,
    calls: u64,
    report: Report,
}

/// Runs a shift and reports it. The same scenario and seed give the same report.
pub fn run(scenario: &Scenario, seed: u64) -> Report {
    let mode = match scenario.dialling {
        Dialling::Paced(mode) => mode,
        Dialling::Ratio(_) | Dialling::Arrivals { .. } => Mode::Manual,
    };
    let ring_timeout = Duration::from_secs_f64(scenario.ring_timeout);
    let mut settings = Settings::new(mode, scenario.limit, ring_timeout);
    if !scenario.governed {
        settings.rules.clear();
    }
    let mut centre = Centre {
        scenario,
        chance: Chance::new(seed),
        pacer: Pacer::new(settings),
        now: 0,
        events: BinaryHeap::new(),
        sequence: 0,
        agents: BTreeMap::new(),
        free: VecDeque::new(),
        waiting: VecDeque::new(),
        ringing: BTreeSet::new(),
        calls: 0,
        report: Report::default(),
    };
    centre.open();
    let end = millis(scenario.seconds);
    while let Some(Reverse((at, _, event))) = centre.events.pop() {
        if at > end {
            break;
        }
        centre.now = at;
        centre.turn(event);
    }
    centre.now = end;
    centre.close();
    centre.report
}

impl Centre<'_> {
    fn open(&mut self) {
        for agent in 0..u64::from(self.scenario.agents) {
            self.agents.insert(agent, Agent { state: State::Away, wants_away: false, there_since: 0 });
            let comes = self.scenario.login_ramp * agent as f64 / f64::from(self.scenario.agents);
            self.later(comes, Event::Returns { agent });
            for leave in &self.scenario.leaves {
                if agent % leave.of == leave.which {
                    self.later(leave.at, Event::Leaves { agent });
                    self.later(leave.at + leave.seconds, Event::Returns { agent });
                }
            }
        }
        match self.scenario.dialling {
            Dialling::Arrivals { per_second } => self.next_arrival(per_second),
            Dialling::Paced(_) | Dialling::Ratio(_) => self.later(0.0, Event::Tick),
        }
    }

    fn turn(&mut self, event: Event) {
        match event {
            Event::Tick => {
                self.later(TICK as f64 / 1_000.0, Event::Tick);
                self.dial();
            }
            Event::Answered { call } => self.answered(call),
            Event::Ended { call } => {
                self.ringing.remove(&call);
                self.report.others += 1;
                self.tell(Input::Ended { call });
            }
            Event::OutOfPatience { call } => self.out_of_patience(call),
            Event::TalkOver { agent } => self.talk_over(agent),
            Event::WrapOver { agent } => self.wrap_over(agent),
            Event::Leaves { agent } => self.leaves(agent),
            Event::Returns { agent } => self.returns(agent),
            Event::Arrives => {
                if let Dialling::Arrivals { per_second } = self.scenario.dialling {
                    self.next_arrival(per_second);
                }
                let call = self.place();
                self.answered(call);
            }
        }
    }

    fn next_arrival(&mut self, per_second: f64) {
        let wait = self.chance.exponential(1.0 / per_second);
        self.later(wait, Event::Arrives);
    }

    fn dial(&mut self) {
        let now = self.time();
        let busy_lines = self.ringing.len() + self.waiting.len() + self.talking();
        let room = self.scenario.lines.saturating_sub(u32::try_from(busy_lines).unwrap_or(u32::MAX));
        let wanted = match self.scenario.dialling {
            Dialling::Paced(_) => self.pacer.place(Room { lines: room, queued: 0 }, now).dial,
            Dialling::Ratio(level) => {
                let there = self.agents.values().filter(|agent| agent.state != State::Away).count();
                let lines = (level * there as f64) as usize;
                u32::try_from(lines.saturating_sub(self.ringing.len())).unwrap_or(u32::MAX)
            }
            Dialling::Arrivals { .. } => 0,
        };
        for _ in 0..wanted.min(room) {
            let call = self.place();
            self.decide(call);
        }
        self.report.most_lines = self.report.most_lines.max(busy_lines as u32 + wanted.min(room));
    }

    fn place(&mut self) -> u64 {
        self.calls += 1;
        self.report.dials += 1;
        self.ringing.insert(self.calls);
        self.tell(Input::Placed { call: self.calls });
        self.calls
    }

    /// Decides what becomes of a call, and when.
    fn decide(&mut self, call: u64) {
        let scenario = self.scenario;
        let human = scenario.human_at(self.now as f64 / 1_000.0);
        let mut draw = self.chance.unit();
        let mut is = |share: f64| {
            draw -= share;
            draw < 0.0
        };
        let (after, event) = if is(human) {
            (scenario.ring.draw(&mut self.chance), Event::Answered { call })
        } else if is(scenario.machine) {
            (scenario.ring.draw(&mut self.chance), Event::Ended { call })
        } else if is(scenario.busy + scenario.failed) {
            (2.0, Event::Ended { call })
        } else {
            (f64::INFINITY, Event::Ended { call })
        };
        let longest = scenario.setup + scenario.ring_timeout;
        if after >= longest {
            return self.later(scenario.extra_setup + longest, Event::Ended { call });
        }
        // Whom the machine detection takes for one of its own hears nothing: abandoned, however free the agents are.
        if matches!(event, Event::Answered { .. }) && self.chance.unit() < scenario.false_machine {
            return self.later(scenario.extra_setup + after, Event::Answered { call: call | DROPPED });
        }
        self.later(scenario.extra_setup + after, event);
    }

    fn answered(&mut self, call: u64) {
        let dropped = call & DROPPED != 0;
        let call = call & !DROPPED;
        self.ringing.remove(&call);
        self.report.live += 1;
        self.tell(Input::Answered { call });
        self.waiting.push_back((call, self.now));
        if dropped {
            return self.out_of_patience(call);
        }
        self.join();
        if self.waiting.iter().any(|(waits, _)| *waits == call) {
            if self.scenario.patience <= 0.0 {
                return self.out_of_patience(call);
            }
            self.later(self.scenario.patience, Event::OutOfPatience { call });
        }
    }

    /// Brings those who wait and those who are free together.
    fn join(&mut self) {
        while let (Some((call, answered)), Some(agent)) = (self.waiting.front().copied(), self.free.front().copied()) {
            self.waiting.pop_front();
            self.free.pop_front();
            let talk = self.scenario.talk.draw(&mut self.chance);
            if let Some(at) = self.agents.get_mut(&agent) {
                if let State::Free { since } = at.state {
                    self.report.waits.push((self.now - since) as f64 / 1_000.0);
                }
                at.state = State::Talks { since: self.now };
            }
            self.report.connected(answered, self.now);
            self.tell(Input::Connected { call, agent });
            self.later(talk, Event::TalkOver { agent });
        }
    }

    fn out_of_patience(&mut self, call: u64) {
        let Some(at) = self.waiting.iter().position(|(waits, _)| *waits == call) else { return };
        self.waiting.remove(at);
        self.report.abandoned(self.now);
        self.tell(Input::Abandoned { call });
    }

    fn talk_over(&mut self, agent: u64) {
        let wrap = self.scenario.wrap.draw(&mut self.chance);
        let Some(at) = self.agents.get_mut(&agent) else { return };
        if let State::Talks { since } = at.state {
            self.report.talked += self.now - since;
            at.state = State::WrapsUp { since: self.now };
            self.tell(Input::WrapUp { agent });
            self.later(wrap, Event::WrapOver { agent });
        }
    }

    fn wrap_over(&mut self, agent: u64) {
        let Some(at) = self.agents.get_mut(&agent) else { return };
        let State::WrapsUp { since } = at.state else { return };
        self.report.wrapped += self.now - since;
        at.state = State::Free { since: self.now };
        if at.wants_away {
            at.wants_away = false;
            return self.goes(agent);
        }
        self.is_free(agent);
    }

    fn is_free(&mut self, agent: u64) {
        self.free.push_back(agent);
        self.tell(Input::Free { agent });
        self.join();
        if matches!(self.scenario.dialling, Dialling::Paced(_)) {
            self.dial();
        }
    }

    fn leaves(&mut self, agent: u64) {
        let Some(at) = self.agents.get_mut(&agent) else { return };
        match at.state {
            State::Free { .. } if self.pacer.may_leave() => {
                self.free.retain(|free| *free != agent);
                self.goes(agent);
            }
            State::Away => {}
            _ => at.wants_away = true,
        }
    }

    fn goes(&mut self, agent: u64) {
        if let Some(at) = self.agents.get_mut(&agent) {
            at.state = State::Away;
            self.report.there += self.now - at.there_since;
        }
        self.tell(Input::Away { agent });
    }

    fn returns(&mut self, agent: u64) {
        let now = self.now;
        let Some(at) = self.agents.get_mut(&agent) else { return };
        at.wants_away = false;
        if at.state == State::Away {
            *at = Agent { state: State::Free { since: now }, wants_away: false, there_since: now };
            self.is_free(agent);
        }
    }

    fn talking(&self) -> usize {
        self.agents.values().filter(|agent| matches!(agent.state, State::Talks { .. })).count()
    }

    fn close(&mut self) {
        for agent in self.agents.values() {
            if agent.state != State::Away {
                self.report.there += self.now - agent.there_since;
            }
            match agent.state {
                State::Talks { since } => self.report.talked += self.now - since,
                State::WrapsUp { since } => self.report.wrapped += self.now - since,
                State::Free { .. } | State::Away => {}
            }
        }
        self.report.in_flight = self.ringing.len() as u64;
        self.report.undecided = self.waiting.len() as u64;
        self.report.seconds = self.scenario.seconds;
    }

    fn later(&mut self, seconds: f64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((self.now.saturating_add(millis(seconds)), self.sequence, event)));
    }

    fn tell(&mut self, input: Input) {
        if matches!(self.scenario.dialling, Dialling::Paced(_)) {
            self.pacer.handle(input, self.time());
        }
    }

    const fn time(&self) -> Duration {
        Duration::from_millis(self.now)
    }
}

/// Marks an answer that the machine detection will drop.
const DROPPED: u64 = 1 << 63;

fn millis(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1_000.0).round() as u64
}

impl Scenario {
    /// Returns how long an answered call is held for an agent in the scenario of the house.
    pub const fn patience_of_the_house() -> f64 {
        PATIENCE.as_secs() as f64
    }
}
