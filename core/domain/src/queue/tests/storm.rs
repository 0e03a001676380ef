//! Ten thousand things that happen by chance to two queues which share their agents: what other systems are known to
//! get wrong stays right (agents stuck in a state, callers offered twice, agents offered twice, unfair order, callers
//! counted twice or not at all).

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::{Just, ProptestConfig, prop, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as Making,
};

use super::*;

/// Events in all; each of the runs makes its share of them.
const EVENTS: usize = 10_000;
const RUNS: u32 = 20;
const AGENTS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[derive(Clone, Debug)]
enum Happening {
    Join {
        queue: usize,
        priority: i64,
    },
    HangUp {
        caller: usize,
    },
    /// Somebody else picks the caller up.
    Taken {
        caller: usize,
    },
    /// Only so many agents serve the queue from now on.
    Serve {
        queue: usize,
        agents: usize,
    },
    Phone {
        at: usize,
        does: Phone,
    },
    Status {
        agent: usize,
        status: usize,
    },
    Presence {
        agent: usize,
        reachable: bool,
        elsewhere: bool,
    },
    Key {
        caller: usize,
        key: char,
    },
    Wait {
        millis: u64,
    },
}

/// What a phone that rings or talks does; `Silent` loses the news, as a crashed driver would.
#[derive(Clone, Copy, Debug)]
enum Phone {
    Answers,
    Fails(usize),
    HangsUp,
    Silent,
}

fn happening() -> impl Making<Value = Happening> {
    let phone = prop_oneof![
        5 => Just(Phone::Answers),
        3 => (0..CAUSES.len()).prop_map(Phone::Fails),
        3 => Just(Phone::HangsUp),
        1 => Just(Phone::Silent),
    ];
    prop_oneof![
        6 => (0..2_usize, 0..40_i64).prop_map(|(queue, priority)| Happening::Join { queue, priority }),
        3 => (0..64_usize).prop_map(|caller| Happening::HangUp { caller }),
        1 => (0..64_usize).prop_map(|caller| Happening::Taken { caller }),
        1 => (0..2_usize, 0..=AGENTS.len()).prop_map(|(queue, agents)| Happening::Serve { queue, agents }),
        12 => (0..64_usize, phone).prop_map(|(at, does)| Happening::Phone { at, does }),
        2 => (0..AGENTS.len(), 0..3_usize).prop_map(|(agent, status)| Happening::Status { agent, status }),
        2 => (0..AGENTS.len(), prop::bool::weighted(0.8), prop::bool::weighted(0.2))
            .prop_map(|(agent, reachable, elsewhere)| Happening::Presence { agent, reachable, elsewhere }),
        1 => (0..64_usize, prop::sample::select(vec!['0', '1', '5']))
            .prop_map(|(caller, key)| Happening::Key { caller, key }),
        6 => (0..40_000_u64).prop_map(|millis| Happening::Wait { millis }),
    ]
}

const CAUSES: [Cause; 4] = [Cause::NoAnswer, Cause::UserBusy, Cause::CallRejected, Cause::NoUserResponse];

/// Two queues, their agents, and the calls that are up.
struct Storm {
    queues: [Queue; 2],
    roster: Roster,
    now: Instant,
    live: BTreeSet<u128>,
    calls: u128,
    /// Phones that ring or talk: queue, call, agent.
    phones: BTreeMap<u64, (usize, CallId, String)>,
    talking: BTreeMap<u64, (usize, CallId, String)>,
    ledger: [Ledger; 2],
}

/// What a queue wrote down of its callers.
#[derive(Debug, Default)]
struct Ledger {
    /// Callers who joined, and in how many ways the wait of each ended.
    waits: BTreeMap<CallId, u32>,
    answered: u32,
    ended: u32,
    /// Promised calls back that were neither kept nor given up.
    promised: BTreeSet<CallId>,
}

impl Ledger {
    fn note(&mut self, fact: &Fact) {
        match fact.kind {
            FactKind::Joined => assert!(self.waits.insert(fact.call, 0).is_none(), "{fact:?}: counted twice"),
            FactKind::Answered | FactKind::Abandoned | FactKind::Overflowed(_) | FactKind::CallbackAsked => {
                let ends = self.waits.get_mut(&fact.call).unwrap_or_else(|| panic!("{fact:?}: never joined"));
                *ends += 1;
                assert_eq!(*ends, 1, "{fact:?}: the wait is over already");
                self.answered += u32::from(fact.kind == FactKind::Answered);
                if fact.kind == FactKind::CallbackAsked {
                    self.promised.insert(fact.call);
                }
            }
            FactKind::CallbackDone | FactKind::CallbackFailed => {
                assert!(self.promised.remove(&fact.call), "{fact:?}: never promised");
                self.answered += u32::from(fact.kind == FactKind::CallbackDone);
            }
            FactKind::Ended { .. } => {
                self.ended += 1;
                assert!(self.ended <= self.answered, "{fact:?}: nobody talked");
            }
            FactKind::Offered | FactKind::Missed(_) => {}
        }
    }

