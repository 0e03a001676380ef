//! Before the talk: who is dialled, who answers first, and what comes next when nobody does.

use std::time::{Duration, Instant};

use super::{
    Call, EndedBy, Leg, LegNo, MOST_LEGS, Order, Origin, Outcome, Output, Part, Refused, Ring, Side, State, Status,
    Step, leg_no,
    rare::{Offering, Rare},
};
use crate::cause::Cause;

/// From so many legs on, the place of an agent that was offered the call in vain is used again.
const REUSE_FROM: usize = 32;

impl Call {
    pub(super) fn start(&mut self, now: Instant) -> Result<(), Refused> {
        if self.state != State::Idle {
            return Err(Refused::Started);
        }
        match &self.plan.origin {
            Origin::Incoming => {
                self.legs.push(Leg { side: Side::Caller, part: Part::Party, status: Status::Ringing, holds: false });
                self.enter(LegNo(0), self.plan.first, now);
            }
            Origin::Originated(ring) => self.ring_own(Side::Caller, *ring, now),
            Origin::Robot(ring) => self.ring_own(Side::Callee, *ring, now),
        }
        Ok(())
    }

    /// Rings those whom we call first: the caller's own phones, or the one whom a program calls.
    fn ring_own(&mut self, side: Side, ring: Ring, now: Instant) {
        self.state = State::CallerRinging;
        self.ring = ring;
        self.deadline = now.checked_add(ring.time);
        let at_once = ring.at_once();
        self.next_target = at_once;
        for target in 0..at_once {
            self.dial(side, Part::Own, target);
        }
        if at_once == 0 {
            self.end(Outcome::of(Cause::DestinationOutOfOrder), EndedBy::System);
        }
    }

    /// Begins a step for the one who waits.
    fn enter(&mut self, caller: LegNo, step: Step, now: Instant) {
        self.failure = None;
        self.deadline = None;
        match step {
            Step::Ring(ring) => self.ring(caller, ring, now),
            Step::App => {
                self.state = State::App { caller };
                self.raise(caller);
                self.until = self.until.or_else(|| self.plan.longest.and_then(|longest| now.checked_add(longest)));
                self.finish_transfer();
                self.say(Output::App { caller });
            }
        }
    }

    fn ring(&mut self, caller: LegNo, ring: Ring, now: Instant) {
        self.state = State::Ringing { caller };
        self.ring = ring;
        self.deadline = now.checked_add(ring.time);
        if self.status(caller) == Status::Up {
            self.say(Output::Ringback { to: caller });
        }
        let side = self.side(caller).other();
        let at_once = ring.at_once();
        self.next_target = at_once;
        let mut dialled = 0;
        for target in 0..at_once {
            dialled += usize::from(self.dial(side, Part::Step, target));
        }
        if dialled == 0 {
            self.note_failure(Outcome::of(Cause::DestinationOutOfOrder), EndedBy::System);
            self.undecided(caller);
        }
    }

    /// Has a target dialled; false if the call has no room for another leg.
    pub(super) fn dial(&mut self, side: Side, part: Part, target: usize) -> bool {
        let leg = Leg { side, part, status: Status::Dialled, holds: false };
        let free = |leg: &Leg| leg.status == Status::Over && matches!(leg.part, Part::Offer(_));
        let again = (self.legs.len() >= REUSE_FROM).then(|| self.legs.iter().position(free)).flatten();
        let at = match again {
            Some(at) => {
                self.legs[at] = leg;
                at
            }
            None if self.legs.len() < MOST_LEGS => {
                self.legs.push(leg);
                self.legs.len() - 1
            }
            None => return false,
        };
        self.say(Output::Dial { leg: leg_no(at), side, part, target });
        true
    }

    pub(super) fn progress(&mut self, leg: LegNo, early_media: bool) {
        let State::Ringing { caller } = self.state else {
            return self.rings(leg);
        };
        let first = self.status(leg) == Status::Dialled;
        self.rings(leg);
        if self.leg(leg).part != Part::Step {
            return;
        }
        if first && self.status(caller) == Status::Ringing {
            self.say(Output::RingCaller);
        }
        // Sound before the answer can only be passed on while one phone alone may be the source of it.
        let alone = self.ring.targets == 1 || self.ring.order != Order::AllAtOnce;
        if early_media && alone && self.status(leg) == Status::Ringing {
            self.say(Output::EarlyMedia { to: caller, from: leg });
        }
    }

    fn rings(&mut self, leg: LegNo) {
        if self.status(leg) == Status::Dialled {
            self.leg(leg).status = Status::Ringing;
            self.say(Output::Ringing { leg });
        }
    }

