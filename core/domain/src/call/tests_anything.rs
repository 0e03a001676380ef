//! What must hold whatever happens in whatever order.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    tests::{click_to_call, ring, start},
    *,
};

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::App),
        (0_usize..4, 0_u8..3).prop_map(|(targets, order)| {
            let order = [Order::AllAtOnce, Order::OneByOne, Order::InTurn][usize::from(order)];
            Step::Ring(ring(targets, order))
        }),
    ]
}

fn any_joins() -> impl Strategy<Value = Joins> {
    let whom = (0_u8..8).prop_map(|leg| Joins::Whisper(LegNo(leg)));
    prop_oneof![Just(Joins::Listen), whom, Just(Joins::Barge), Just(Joins::Member)]
}

/// Something that happens, or time that passes.
#[derive(Clone, Debug)]
enum Happens {
    Input(Input),
    Passes(u64),
}

fn any_input() -> impl Strategy<Value = Input> {
    let leg = || (0_u8..10).prop_map(LegNo);
    let ringing = || (0_usize..3).prop_map(|targets| ring(targets, Order::AllAtOnce));
    let time = Duration::from_secs(9);
    prop_oneof![
        1 => (leg(), any::<bool>()).prop_map(|(leg, early_media)| Input::Progress { leg, early_media }),
        5 => leg().prop_map(|leg| Input::Answered { leg }),
        3 => (leg(), 0..Cause::ALL.len()).prop_map(|(leg, at)| Input::LegEnded {
            leg,
            cause: Cause::ALL[at],
            sip_status: None
        }),
        1 => (leg(), 0_usize..4).prop_map(|(leg, target)| Input::Redirected { leg, target }),
        1 => leg().prop_map(|leg| Input::MediaInactive { leg }),
        1 => any_step().prop_map(Input::Next),
        1 => (0_u64..4, 0_usize..3).prop_map(move |(offer, targets)| Input::Offer { offer, targets, time }),
        1 => (0_u64..4).prop_map(|offer| Input::Withdraw { offer }),
        1 => Just(Input::Join(Join::Pickup)),
        1 => Just(Input::Join(Join::Retrieve)),
        1 => leg().prop_map(|leg| Input::Join(Join::Replace(leg))),
        1 => leg().prop_map(|leg| Input::Hold { leg }),
        1 => leg().prop_map(|leg| Input::Unhold { leg }),
        3 => (leg(), any_step()).prop_map(|(by, step)| Input::Transfer { by, step }),
        3 => (leg(), ringing()).prop_map(|(by, ring)| Input::Consult { by, ring }),
        1 => Just(Input::Complete),
        1 => Just(Input::Return),
        1 => Just(Input::Merge),
        1 => leg().prop_map(|place| Input::Adopt { place }),
        1 => (leg(), 1_u8..3).prop_map(|(by, legs)| {
            let ring = ring(usize::from(legs), Order::AllAtOnce);
            Input::AdoptRinging { by, rings: Rings { ring, next_target: usize::from(legs), until: None, legs } }
        }),
        1 => (ringing(), any_joins()).prop_map(|(ring, joins)| Input::Supervise { ring, joins }),
        1 => (leg(), any_joins()).prop_map(|(leg, joins)| Input::Change { leg, joins }),
    ]
}

fn anything() -> impl Strategy<Value = Happens> {
    prop_oneof![9 => any_input().prop_map(Happens::Input), 1 => (1_u64..40).prop_map(Happens::Passes)]
}

/// What became of a leg, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Alive,
    LeftByItself,
    Dropped,
}

/// Follows a call as its driver would: knows each leg that there ever was.
#[derive(Default)]
struct Witness {
    legs: HashMap<LegNo, Fate>,
    endings: usize,
    answers: usize,
}