    /// Tells whether everything that began has ended, and how often: once.
    fn is_closed(&self) -> bool {
        self.waits.values().all(|ends| *ends == 1) && self.answered == self.ended && self.promised.is_empty()
    }
}

fn tiers(agents: usize) -> Vec<Tier> {
    let tiers = AGENTS.iter().take(agents).enumerate().map(|(at, agent)| {
        let at = u8::try_from(at).unwrap();
        Tier { agent: (*agent).to_owned(), level: 1 + at / 6, position: 1 + at % 6 }
    });
    tiers.collect()
}

impl Storm {
    fn new(strategies: [usize; 2], tier_rules: bool) -> Self {
        let now = start();
        let mut roster = Roster::new(now);
        for agent in AGENTS {
            roster.add(agent, Status::Available, Record::default());
            roster.set_presence(agent, true, false);
        }
        let queue = |id: i64, strategy: usize| {
            let mut settings = Settings {
                strategy: Strategy::ALL[strategy],
                max_wait: SECOND * 240,
                max_wait_with_no_agent: SECOND * 60,
                resume_within: SECOND * 30,
                exit_key: Some('0'),
                callback_key: Some('1'),
                announcements: Announcements { every: SECOND * 15, position: true, estimate: true },
                ..Settings::default()
            };
            settings.tier_rules.apply = tier_rules;
            settings.tier_rules.wait = SECOND * 20;
            Queue::new(id, settings, tiers(AGENTS.len()))
        };
        Self {
            queues: [queue(1, strategies[0]), queue(2, strategies[1])],
            roster,
            now,
            live: BTreeSet::new(),
            calls: 0,
            phones: BTreeMap::new(),
            talking: BTreeMap::new(),
            ledger: Default::default(),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Join { queue, priority } => {
                self.calls += 1;
                self.live.insert(self.calls);
                let join = Join {
                    call: call(self.calls),
                    number: format!("0901{:06}", self.calls % 50),
                    name: None,
                    priority,
                    started: self.now,
                };
                self.feed(queue, Input::Join(join));
            }
            Happening::HangUp { caller } => {
                let Some(number) = self.live.iter().copied().nth(caller % self.live.len().max(1)) else { return };
                self.hang_up(call(number));
            }
            Happening::Taken { caller } => {
                let Some(number) = self.live.iter().copied().nth(caller % self.live.len().max(1)) else { return };
                for queue in 0..2 {
                    self.feed(queue, Input::Taken { call: call(number) });
                }
            }
            Happening::Serve { queue, agents } => {
                let settings = Box::new(self.queues[queue].settings.clone());
                self.feed(queue, Input::Change { settings, tiers: tiers(agents) });
            }
            Happening::Phone { at, does } => self.phone(at, does),
            Happening::Status { agent, status } => {
                self.roster.set_status(AGENTS[agent], Status::ALL[status]);
                self.look();
            }
            Happening::Presence { agent, reachable, elsewhere } => {
                self.roster.set_presence(AGENTS[agent], reachable, elsewhere);
                self.look();
            }
            Happening::Key { caller, key } => {
                let Some(number) = self.live.iter().copied().nth(caller % self.live.len().max(1)) else { return };
                for queue in 0..2 {
                    self.feed(queue, Input::Key { call: call(number), key });
                }
            }
            Happening::Wait { millis } => self.wait(Duration::from_millis(millis)),
        }
    }

    fn phone(&mut self, at: usize, does: Phone) {
        if let Phone::HangsUp = does {
            let Some((&offer, &(queue, call, _))) = self.talking.iter().nth(at % self.talking.len().max(1)) else {
                return;
            };
            self.talking.remove(&offer);
            self.live.remove(&call.0.as_u128());
            return self.feed(queue, Input::Ended { offer });
        }
        let Some((&offer, &(queue, ..))) = self.phones.iter().nth(at % self.phones.len().max(1)) else { return };
        let Some(phone) = self.phones.remove(&offer) else { return };
        match does {
            Phone::Answers => {
                self.talking.insert(offer, phone);
                self.feed(queue, Input::Answered { offer });
            }
            Phone::Fails(cause) => self.feed(queue, Input::Failed { offer, cause: CAUSES[cause] }),
            Phone::Silent | Phone::HangsUp => {}
        }
    }

    fn hang_up(&mut self, call: CallId) {
        self.live.remove(&call.0.as_u128());
        self.phones.retain(|_, (_, of, _)| *of != call);
        self.talking.retain(|_, (_, of, _)| *of != call);
        for queue in 0..2 {
            self.feed(queue, Input::Left { call });
        }
    }

    fn look(&mut self) {
        for queue in 0..2 {
            self.feed(queue, Input::Look);
        }
    }

    fn wait(&mut self, length: Duration) {
        let until = self.now + length;
        loop {
            let due = self.queues.iter().filter_map(|queue| queue.next_timeout(&self.roster, self.now)).min();
            let Some(due) = due.filter(|due| *due <= until) else { break };
            self.now = due.max(self.now + Duration::from_millis(1));
            self.tick();
        }
        self.now = until;
        self.tick();
    }

