//! Queues by example, and by chance.

mod storm;

use uuid::Uuid;

use super::*;
use crate::agent::{Record, Status};

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "any moment will do to begin with")]
fn start() -> Instant {
    Instant::now()
}

fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

/// A queue with its account's agents, on a clock that the test moves.
struct Scene {
    queue: Queue,
    roster: Roster,
    now: Instant,
    said: Vec<Output>,
}

impl Scene {
    fn new(settings: Settings, agents: &[(&str, u8, u8)]) -> Self {
        let now = start();
        let mut roster = Roster::new(now);
        let tiers = agents.iter().map(|(agent, level, position)| {
            roster.add(agent, Status::Available, Record::default());
            roster.set_presence(agent, true, false);
            Tier { agent: (*agent).to_owned(), level: *level, position: *position }
        });
        let tiers = tiers.collect();
        Self { queue: Queue::new(1, settings, tiers), roster, now, said: Vec::new() }
    }

    fn feed(&mut self, input: Input) {
        self.queue.handle(input, &mut self.roster, 7, self.now);
        self.collect();
    }

    fn wait(&mut self, seconds: u64) {
        let until = self.now + SECOND * u32::try_from(seconds).unwrap();
        while let Some(next) = self.queue.next_timeout(&self.roster, self.now).filter(|next| *next <= until) {
            self.now = next.max(self.now + Duration::from_millis(1));
            self.queue.handle_timeout(&mut self.roster, 7, self.now);
            self.collect();
        }
        self.now = until;
        self.queue.handle_timeout(&mut self.roster, 7, self.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.queue.poll() {
            self.said.push(output);
        }
    }

    fn join(&mut self, number: u128, priority: i64) {
        let join =
            Join { call: call(number), number: format!("09{number:08}"), name: None, priority, started: self.now };
        self.feed(Input::Join(join));
    }

    /// Takes the offers said since the last look: who was rung for which call.
    fn offers(&mut self) -> Vec<(u64, u128, String)> {
        let said = std::mem::take(&mut self.said).into_iter();
        said.filter_map(|output| match output {
            Output::Offer { offer, call, agent, .. } => Some((offer, call.0.as_u128(), agent)),
            _ => None,
        })
        .collect()
    }

    fn one_offer(&mut self) -> (u64, u128, String) {
        let offers = self.offers();
        let [offer] = offers.as_slice() else { panic!("{offers:?}") };
        offer.clone()
    }

    fn facts(&mut self) -> Vec<&'static str> {
        let said = std::mem::take(&mut self.said).into_iter();
        said.filter_map(|output| match output {
            Output::Fact(fact) => Some(fact.kind.as_str()),
            _ => None,
        })
        .collect()
    }

    fn state(&self, agent: &str) -> &'static str {
        self.roster.agent(agent).unwrap().state(self.now)
    }
}

fn sequential() -> Settings {
    Settings { strategy: Strategy::SequentiallyByAgentOrder, ..Settings::default() }
}

#[test]
fn callers_are_served_by_priority_and_then_by_their_wait() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    for (number, priority) in [(1, 0), (2, 0), (3, 15), (4, 0)] {
        scene.join(number, priority);
        scene.wait(10);
    }
    let order: Vec<u128> = scene.queue.waiting(scene.now).iter().map(|waiting| waiting.call.0.as_u128()).collect();
    // Call 3 came 20 seconds after call 1 and is 15 ahead.
    assert_eq!(order, [1, 3, 2, 4]);
    scene.said.clear();
    scene.roster.set_status("a", Status::Available);
    scene.feed(Input::Look);
    for expected in [1, 3, 2, 4] {
        let (offer, number, _) = scene.one_offer();
        assert_eq!(number, expected);
        scene.feed(Input::Answered { offer });
        scene.feed(Input::Ended { offer });
        scene.wait(9);
        assert!(scene.offers().is_empty(), "the agent still writes notes");
        scene.wait(1);
    }
}