    pub(super) fn answered(&mut self, leg: LegNo, now: Instant) {
        if matches!(self.status(leg), Status::Over | Status::Up) {
            return;
        }
        match (self.leg(leg).part, self.state) {
            (Part::Own, State::CallerRinging) => {
                self.progress(leg, false);
                self.leg(leg).status = Status::Up;
                self.leg(leg).part = Part::Party;
                self.drop_all(Cause::LoseRace, |leg| leg.part == Part::Own);
                self.enter(leg, self.plan.first, now);
            }
            (Part::Step, State::Ringing { caller }) => {
                self.progress(leg, false);
                self.connect(caller, leg, now);
            }
            (Part::Offer(_), State::App { caller }) => {
                self.rings(leg);
                self.connect(caller, leg, now);
            }
            (Part::Consult, State::Talking { .. }) => self.consult_answered(leg),
            (Part::Third(_), State::Talking { .. }) => self.third_answered(leg),
            // Whoever called us is answered by us.
            (Part::Party, _) => {}
            // An answer that lost a race: nobody waits for it.
            _ => self.drop_leg(leg, Cause::LoseRace),
        }
    }

    /// Connects the one who waits with the leg that came up, and stops whatever else rings.
    pub(super) fn connect(&mut self, waiting: LegNo, leg: LegNo, now: Instant) {
        self.leg(leg).status = Status::Up;
        self.leg(leg).part = Part::Party;
        if let Some(rare) = &mut self.rare {
            rare.offers.clear();
        }
        self.drop_all(Cause::LoseRace, |leg| matches!(leg.part, Part::Step | Part::Offer(_)));
        self.raise(waiting);
        self.deadline = None;
        let (caller, callee) = match self.side(waiting) {
            Side::Caller => (waiting, leg),
            Side::Callee | Side::Third => (leg, waiting),
        };
        self.state = State::Talking { caller, callee };
        self.finish_transfer();
        self.bridge();
        if !std::mem::replace(&mut self.talked, true) {
            self.until = self.plan.longest.and_then(|longest| now.checked_add(longest));
            self.say(Output::Answered { caller, callee });
        }
    }

    /// Answers an incoming caller who still rings.
    fn raise(&mut self, caller: LegNo) {
        if self.status(caller) == Status::Ringing {
            self.leg(caller).status = Status::Up;
            self.say(Output::AnswerCaller);
        }
    }

    pub(super) fn leg_ended(&mut self, leg: LegNo, outcome: Outcome, now: Instant) {
        let before = self.status(leg);
        if before == Status::Over {
            return;
        }
        self.leg(leg).status = Status::Over;
        let (part, side) = (self.leg(leg).part, self.side(leg));
        match (part, self.state) {
            (Part::Own, State::CallerRinging) => {
                self.note_failure(outcome, EndedBy::of(side));
                let another = self.ring.order == Order::OneByOne && cause_of_the_network(outcome.cause);
                if another && self.next_target < self.ring.targets {
                    // The time is that of the whole ringing: whoever called it has nobody to wait longer for.
                    self.next_target += 1;
                    self.dial(side, Part::Own, self.next_target - 1);
                } else if !self.any_alive(Part::Own) {
                    self.end_by_failure();
                }
            }
            (Part::Step, State::Ringing { caller }) => self.target_failed(caller, side, outcome, now),
            (Part::Offer(offer), _) => self.offer_leg_over(offer, outcome),
            (Part::Consult, _) => self.consult_leg_over(leg, outcome, now),
            (Part::Third(_), _) => self.third_over(before, outcome),
            (Part::Party, State::Talking { caller, callee }) if leg == caller || leg == callee => {
                self.party_left(leg, outcome);
            }
            (Part::Party, State::App { caller }) if leg == caller => self.end(outcome, EndedBy::of(side)),
            (Part::Party, State::Ringing { caller } | State::Undecided { caller }) if leg == caller => {
                let gave_up = outcome.cause == Cause::NormalClearing && !self.talked;
                let cause = if gave_up { Cause::OriginatorCancel } else { outcome.cause };
                self.end(Outcome { cause, ..outcome }, EndedBy::of(side));
            }
            _ => self.transferor_left(leg),
        }
    }

    fn target_failed(&mut self, caller: LegNo, side: Side, outcome: Outcome, now: Instant) {
        self.note_failure(outcome, EndedBy::of(side));
        let another = match self.ring.order {
            Order::AllAtOnce => false,
            Order::OneByOne => cause_of_the_network(outcome.cause),
            Order::InTurn => true,
        };
        if another && self.dial_next(caller, now) {
            return;
        }
        if !self.any_alive(Part::Step) {
            self.undecided(caller);
        }
    }

    /// Dials the next target of the step, if there is one.
    fn dial_next(&mut self, caller: LegNo, now: Instant) -> bool {
        if self.next_target >= self.ring.targets {
            return false;
        }
        let target = self.next_target;
        self.next_target += 1;
        self.deadline = now.checked_add(self.ring.time);
        self.dial(self.side(caller).other(), Part::Step, target)
    }

    pub(super) fn redirected(&mut self, leg: LegNo, target: usize, now: Instant) {
        let (part, side) = (self.leg(leg).part, self.side(leg));
        let waits = matches!(self.status(leg), Status::Dialled | Status::Ringing);
        if waits && matches!(part, Part::Step | Part::Offer(_) | Part::Consult) && self.dial(side, part, target) {
            self.leg(leg).status = Status::Over;
        } else {
            self.leg_ended(leg, Outcome { cause: Cause::ExchangeRoutingError, sip_status: None }, now);
        }
    }