    fn tick(&mut self) {
        for at in 0..2 {
            self.queues[at].handle_timeout(&mut self.roster, 3, self.now);
            self.perform(at);
        }
        self.look();
    }

    fn feed(&mut self, at: usize, input: Input) {
        self.queues[at].handle(input, &mut self.roster, 3, self.now);
        self.perform(at);
    }

    /// Does what the queue says, as a call's driver would.
    fn perform(&mut self, at: usize) {
        while let Some(output) = self.queues[at].poll() {
            match output {
                Output::Offer { offer, call, agent, .. } => {
                    assert!(
                        !self.phones.values().chain(self.talking.values()).any(|(_, _, other)| *other == agent),
                        "{agent} is offered a second caller"
                    );
                    assert!(
                        !self.phones.values().any(|(queue, of, _)| *of == call && *queue != at),
                        "{call} is offered by two queues"
                    );
                    self.phones.insert(offer, (at, call, agent));
                }
                Output::CallBack { offer, agent, .. } => {
                    assert!(
                        !self.phones.values().chain(self.talking.values()).any(|(_, _, other)| *other == agent),
                        "{agent} is to call somebody back beside another caller"
                    );
                    self.calls += 1;
                    self.live.insert(self.calls);
                    let placed = call(self.calls);
                    self.phones.insert(offer, (at, placed, agent));
                    self.queues[at].handle(Input::Placed { offer, call: placed }, &mut self.roster, 3, self.now);
                }
                Output::Withdraw { offer, .. } => {
                    self.phones.remove(&offer);
                }
                Output::Leave { call, .. } => {
                    self.live.remove(&call.0.as_u128());
                    self.phones.retain(|_, (_, of, _)| *of != call);
                }
                Output::Fact(fact) => self.ledger[at].note(&fact),
                Output::Announce { .. } | Output::Refuse { .. } | Output::Agent(_) => {}
            }
        }
        self.check_order(at);
    }

    /// Whoever is better placed is never passed over for an agent who would have been free for them.
    fn check_order(&self, at: usize) {
        let waiting = self.queues[at].waiting(self.now);
        let highest = |waited| {
            order::highest_level(&self.queues[at].settings.tier_rules, &self.queues[at].tiers, &self.roster, waited)
        };
        for caller in waiting.iter().filter(|caller| !caller.is_callback && caller.offered_to.is_empty()) {
            let open = highest(caller.waited);
            let free = self.queues[at]
                .tiers
                .iter()
                .find(|tier| tier.level <= open && self.roster.agent(&tier.agent).unwrap().is_free(self.now));
            assert!(free.is_none(), "a free agent is kept from {caller:?}");
        }
    }

    fn check_states(&self) {
        for (number, agent) in self.roster.iter() {
            match agent.activity {
                Activity::Ringing { queue, offer, .. } => {
                    let queue = &self.queues[usize::try_from(queue).unwrap() - 1];
                    assert!(queue.offers.get(&offer).is_some_and(|offer| !offer.is_off && offer.agent == number));
                }
                Activity::InCall { queue, offer, .. } => {
                    let queue = &self.queues[usize::try_from(queue).unwrap() - 1];
                    assert!(queue.talks.get(&offer).is_some_and(|talk| talk.agent == number));
                }
                Activity::Idle | Activity::WrapUp { .. } => {}
            }
        }
    }

    fn reap(&mut self) {
        for at in 0..2 {
            // What one queue sets up in the meantime is up for the other.
            let live = self.live.clone();
            self.queues[at].reap(|call| live.contains(&call.0.as_u128()), &mut self.roster, self.now);
            self.feed(at, Input::Look);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: RUNS, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_agent_is_stuck_or_offered_twice_whatever_happens(
        strategies in [0..8_usize, 0..8_usize],
        tier_rules: bool,
        happenings in prop::collection::vec(happening(), EVENTS / RUNS as usize),
    ) {
        let mut storm = Storm::new(strategies, tier_rules);
        for happening in happenings {
            storm.happen(happening);
            storm.check_states();
        }
        // Everybody hangs up, and the news of half of them is lost.
        for (at, number) in storm.live.clone().into_iter().enumerate() {
            if at % 2 == 0 {
                storm.hang_up(call(number));
            } else {
                storm.live.remove(&number);
            }
        }
        storm.phones.clear();
        storm.talking.clear();
        storm.reap();
        for at in 0..2 {
            storm.feed(at, Input::Close);
        }
        storm.reap();
        storm.wait(SECOND * 600);
        for agent in AGENTS {
            prop_assert_eq!(storm.roster.agent(agent).unwrap().activity, Activity::Idle, "{} is stuck", agent);
        }
        for queue in &storm.queues {
            prop_assert!(queue.is_quiet(), "{:?}", queue);
        }
        for ledger in &storm.ledger {
            prop_assert!(ledger.is_closed(), "{:?}", ledger);
        }
    }
}