#[test]
fn one_caller_is_offered_to_one_agent_and_a_refusal_goes_to_the_next() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1), ("b", 1, 2)]);
    scene.join(1, 0);
    let (offer, _, agent) = scene.one_offer();
    assert_eq!((agent.as_str(), scene.state("a"), scene.state("b")), ("a", "ringing", "waiting"));
    scene.feed(Input::Failed { offer, cause: Cause::CallRejected });
    assert_eq!(scene.state("a"), "resting");
    let (offer, _, agent) = scene.one_offer();
    assert_eq!(agent, "b");
    scene.feed(Input::Answered { offer });
    assert_eq!(scene.state("b"), "in_call");
    scene.feed(Input::Left { call: call(1) });
    assert_eq!(scene.state("b"), "wrap_up");
    assert_eq!(scene.facts(), ["answered", "ended"]);
}

#[test]
fn top_down_goes_past_an_agent_who_never_answers() {
    let settings = Settings { strategy: Strategy::TopDown, ..Settings::default() };
    let mut scene = Scene::new(settings, &[("a", 1, 1), ("b", 1, 2), ("c", 1, 3)]);
    scene.join(1, 0);
    let mut tried = Vec::new();
    for _ in 0..3 {
        let (offer, _, agent) = scene.one_offer();
        tried.push(agent);
        scene.feed(Input::Failed { offer, cause: Cause::NoAnswer });
    }
    assert_eq!(tried, ["a", "b", "c"]);
    // A new caller begins at the top, as soon as that agent has rested.
    scene.wait(5);
    scene.said.clear();
    scene.feed(Input::Left { call: call(1) });
    scene.wait(10);
    scene.said.clear();
    scene.join(2, 0);
    assert_eq!(scene.one_offer().2, "a");
}

#[test]
fn ring_all_rings_more_than_ten_agents_and_lets_go_of_all_but_one() {
    let names: Vec<String> = (0..25).map(|at| format!("{}", 1000 + at)).collect();
    let agents: Vec<(&str, u8, u8)> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
    let mut scene = Scene::new(Settings { strategy: Strategy::RingAll, ..Settings::default() }, &agents);
    scene.join(1, 0);
    let offers = scene.offers();
    assert_eq!(offers.len(), 25);
    scene.join(2, 0);
    assert!(scene.offers().is_empty(), "everybody rings for the first");
    scene.feed(Input::Answered { offer: offers[12].0 });
    let withdrawn = scene.said.iter().filter(|output| matches!(output, Output::Withdraw { .. })).count();
    assert_eq!(withdrawn, 24);
    assert_eq!(scene.offers().len(), 24, "the second caller rings all the others at once");
    assert_eq!(scene.state(&names[12]), "in_call");
    scene.feed(Input::Left { call: call(2) });
    scene.feed(Input::Left { call: call(1) });
    scene.wait(30);
    for name in &names {
        assert_eq!(scene.state(name), "waiting", "{name}");
    }
}

#[test]
fn a_caller_who_hangs_up_takes_every_ringing_phone_along() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1)]);
    scene.join(1, 0);
    let (offer, ..) = scene.one_offer();
    scene.feed(Input::Left { call: call(1) });
    assert!(scene.said.contains(&Output::Withdraw { offer, call: call(1) }));
    assert_eq!(scene.facts(), ["abandoned"]);
    assert_eq!(scene.state("a"), "waiting");
    // The answer was under way already: nobody is there any more.
    scene.feed(Input::Answered { offer });
    assert_eq!(scene.state("a"), "waiting");
}

#[test]
fn an_offer_of_which_nothing_is_heard_ends_by_itself() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1), ("b", 1, 2)]);
    scene.join(1, 0);
    let (offer, ..) = scene.one_offer();
    scene.wait(23);
    assert!(scene.said.contains(&Output::Withdraw { offer, call: call(1) }));
    assert_eq!(scene.one_offer().2, "b");
    assert_eq!(scene.state("a"), "resting");
}

#[test]
fn an_agent_who_goes_on_a_break_while_ringing_is_let_go() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1)]);
    scene.join(1, 0);
    let (offer, ..) = scene.one_offer();
    scene.roster.set_status("a", Status::OnBreak);
    scene.feed(Input::Look);
    assert!(scene.said.contains(&Output::Withdraw { offer, call: call(1) }));
    assert_eq!(scene.state("a"), "on_break");
}

