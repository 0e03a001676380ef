//! How many calls to place now, so that agents wait little and nobody who answers waits for an agent.
//!
//! ```text
//!            Placed                Answered            Connected
//!  (lead) ──────────▶ ringing ───────────────▶ waiting ──────────▶ (talks)
//!                        │ Ended                  │ Abandoned: nobody was free within 2 s
//!                        ▼                        ▼
//!                     (over)                   (over)
//!
//!            Connected        WrapUp            Free
//!  (free) ──────────▶ talking ──────▶ wrapping ──────▶ (free)      Away: out of it, from any of them
//! ```
//!
//! A [`Pacer`] is told what happens and answers [`Pacer::place`] at any time; it is a pure function of what it was told.
//! Time is what has passed since an origin of the owner's choice.
//!
//! In predictive mode it looks at some moments ahead. For each, A counts the answers that calls in flight will have
//! brought [`PATIENCE`] before, F the agents who will be free by then, and E[(A-F)⁺] is how many answers find nobody.
//! Both distributions are exact, their chances learnt from the campaign itself (`answers`, `handling`). One more call is
//! placed while what it adds to that, at the worst of the moments, is at most α times its own chance of an answer. To
//! ask for what one call adds, at several moments, spends the abandoned calls that are allowed where they gain most:
//! with 10 agents that is 84 % occupancy instead of 78 % for the quotient `E[(A-F)⁺] ÷ E[A]` at the mean time to answer.
//!
//! α is no setting: every live answer that reaches an agent raises it a little and every abandoned one lowers it a lot,
//! in such a proportion that it stands still where the abandon rate is just below the limit, whatever the model gets
//! wrong. Over it all stands the [`Governor`].

mod answers;
mod governor;
mod handling;
pub mod lines;
mod odds;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use answers::{Answers, Place};
pub use governor::{Answered, Governor, Measure, Rule, Window};
use handling::Handling;
use odds::{Count, Shortage};

/// Within this an answer has to reach an agent, or it is abandoned.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The shortest time that a call has to ring before it may be called off without counting as abandoned.
pub const LEAST_RING: Duration = Duration::from_secs(15);

/// Before any call is risked, so many live answers, ...
const LIVE_AT_FIRST: u64 = 20;
/// ... so much time since the first call, ...
const TIME_AT_FIRST: Duration = Duration::from_secs(60);
/// ... and so many calls whose end is known.
const COHORTS_AT_FIRST: u64 = 40;
/// How strongly one live answer moves α.
const STEP: f64 = 0.01;
/// The share of the limit that is aimed at.
const AIM: f64 = 0.92;
/// Where α begins and between what it is held.
const ALPHA_FIRST: f64 = 0.02;
const ALPHA: (f64, f64) = (0.001, 0.6);
/// Calls at a time for one agent who is there, whatever the figures say.
const LINES_FOR_ONE: u32 = 12;
/// The moments ahead that are looked at, in seconds.
const AHEAD: &[f64] = &[5.0, 8.0, 11.0, 15.0, 24.0];
/// Between two looks at how long those who work have been at it.
const REDRAW: Duration = Duration::from_secs(5);

/// How calls come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Agents dial by themselves.
    Manual,
    /// An agent sees a lead, and it is dialled.
    Preview,
    /// A call for every free agent.
    Progressive,
    /// Calls for agents who are about to be free.
    Predictive,
}

impl Mode {
    pub const ALL: &'static [Self] = &[Self::Manual, Self::Preview, Self::Progressive, Self::Predictive];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Preview => "preview",
            Self::Progressive => "progressive",
            Self::Predictive => "predictive",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == name)
    }
}

/// What a campaign is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    pub mode: Mode,
    /// The share of live answers that may be abandoned: 0.03 is three in a hundred. What is aimed at follows from it;
    /// what is kept to is in `rules`.
    pub limit: f64,
    pub rules: Vec<Rule>,
    pub ring_timeout: Duration,
}

impl Settings {
    /// Returns the settings of a campaign with one limit, for its day.
    pub fn new(mode: Mode, limit: f64, ring_timeout: Duration) -> Self {
        Self { mode, limit, rules: vec![Rule::of_the_day(limit)], ring_timeout }
    }
}