    /// The step has rung for as long as it may.
    pub(super) fn ringing_is_over(&mut self, now: Instant) {
        let outcome = Outcome::of(Cause::NoAnswer);
        match self.state {
            State::CallerRinging => self.end(outcome, EndedBy::System),
            State::Ringing { caller } => {
                self.drop_all(Cause::NoAnswer, |leg| leg.part == Part::Step);
                if self.ring.order == Order::InTurn {
                    self.note_failure(outcome, EndedBy::System);
                    if self.dial_next(caller, now) {
                        return;
                    }
                } else {
                    self.failure = Some((outcome, EndedBy::System));
                }
                self.undecided(caller);
            }
            _ => {}
        }
    }

    fn undecided(&mut self, caller: LegNo) {
        self.deadline = None;
        self.state = State::Undecided { caller };
        let outcome = self.failure.map_or(Outcome::of(Cause::NormalUnspecified), |(outcome, _)| outcome);
        self.say(Output::Undecided(outcome));
    }

    pub(super) fn next(&mut self, step: Step, now: Instant) -> Result<(), Refused> {
        match self.state {
            State::Undecided { caller } => self.enter(caller, step, now),
            State::App { caller } => {
                self.withdraw_all();
                self.enter(caller, step, now);
            }
            _ => return Err(Refused::WrongState),
        }
        Ok(())
    }

    pub(super) fn no_next(&mut self) -> Result<(), Refused> {
        let State::Undecided { caller } = self.state else { return Err(Refused::WrongState) };
        let outcome = self.failure.map_or(Outcome::of(Cause::NormalUnspecified), |(outcome, _)| outcome);
        if !self.return_to_transferor(caller, outcome) {
            self.end_by_failure();
        }
        Ok(())
    }

    pub(super) fn note_failure(&mut self, outcome: Outcome, by: EndedBy) {
        let better = self.failure.is_none_or(|(known, _)| known.cause.better(outcome.cause) != known.cause);
        if better {
            self.failure = Some((outcome, by));
        }
    }

    fn end_by_failure(&mut self) {
        let (outcome, by) = self.failure.unwrap_or((Outcome::of(Cause::NormalUnspecified), EndedBy::System));
        self.end(outcome, by);
    }

    pub(super) fn offer(&mut self, offer: u64, targets: usize, time: Duration, now: Instant) -> Result<(), Refused> {
        if !matches!(self.state, State::App { .. }) {
            return Err(Refused::WrongState);
        }
        let State::App { caller } = self.state else { return Err(Refused::WrongState) };
        let side = self.side(caller).other();
        let until = now.checked_add(time);
        self.rare().offers.retain(|known| known.offer != offer);
        self.rare().offers.push(Offering { offer, until, outcome: None });
        let mut dialled = 0;
        for target in 0..targets {
            dialled += usize::from(self.dial(side, Part::Offer(offer), target));
        }
        if dialled == 0 {
            self.offer_leg_over(offer, Outcome::of(Cause::DestinationOutOfOrder));
        }
        Ok(())
    }

    fn offer_leg_over(&mut self, offer: u64, outcome: Outcome) {
        let alive = self.any_alive(Part::Offer(offer));
        let Some(rare) = &mut self.rare else { return };
        let Some(at) = rare.offers.iter().position(|known| known.offer == offer) else { return };
        let known = rare.offers[at].outcome;
        let best = known.filter(|known| known.cause.better(outcome.cause) == known.cause).unwrap_or(outcome);
        rare.offers[at].outcome = Some(best);
        if !alive {
            rare.offers.swap_remove(at);
            self.say(Output::OfferFailed { offer, outcome: best });
        }
    }

    pub(super) fn offer_expired(&mut self, offer: u64) {
        self.rare().offers.retain(|known| known.offer != offer);
        self.drop_all(Cause::NoAnswer, |leg| leg.part == Part::Offer(offer));
        self.say(Output::OfferFailed { offer, outcome: Outcome::of(Cause::NoAnswer) });
    }

    pub(super) fn withdraw(&mut self, offer: u64) {
        if let Some(rare) = &mut self.rare {
            rare.offers.retain(|known| known.offer != offer);
        }
        self.drop_all(Cause::OriginatorCancel, |leg| leg.part == Part::Offer(offer));
    }

    pub(super) fn withdraw_all(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.offers.clear();
        }
        self.drop_all(Cause::OriginatorCancel, |leg| matches!(leg.part, Part::Offer(_)));
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(Box::default)
    }
}

impl Outcome {
    pub const fn of(cause: Cause) -> Self {
        Self { cause, sip_status: None }
    }
}

/// Says whether another trunk may do better: the network failed, not the person called.
pub(super) const fn cause_of_the_network(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NormalTemporaryFailure
            | Cause::NetworkOutOfOrder
            | Cause::NormalCircuitCongestion
            | Cause::SwitchCongestion
            | Cause::RequestedChanUnavail
            | Cause::ResourceUnavailable
            | Cause::RecoveryOnTimerExpire
            | Cause::NoRouteTransitNet
            | Cause::ExchangeRoutingError
    )
}