impl Witness {
    fn hear(&mut self, call: &mut Call, now: Instant) {
        let mut steps = 0;
        while let Some(output) = call.poll() {
            assert_eq!(self.endings, 0, "{output:?} after the end");
            steps += 1;
            assert!(steps < 1_000, "the call talks for ever");
            match output {
                Output::Dial { leg, .. } => {
                    let before = self.legs.insert(leg, Fate::Alive);
                    assert!(before != Some(Fate::Alive), "{leg:?} was dialled while it lived");
                }
                Output::AnswerLeg { leg } => {
                    self.legs.insert(leg, Fate::Alive);
                }
                Output::Drop { leg, .. } => {
                    let before = self.legs.insert(leg, Fate::Dropped);
                    assert_eq!(before, Some(Fate::Alive), "{leg:?} was dropped");
                }
                Output::Connect { caller, callee } => {
                    for leg in [caller, callee] {
                        assert_eq!(self.legs.get(&leg), Some(&Fate::Alive), "{leg:?} was connected");
                    }
                    assert!(call.side(caller) != call.side(callee));
                }
                Output::Hears { leg, hears } => {
                    assert_eq!(self.legs.get(&leg), Some(&Fate::Alive), "{leg:?} hears");
                    if let Hears::Legs(legs) = hears {
                        assert!(legs.iter().all(|heard| self.legs.get(heard) == Some(&Fate::Alive)), "{legs:?}");
                    }
                }
                Output::Undecided(_) => call.handle(Input::NoNext, now).unwrap(),
                Output::Answered { .. } => self.answers += 1,
                Output::Ended(_) => self.endings += 1,
                _ => {}
            }
        }
    }

    fn happen(&mut self, call: &mut Call, input: Input, now: Instant) {
        let count = match &input {
            Input::Adopt { .. } => 1,
            Input::AdoptRinging { rings, .. } => rings.legs,
            _ => 0,
        };
        let adopts: Vec<LegNo> =
            call.next_leg().into_iter().flat_map(|LegNo(first)| (first..first + count).map(LegNo)).collect();
        let ended = match &input {
            Input::LegEnded { leg, .. } => Some(*leg),
            _ => None,
        };
        if let Some(leg) = ended
            && self.legs.get(&leg) != Some(&Fate::Alive)
        {
            return;
        }
        if call.handle(input, now).is_ok() {
            if let Some(leg) = ended {
                self.legs.insert(leg, Fate::LeftByItself);
            }
            self.legs.extend(adopts.into_iter().map(|leg| (leg, Fate::Alive)));
        }
        self.hear(call, now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: each leg is dropped once unless it left by itself, there is one ending and
    /// it comes last, there is one answer at most, and no deadline is left.
    #[test]
    fn every_call_ends_once_and_leaves_no_leg_behind(
        phones in 0_usize..4, first in any_step(), origin in 0_u8..3,
        happens in prop::collection::vec(anything(), 0..40),
    ) {
        let mut now = start();
        let is_incoming = origin == 0;
        let longest = Some(Duration::from_secs(600));
        let mut call = match origin {
            0 => Call::new(Plan { origin: Origin::Incoming, first, longest }),
            1 => click_to_call(phones),
            _ => Call::new(Plan { origin: Origin::Robot(ring(phones, Order::OneByOne)), first, longest }),
        };
        let mut witness = Witness::default();
        if is_incoming {
            witness.legs.insert(LegNo(0), Fate::Alive);
        }
        witness.happen(&mut call, Input::Start, now);
        for happens in happens {
            match happens {
                // The leg that called us redirects nobody.
                Happens::Input(Input::Redirected { leg: LegNo(0), .. }) if is_incoming => {}
                Happens::Input(Input::Redirected { leg, target }) => {
                    let waits = matches!(call.status(leg), Status::Dialled | Status::Ringing);
                    if waits && call.handle(Input::Redirected { leg, target }, now).is_ok() {
                        witness.legs.insert(leg, Fate::LeftByItself);
                    }
                    witness.hear(&mut call, now);
                }
                Happens::Input(input) => witness.happen(&mut call, input, now),
                Happens::Passes(seconds) => {
                    now += Duration::from_secs(seconds);
                    call.handle_timeout(now);
                    witness.hear(&mut call, now);
                    prop_assert!(call.next_timeout().is_none_or(|next| next > now));
                }
            }
            // Who waits or talks is alive.
            for leg in call.waiting().into_iter().chain(call.parties().into_iter().flat_map(<[LegNo; 2]>::from)) {
                prop_assert_eq!(witness.legs.get(&leg), Some(&Fate::Alive), "{:?}", leg);
            }
        }
        witness.happen(&mut call, Input::Hangup { cause: Cause::NormalClearing }, now);
        prop_assert!(call.is_over());
        prop_assert_eq!(witness.endings, 1);
        prop_assert!(witness.answers <= 1);
        prop_assert!(witness.legs.values().all(|fate| *fate != Fate::Alive), "{:?}", witness.legs);
        prop_assert!(call.legs.iter().all(|leg| leg.status == Status::Over));
        prop_assert_eq!(call.next_timeout(), None);
    }
}