/// What happened. News of calls that are not known is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// An agent is there and has nothing to do.
    Free { agent: u64 },
    /// An agent does something else: a pause, a call of another campaign or queue, gone.
    Away { agent: u64 },
    /// A call went out.
    Placed { call: u64 },
    /// A person answered, or what may be one; until `Connected` or `Abandoned` they wait.
    Answered { call: u64 },
    /// A call ended without a person: busy, refused, a machine, nobody, called off.
    Ended { call: u64 },
    /// The one who answered is passed to an agent.
    Connected { call: u64, agent: u64 },
    /// The one who answered got no agent within [`PATIENCE`], or hung up before.
    Abandoned { call: u64 },
    /// The talk is over, the agent writes it up.
    WrapUp { agent: u64 },
}

/// What is there to place calls with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Calls that trunks, carriers and the node have room for at this moment.
    pub lines: u32,
    /// Callers who wait for the same agents in queues: they come first.
    pub queued: u32,
}

impl Room {
    pub const ENDLESS: Self = Self { lines: u32::MAX, queued: 0 };
}

/// Why no more calls are placed than are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// One more would risk too much.
    Pace,
    /// The mode places a call for each free agent, and each has one.
    NoAgentFree,
    /// Nobody is there.
    NoAgents,
    /// Too little is known yet to predict anything.
    Learning,
    /// A rule of the abandon rate is used up.
    Governor(&'static str),
    /// There is no room for more lines.
    Lines,
    /// Agents dial by themselves.
    Agents,
}

impl Why {
    /// Returns the word that reports and the console show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pace => "pace",
            Self::NoAgentFree => "no_agent_free",
            Self::NoAgents => "no_agents",
            Self::Learning => "learning",
            Self::Governor(_) => "abandon_rate",
            Self::Lines => "no_lines",
            Self::Agents => "agent_dials",
        }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Calls to place.
    pub dial: u32,
    /// Leads to show to free agents who have none, in preview mode.
    pub offer: u32,
    /// What holds back any more.
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Free,
    Talks,
    WrapsUp,
}