#[test]
fn a_caller_leaves_when_the_wait_is_too_long() {
    let settings = Settings { max_wait: SECOND * 60, ..sequential() };
    let mut scene = Scene::new(settings, &[("a", 1, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    scene.join(1, 0);
    scene.wait(59);
    assert!(!scene.said.iter().any(|output| matches!(output, Output::Leave { .. })));
    scene.wait(1);
    assert!(scene.said.contains(&Output::Leave { call: call(1), why: Leaving::TooLong }));
    assert_eq!(scene.facts(), ["joined", "overflowed"]);
}

#[test]
fn a_queue_without_anybody_does_what_it_was_told_to() {
    for (action, why) in
        [(NoAgentAction::Hangup, Leaving::NobodyToWaitFor), (NoAgentAction::Overflow, Leaving::NoAgent)]
    {
        let settings = Settings { max_wait_with_no_agent: SECOND * 30, no_agent_action: action, ..sequential() };
        let mut scene = Scene::new(settings, &[("a", 1, 1)]);
        scene.join(1, 0);
        scene.wait(1);
        // On a break is there; logged out is not, nor is a phone that is off.
        scene.roster.set_status("a", Status::OnBreak);
        scene.feed(Input::Look);
        scene.wait(100);
        assert!(!scene.said.iter().any(|output| matches!(output, Output::Leave { .. })), "{action:?}");
        scene.roster.set_presence("a", false, false);
        scene.feed(Input::Look);
        scene.wait(29);
        assert!(!scene.said.iter().any(|output| matches!(output, Output::Leave { .. })), "{action:?}");
        scene.wait(1);
        assert!(scene.said.contains(&Output::Leave { call: call(1), why }), "{action:?}");
    }
}

#[test]
fn a_higher_level_helps_when_the_wait_is_up() {
    let rules = TierRules { apply: true, wait: SECOND * 30, multiply_by_level: true, no_agent_no_wait: false };
    let mut scene = Scene::new(Settings { tier_rules: rules, ..sequential() }, &[("a", 1, 1), ("b", 2, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    scene.join(1, 0);
    scene.wait(29);
    assert!(scene.offers().is_empty());
    scene.wait(1);
    assert_eq!(scene.one_offer().2, "b");
}

#[test]
fn whoever_comes_back_in_time_has_the_old_place() {
    let settings = Settings { resume_within: SECOND * 60, ..sequential() };
    let mut scene = Scene::new(settings, &[("a", 1, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    let join = |scene: &mut Scene, number: u128, from: &str| {
        let started = scene.now;
        scene.feed(Input::Join(Join { call: call(number), number: from.to_owned(), name: None, priority: 0, started }));
        scene.wait(10);
    };
    join(&mut scene, 1, "0901");
    join(&mut scene, 2, "0902");
    scene.feed(Input::Left { call: call(1) });
    join(&mut scene, 3, "0901");
    let order = |scene: &Scene| -> Vec<u128> {
        scene.queue.waiting(scene.now).iter().map(|waiting| waiting.call.0.as_u128()).collect()
    };
    assert_eq!(order(&scene), [3, 2]);
    scene.feed(Input::Left { call: call(3) });
    scene.wait(60);
    join(&mut scene, 4, "0901");
    assert_eq!(order(&scene), [2, 4]);
}

#[test]
fn where_a_caller_stands_is_said_at_intervals_and_not_while_a_phone_rings() {
    let announcements = Announcements { every: SECOND * 30, position: true, estimate: true };
    let mut scene = Scene::new(Settings { announcements, ..sequential() }, &[("a", 1, 1)]);
    scene.join(1, 0);
    scene.join(2, 0);
    let told = |scene: &mut Scene| -> Vec<(u128, Option<usize>, Option<u64>)> {
        let said = std::mem::take(&mut scene.said).into_iter();
        said.filter_map(|output| match output {
            Output::Announce { call, position, estimate } => {
                Some((call.0.as_u128(), position, estimate.map(|estimate| estimate.as_secs())))
            }
            _ => None,
        })
        .collect()
    };
    assert_eq!(told(&mut scene), [(2, Some(2), Some(360))]);
    scene.wait(30);
    assert!(told(&mut scene).contains(&(2, Some(2), Some(360))));
}

#[test]
fn a_key_leads_out_or_to_a_call_back() {
    let settings = Settings { exit_key: Some('0'), callback_key: Some('1'), ..sequential() };
    let mut scene = Scene::new(settings, &[("a", 1, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    scene.join(1, 0);
    scene.join(2, 0);
    scene.feed(Input::Key { call: call(2), key: '5' });
    assert_eq!(scene.queue.waiting(scene.now).len(), 2);
    scene.feed(Input::Key { call: call(2), key: '0' });
    assert!(scene.said.contains(&Output::Leave { call: call(2), why: Leaving::Key }));
    scene.feed(Input::Key { call: call(1), key: '1' });
    assert!(scene.said.contains(&Output::Leave { call: call(1), why: Leaving::CallBack }));
    assert_eq!(scene.facts(), ["joined", "joined", "overflowed", "callback"]);
    // The caller hangs up: the promise stays.
    scene.feed(Input::Left { call: call(1) });
    scene.join(3, 0);
    scene.roster.set_status("a", Status::Available);
    scene.feed(Input::Look);
    let Some(Output::CallBack { offer, agent, number, .. }) =
        scene.said.iter().find(|output| matches!(output, Output::CallBack { .. })).cloned()
    else {
        panic!("{:?}", scene.said)
    };
    assert_eq!((agent.as_str(), number.as_str()), ("a", "0900000001"));
    scene.feed(Input::Placed { offer, call: call(99) });
    assert_eq!(scene.roster.agent("a").unwrap().activity.call(), Some(call(99)));
    scene.feed(Input::Answered { offer });
    assert!(scene.facts().contains(&"callback_done"));
    scene.feed(Input::Ended { offer });
    assert_eq!(scene.state("a"), "wrap_up");
}

#[test]
fn whoever_cannot_be_called_back_is_tried_again_and_then_given_up() {
    let settings = Settings { callback_key: Some('1'), ..sequential() };
    let mut scene = Scene::new(settings, &[("a", 1, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    scene.join(1, 0);
    scene.feed(Input::Key { call: call(1), key: '1' });
    scene.roster.set_status("a", Status::Available);
    scene.feed(Input::Look);
    for left in (0..CALLBACK_TRIES).rev() {
        let said = std::mem::take(&mut scene.said);
        let offer = said.iter().find_map(|output| match output {
            Output::CallBack { offer, .. } => Some(*offer),
            _ => None,
        });
        scene.feed(Input::Unreached { offer: offer.unwrap() });
        assert_eq!(scene.state("a"), "waiting");
        assert_eq!(scene.queue.waiting(scene.now).is_empty(), left == 0);
        if left > 0 {
            scene.wait(301);
        }
    }
    assert_eq!(scene.facts(), ["callback_failed"]);
}

#[test]
fn a_queue_that_is_closed_sends_everybody_away() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1)]);
    scene.join(1, 0);
    scene.join(2, 0);
    scene.feed(Input::Close);
    let left = scene.said.iter().filter(|output| matches!(output, Output::Leave { why: Leaving::Closed, .. })).count();
    assert_eq!((left, scene.state("a")), (2, "waiting"));
    assert!(!scene.queue.is_waited_in());
}

#[test]
fn whoever_was_picked_up_by_somebody_else_has_not_hung_up() {
    let settings = Settings { resume_within: SECOND * 60, ..sequential() };
    let mut scene = Scene::new(settings, &[("a", 1, 1)]);
    scene.join(1, 0);
    let (offer, ..) = scene.one_offer();
    scene.feed(Input::Taken { call: call(1) });
    assert!(scene.said.contains(&Output::Withdraw { offer, call: call(1) }));
    assert_eq!((scene.facts(), scene.state("a")), (vec!["overflowed"], "waiting"));
    assert!(scene.queue.gone.is_empty(), "nobody comes back to that place");
    // Late news of that phone change nothing.
    scene.feed(Input::Failed { offer, cause: Cause::CallRejected });
    assert_eq!(scene.state("a"), "waiting");
}

#[test]
fn an_agent_whose_call_is_over_hours_later_is_free_at_once() {
    let mut scene = Scene::new(Settings { wrap_up: Duration::ZERO, ..sequential() }, &[("a", 1, 1)]);
    scene.join(1, 0);
    let (offer, ..) = scene.one_offer();
    scene.feed(Input::Answered { offer });
    scene.wait(3 * 3600);
    assert_eq!(scene.state("a"), "in_call");
    // Nobody said that the call ended: the reaper finds out, and the ledger has its line.
    assert_eq!(scene.queue.reap(|_| false, &mut scene.roster, scene.now), 1);
    scene.collect();
    assert_eq!(scene.state("a"), "waiting");
    assert_eq!(scene.facts(), ["answered", "ended"]);
}

#[test]
fn each_agents_notes_take_their_own_time() {
    let mut scene = Scene::new(Settings { wrap_up: SECOND * 10, ..sequential() }, &[("a", 1, 1), ("b", 1, 2)]);
    for number in [1, 2] {
        scene.join(number, 0);
        let (offer, ..) = scene.one_offer();
        scene.feed(Input::Answered { offer });
    }
    scene.feed(Input::Left { call: call(1) });
    scene.wait(6);
    scene.feed(Input::Left { call: call(2) });
    scene.wait(4);
    assert_eq!((scene.state("a"), scene.state("b")), ("waiting", "wrap_up"));
    scene.wait(6);
    assert_eq!(scene.state("b"), "waiting");
}

#[test]
fn an_answer_that_crosses_a_withdrawal_is_a_talk_and_the_other_offer_is_off() {
    let mut scene = Scene::new(Settings { wrap_up: Duration::ZERO, ..sequential() }, &[("a", 1, 1)]);
    let mut other = Queue::new(2, sequential(), scene.queue.tiers().to_vec());
    scene.join(1, 0);
    let (first, ..) = scene.one_offer();
    // On a break and back while the phone rings: another queue is faster.
    scene.roster.set_status("a", Status::OnBreak);
    scene.feed(Input::Look);
    scene.roster.set_status("a", Status::Available);
    let join = Join { call: call(2), number: "0902".to_owned(), name: None, priority: 0, started: scene.now };
    other.handle(Input::Join(join), &mut scene.roster, 7, scene.now);
    let offers = |queue: &mut Queue| std::iter::from_fn(|| queue.poll()).collect::<Vec<_>>();
    let said = offers(&mut other);
    let second = said.iter().find_map(|output| match output {
        Output::Offer { offer, .. } => Some(*offer),
        _ => None,
    });
    // The phone took the first call: nobody else is rung for that caller, and the second one waits on.
    scene.feed(Input::Answered { offer: first });
    assert_eq!((scene.state("a"), scene.queue.is_waited_in()), ("in_call", false));
    other.handle(Input::Look, &mut scene.roster, 7, scene.now);
    let withdrawn = Output::Withdraw { offer: second.unwrap(), call: call(2) };
    assert!(offers(&mut other).contains(&withdrawn));
    scene.feed(Input::Ended { offer: first });
    other.handle(Input::Look, &mut scene.roster, 7, scene.now);
    assert!(offers(&mut other).iter().any(|output| matches!(output, Output::Offer { .. })));
    assert_eq!(scene.facts(), ["answered", "ended"]);
}

#[test]
fn an_answer_that_comes_after_the_offers_time_is_a_talk() {
    let mut scene = Scene::new(sequential(), &[("a", 1, 1)]);
    scene.join(1, 0);
    let (offer, ..) = scene.one_offer();
    scene.wait(23);
    assert_eq!(scene.state("a"), "resting");
    scene.feed(Input::Answered { offer });
    assert_eq!((scene.state("a"), scene.queue.is_waited_in()), ("in_call", false));
}

#[test]
fn a_queue_promises_only_so_many_calls_back() {
    let settings = Settings { callback_key: Some('1'), ..sequential() };
    let mut scene = Scene::new(settings, &[("a", 1, 1)]);
    scene.roster.set_status("a", Status::OnBreak);
    for number in 0..300 {
        scene.join(number, 0);
        scene.feed(Input::Key { call: call(number), key: '1' });
    }
    let promised = scene.said.iter().filter(|output| matches!(output, Output::Leave { why: Leaving::CallBack, .. }));
    assert_eq!(promised.count(), MOST_PROMISED);
    let refused = scene.said.iter().filter(|output| matches!(output, Output::Refuse { .. })).count();
    assert_eq!(refused, 300 - MOST_PROMISED, "they wait on the line");
}