#[derive(Clone, Copy, Debug)]
struct Agent {
    work: Work,
    since: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Ringing {
    placed: Duration,
    place: Place,
}

/// The pace of one campaign.
#[derive(Debug)]
pub struct Pacer {
    settings: Settings,
    governor: Governor,
    answers: Answers,
    handling: Handling,
    agents: BTreeMap<u64, Agent>,
    ringing: BTreeMap<u64, Ringing>,
    waiting: BTreeSet<u64>,
    alpha: f64,
    live: u64,
    first: Option<Duration>,
    drawn: Option<Duration>,
    learnt: u64,
}

impl Pacer {
    pub fn new(settings: Settings) -> Self {
        Self {
            governor: Governor::new(settings.rules.clone()),
            answers: Answers::new(settings.ring_timeout),
            handling: Handling::new(AHEAD),
            settings,
            agents: BTreeMap::new(),
            ringing: BTreeMap::new(),
            waiting: BTreeSet::new(),
            alpha: ALPHA_FIRST,
            live: 0,
            first: None,
            drawn: None,
            learnt: 0,
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input, now: Duration) {
        match input {
            Input::Free { agent } => self.turns_to(agent, Work::Free, now),
            Input::WrapUp { agent } => self.turns_to(agent, Work::WrapsUp, now),
            Input::Away { agent } => {
                if let Some(before) = self.agents.remove(&agent) {
                    self.learn(before, now);
                }
            }
            Input::Placed { call } => {
                self.first.get_or_insert(now);
                if !self.ringing.contains_key(&call) {
                    let place = self.answers.placed(now);
                    self.ringing.insert(call, Ringing { placed: now, place });
                }
            }
            Input::Answered { call } => {
                if let Some(ringing) = self.ringing.remove(&call) {
                    self.answers.ended(ringing.place, true, now);
                    self.waiting.insert(call);
                }
            }
            Input::Ended { call } => {
                if let Some(ringing) = self.ringing.remove(&call) {
                    self.answers.ended(ringing.place, false, now);
                }
            }
            Input::Connected { call, agent } => {
                if self.waiting.remove(&call) {
                    self.live += 1;
                    self.governor.passed(now);
                    self.tune(STEP);
                }
                self.turns_to(agent, Work::Talks, now);
            }
            Input::Abandoned { call } => {
                if self.waiting.remove(&call) {
                    self.live += 1;
                    self.governor.abandoned(now);
                    let aim = self.limit() * AIM;
                    self.tune(if aim > 0.0 { -STEP * (1.0 - aim) / aim } else { f64::NEG_INFINITY });
                }
            }
        }
    }

    /// Says how many calls to place now. Whoever places them says so by [`Input::Placed`], each.
    pub fn place(&mut self, room: Room, now: Duration) -> Placement {
        self.answers.ripen(now);
        self.redraw(now);
        let one_to_one = self.one_to_one(room.queued);
        let (wanted, why) = match self.settings.mode {
            Mode::Manual => (0, Why::Agents),
            Mode::Preview => return Placement { dial: 0, offer: one_to_one.min(room.lines), why: Why::Agents },
            _ if self.agents.is_empty() => (0, Why::NoAgents),
            Mode::Progressive => (one_to_one, Why::NoAgentFree),
            Mode::Predictive => self.predict(one_to_one, room, now),
        };
        let dial = wanted.min(room.lines);
        Placement { dial, offer: 0, why: if dial < wanted { Why::Lines } else { why } }
    }

    /// Changes the settings. What was learnt stays, unless calls ring another time now, and rules keep the counts of
    /// the rule that had their name.
    pub fn change(&mut self, settings: Settings, now: Duration) {
        let mut governor = Governor::new(settings.rules.clone());
        for rule in &settings.rules {
            if let Some(before) = self.governor.answered(rule.name, now) {
                governor.restore(rule.name, before, now);
            }
        }
        if settings.ring_timeout != self.settings.ring_timeout {
            // Other calls ring another time: what is known of their ends is not known any more.
            self.answers = Answers::new(settings.ring_timeout);
            for ringing in self.ringing.values_mut() {
                ringing.place = self.answers.placed(ringing.placed);
            }
        }
        self.governor = governor;
        self.settings = settings;
    }

    /// Returns the limits and how much of each is used.
    pub const fn governor(&self) -> &Governor {
        &self.governor
    }

    /// Gives the limits over, to take in what an earlier run counted or to begin a new day.
    pub const fn governor_mut(&mut self) -> &mut Governor {
        &mut self.governor
    }

    /// Returns the calls that ring.
    pub fn ringing(&self) -> usize {
        self.ringing.len()
    }

    /// Says whether a free agent may leave without leaving an answer behind that was dialled for them. In progressive
    /// mode a pause takes effect when this is so, and nobody is ever abandoned.
    pub fn may_leave(&self) -> bool {
        self.settings.mode == Mode::Predictive || self.free() > self.ringing.len() + self.waiting.len()
    }

    fn limit(&self) -> f64 {
        odds::chance(self.settings.limit)
    }

    fn free(&self) -> usize {
        self.agents.values().filter(|agent| agent.work == Work::Free).count()
    }

    /// One call for each free agent who has none.
    fn one_to_one(&self, queued: u32) -> u32 {
        let claimed = self.ringing.len() + self.waiting.len() + queued as usize;
        u32::try_from(self.free().saturating_sub(claimed)).unwrap_or(u32::MAX)
    }

    fn turns_to(&mut self, agent: u64, work: Work, now: Duration) {
        let turned = self.agents.insert(agent, Agent { work, since: now });
        if let Some(before) = turned {
            if before.work == work {
                self.agents.insert(agent, before);
            } else {
                self.learn(before, now);
            }
        }
    }

    /// Learns from what an agent did until now.
    fn learn(&mut self, before: Agent, now: Duration) {
        let took = now.saturating_sub(before.since);
        match before.work {
            Work::Free => return,
            Work::Talks => self.handling.talked(took),
            Work::WrapsUp => self.handling.wrapped_up(took),
        }
        self.learnt += 1;
    }

    fn redraw(&mut self, now: Duration) {
        let due = self.drawn.is_none_or(|drawn| now.saturating_sub(drawn) >= REDRAW);
        if !due || self.learnt == 0 {
            return;
        }
        self.drawn = Some(now);
        self.learnt = 0;
        let at_work = |work| {
            let those = self.agents.values().filter(move |agent| agent.work == work);
            those.map(|agent| now.saturating_sub(agent.since))
        };
        self.handling.draw(at_work(Work::Talks), at_work(Work::WrapsUp));
    }

    fn tune(&mut self, by: f64) {
        self.alpha = (self.alpha * by.exp()).clamp(ALPHA.0, ALPHA.1);
    }

    /// Says how many calls may be placed at some risk, and what stops the next one.
    fn predict(&self, one_to_one: u32, room: Room, now: Duration) -> (u32, Why) {
        if self.agents.len() <= 1 || self.limit() <= 0.0 {
            return (one_to_one, Why::NoAgentFree);
        }
        let young = self.first.is_none_or(|first| now.saturating_sub(first) < TIME_AT_FIRST);
        if young || self.live < LIVE_AT_FIRST || self.answers.finished() < COHORTS_AT_FIRST {
            return (one_to_one, Why::Learning);
        }
        if let Err(rule) = self.governor.admits(0.0, now) {
            return (one_to_one, Why::Governor(rule));
        }
        let owed = (self.waiting.len() + room.queued as usize) as i64 - self.free() as i64;
        let mut moments: Vec<Moment> = (0..AHEAD.len()).map(|ahead| self.moment(ahead, owed, now)).collect();
        let likely = self.answers.likely(Duration::ZERO);
        let most = u32::try_from(self.agents.len()).unwrap_or(u32::MAX).saturating_mul(LINES_FOR_ONE);
        let most = most.saturating_sub(u32::try_from(self.ringing.len()).unwrap_or(u32::MAX)).min(room.lines);
        let mut placed = 0;
        let why = loop {
            if placed >= most {
                break Why::Lines;
            }
            let risks = moments.iter().map(Moment::risk);
            let (at_risk, more) = risks.fold((0.0, 0.0), |(a, b), (c, d)| (f64::max(a, c), f64::max(b, d)));
            if let Err(rule) = self.governor.admits(at_risk, now) {
                break Why::Governor(rule);
            }
            if more > self.alpha * likely {
                break Why::Pace;
            }
            moments.iter_mut().for_each(|moment| moment.answers.add(moment.likely));
            placed += 1;
        };
        // What one to one allows is never a risk, and never less than this.
        if one_to_one > placed { (one_to_one, Why::NoAgentFree) } else { (placed, why) }
    }

    fn moment(&self, ahead: usize, owed: i64, now: Duration) -> Moment {
        let mut free = Count::new();
        for agent in self.agents.values() {
            let age = now.saturating_sub(agent.since);
            match agent.work {
                Work::Free => {}
                Work::Talks => free.add(self.handling.talker_frees(age, ahead)),
                Work::WrapsUp => free.add(self.handling.wrapper_frees(age, ahead)),
            }
        }
        let within = AHEAD[ahead] - PATIENCE.as_secs_f64();
        let mut answers = Count::new();
        for ringing in self.ringing.values() {
            answers.add(self.answers.within(now.saturating_sub(ringing.placed), within));
        }
        Moment { shortage: Shortage::new(&free, owed), answers, likely: self.answers.within(Duration::ZERO, within) }
    }
}

/// A moment ahead: who will have answered [`PATIENCE`] before it, against who will be free by then.
struct Moment {
    shortage: Shortage,
    answers: Count,
    /// The chance that a call which is placed now is among the answers.
    likely: f64,
}

impl Moment {
    /// Returns how many answers fall short on the average, and by how much one more call adds to it.
    fn risk(&self) -> (f64, f64) {
        let (now, one_more) = self.shortage.of(&self.answers);
        (now, self.likely * (one_more - now))
    }
}
