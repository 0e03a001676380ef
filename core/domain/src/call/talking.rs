//! During the talk: hold, transfers, consultations, third legs, and who hears whom.

use std::time::Instant;

use super::{
    Call, EndedBy, Hears, Join, Joins, Leg, LegNo, MOST_LEGS, Order, Outcome, Output, Part, Refused, Ring, Side, State,
    Status, Step, leg_no,
    rare::{Consult, Joining, Transfer},
    ringing::cause_of_the_network,
};
use crate::cause::Cause;

impl Call {
    /// Says who hears whom now.
    pub(super) fn bridge(&mut self) {
        let State::Talking { caller, callee } = self.state else { return };
        let heard = self.heard();
        if heard.is_empty() {
            return self.say(Output::Connect { caller, callee });
        }
        for (leg, hears) in heard {
            self.say(Output::Hears { leg, hears });
        }
    }

    /// Returns what every leg of the talk hears; nothing if the two simply hear each other.
    pub(super) fn heard(&self) -> Vec<(LegNo, Hears)> {
        let State::Talking { caller, callee } = self.state else { return Vec::new() };
        let mut all = Vec::new();
        let third_up = |leg: &Leg| matches!(leg.part, Part::Third(_)) && leg.status == Status::Up;
        let consult = self.rare.as_ref().and_then(|rare| rare.consult);
        if consult.is_none() && !self.holds(caller) && !self.holds(callee) && !self.legs.iter().any(third_up) {
            return all;
        }
        let thirds: Vec<(LegNo, Joins)> = (0..self.legs.len())
            .filter(|at| third_up(&self.legs[*at]))
            .filter_map(|at| match self.legs[at].part {
                Part::Third(joins) => Some((leg_no(at), joins)),
                _ => None,
            })
            .collect();
        let open = |joins: Joins| matches!(joins, Joins::Barge | Joins::Member);
        for (party, other) in [(caller, callee), (callee, caller)] {
            let hears = match consult {
                Some(Consult { by, leg, .. }) if by == party => {
                    leg.map_or(Hears::Ringback, |asked| Hears::Legs(vec![asked]))
                }
                Some(_) => Hears::Music,
                None if self.holds(party) => Hears::Nothing,
                None if self.holds(other) => Hears::Music,
                None => {
                    let heard = |joins| open(joins) || joins == Joins::Whisper(party);
                    let speakers = thirds.iter().filter(|(_, joins)| heard(*joins)).map(|(leg, _)| *leg);
                    Hears::Legs(std::iter::once(other).chain(speakers).collect())
                }
            };
            all.push((party, hears));
        }
        if let Some(Consult { by, leg: Some(asked), .. }) = consult {
            all.push((asked, Hears::Legs(vec![by])));
        }
        for (third, _) in &thirds {
            let others = thirds.iter().filter(|(leg, joins)| leg != third && open(*joins)).map(|(leg, _)| *leg);
            let heard = [caller, callee].into_iter().chain(others).collect();
            all.push((*third, Hears::Legs(heard)));
        }
        all
    }

    /// Returns the two who talk, if `leg` is one of them and nobody is being consulted.
    pub(super) fn talk_of(&self, leg: LegNo) -> Result<(LegNo, LegNo), Refused> {
        let State::Talking { caller, callee } = self.state else { return Err(Refused::WrongState) };
        let consults = self.rare.as_ref().is_some_and(|rare| rare.consult.is_some());
        match leg {
            _ if consults => Err(Refused::WrongState),
            leg if leg == caller => Ok((caller, callee)),
            leg if leg == callee => Ok((callee, caller)),
            _ => Err(Refused::WrongState),
        }
    }

    pub(super) fn hold(&mut self, leg: LegNo, holds: bool) -> Result<(), Refused> {
        self.talk_of(leg)?;
        if self.holds(leg) == holds {
            return Err(Refused::WrongState);
        }
        self.leg(leg).holds = holds;
        self.bridge();
        Ok(())
    }

    pub(super) fn transfer(&mut self, by: LegNo, step: Step, now: Instant) -> Result<(), Refused> {
        let (_, stays) = self.talk_of(by)?;
        self.drop_thirds();
        self.rare().transfer = Some(Transfer { by, here: true });
        self.leg(stays).holds = false;
        self.state = State::Undecided { caller: stays };
        self.say(Output::Hears { leg: by, hears: Hears::Nothing });
        self.next(step, now)
    }

    /// The other side is somewhere else now: who transferred it leaves.
    pub(super) fn finish_transfer(&mut self) {
        let Some(Transfer { by, .. }) = self.rare.as_mut().and_then(|rare| rare.transfer.take()) else { return };
        self.say(Output::Transferred { by });
        self.drop_leg(by, Cause::NormalClearing);
    }

    /// Who transferred the call hangs up before it is known what becomes of it.
    pub(super) fn transferor_left(&mut self, leg: LegNo) {
        if let Some(transfer) = self.rare.as_mut().and_then(|rare| rare.transfer.as_mut())
            && transfer.by == leg
        {
            transfer.here = false;
        }
    }

    /// Gives the other side back to who transferred it; false if that one is gone.
    pub(super) fn return_to_transferor(&mut self, stays: LegNo, outcome: Outcome) -> bool {
        let transfer = self.rare.as_mut().and_then(|rare| rare.transfer.take());
        let Some(Transfer { by, here: true }) = transfer else { return false };
        self.talk_again(by, stays);
        self.say(Output::TransferFailed { by, outcome });
        self.bridge();
        true
    }

    fn talk_again(&mut self, one: LegNo, other: LegNo) {
        let (caller, callee) = if self.side(one) == Side::Caller { (one, other) } else { (other, one) };
        self.state = State::Talking { caller, callee };
    }

    pub(super) fn party_left(&mut self, leg: LegNo, outcome: Outcome) {
        let State::Talking { caller, callee } = self.state else { return };
        let other = if leg == caller { callee } else { caller };
        let member = |leg: &Leg| leg.part == Part::Third(Joins::Member) && leg.status == Status::Up;
        match self.rare.as_ref().and_then(|rare| rare.consult) {
            Some(Consult { by, leg: Some(asked), .. }) => {
                self.rare().consult = None;
                if by == leg {
                    self.say(Output::Transferred { by: leg });
                }
                self.take_place(asked, leg, if by == leg { other } else { by });
            }
            Some(consult) if consult.by == leg => self.ring_on(consult, other, false),
            Some(_) => self.end(outcome, EndedBy::of(self.side(leg))),
            None => match self.legs.iter().position(member).map(leg_no) {
                Some(member) => self.take_place(member, leg, other),
                None => self.end(outcome, EndedBy::of(self.side(leg))),
            },
        }
    }

    /// Has `leg` talk with `with` in place of `former`.
    fn take_place(&mut self, leg: LegNo, former: LegNo, with: LegNo) {
        self.leg(leg).side = self.side(former);
        self.leg(leg).part = Part::Party;
        self.leg(leg).holds = false;
        self.leg(with).holds = false;
        self.talk_again(leg, with);
        self.bridge();
    }

    /// The one who is asked rings for `stays` from now on.
    fn ring_on(&mut self, consult: Consult, stays: LegNo, here: bool) {
        self.say(Output::RingsOn);
        self.drop_thirds();
        let side = self.side(consult.by);
        for leg in self.legs.iter_mut().filter(|leg| leg.part == Part::Consult) {
            (leg.part, leg.side) = (Part::Step, side);
        }
        let rare = self.rare();
        rare.consult = None;
        rare.transfer = Some(Transfer { by: consult.by, here });
        (self.ring, self.next_target, self.deadline) = (consult.ring, consult.next_target, consult.until);
        self.failure = None;
        self.leg(stays).holds = false;
        self.state = State::Ringing { caller: stays };
        if here {
            self.say(Output::Hears { leg: consult.by, hears: Hears::Nothing });
        }
        self.say(Output::Ringback { to: stays });
    }

    pub(super) fn consult(&mut self, by: LegNo, ring: Ring, now: Instant) -> Result<(), Refused> {
        self.talk_of(by)?;
        let at_once = if ring.order == Order::AllAtOnce { ring.targets } else { ring.targets.min(1) };
        let until = now.checked_add(ring.time);
        self.rare().consult = Some(Consult { by, ring, next_target: at_once, until, leg: None });
        let mut dialled = 0;
        for target in 0..at_once {
            dialled += usize::from(self.dial(Side::Third, Part::Consult, target));
        }
        if dialled == 0 {
            self.rare().consult = None;
            self.say(Output::Consulted(Err(Outcome::of(Cause::DestinationOutOfOrder))));
        }
        self.bridge();
        Ok(())
    }

    pub(super) fn consult_answered(&mut self, leg: LegNo) {
        let Some(consult) = self.rare().consult.as_mut().filter(|consult| consult.leg.is_none()) else {
            return self.drop_leg(leg, Cause::LoseRace);
        };
        (consult.leg, consult.until) = (Some(leg), None);
        self.leg(leg).status = Status::Up;
        self.drop_all(Cause::LoseRace, |leg| leg.part == Part::Consult && leg.status != Status::Up);
        self.say(Output::Consulted(Ok(leg)));
        self.bridge();
    }

    pub(super) fn consult_leg_over(&mut self, leg: LegNo, outcome: Outcome, now: Instant) {
        let Some(mut consult) = self.rare.as_ref().and_then(|rare| rare.consult) else { return };
        if consult.leg != Some(leg) {
            if consult.ring.order != Order::AllAtOnce
                && cause_of_the_network(outcome.cause)
                && consult.next_target < consult.ring.targets
            {
                let target = consult.next_target;
                (consult.next_target, consult.until) = (target + 1, now.checked_add(consult.ring.time));
                self.rare().consult = Some(consult);
                if self.dial(Side::Third, Part::Consult, target) {
                    return;
                }
            }
            if self.any_alive(Part::Consult) {
                return;
            }
        }
        self.consult_is_over(outcome);
    }

    fn consult_is_over(&mut self, outcome: Outcome) {
        self.rare().consult = None;
        self.say(Output::Consulted(Err(outcome)));
        self.bridge();
    }

    pub(super) fn complete(&mut self) -> Result<(), Refused> {
        let State::Talking { caller, callee } = self.state else { return Err(Refused::WrongState) };
        let consult = self.rare.as_ref().and_then(|rare| rare.consult).ok_or(Refused::WrongState)?;
        let other = if consult.by == caller { callee } else { caller };
        let Some(asked) = consult.leg else {
            self.ring_on(consult, other, true);
            return Ok(());
        };
        self.rare().consult = None;
        self.say(Output::Transferred { by: consult.by });
        self.drop_leg(consult.by, Cause::NormalClearing);
        self.take_place(asked, consult.by, other);
        Ok(())
    }

    pub(super) fn give_back(&mut self) -> Result<(), Refused> {
        let rare = self.rare.as_mut().ok_or(Refused::WrongState)?;
        rare.consult.take().ok_or(Refused::WrongState)?;
        self.drop_all(Cause::NormalClearing, |leg| leg.part == Part::Consult);
        self.bridge();
        Ok(())
    }

    pub(super) fn merge(&mut self) -> Result<(), Refused> {
        let consult = self.rare.as_ref().and_then(|rare| rare.consult).ok_or(Refused::WrongState)?;
        let asked = consult.leg.ok_or(Refused::WrongState)?;
        self.rare().consult = None;
        self.leg(asked).part = Part::Third(Joins::Member);
        self.bridge();
        Ok(())
    }

    pub(super) fn join(&mut self, join: Join, now: Instant) -> Result<(), Refused> {
        let waiting = match (join, self.state) {
            // A phone that rings: whoever takes its place has picked the call up (RFC 3891 §3).
            (Join::Replace(place), State::Ringing { caller }) if self.rings_for_step(place) => caller,
            (Join::Replace(place), _) => {
                let leg = self.adopt_checked(self.check(place)?)?;
                self.say(Output::AnswerLeg { leg });
                self.give_place(place, leg);
                return Ok(());
            }
            (Join::Pickup, State::Ringing { caller } | State::App { caller }) => caller,
            (Join::Retrieve, State::App { caller }) => caller,
            _ => return Err(Refused::WrongState),
        };
        let side = self.side(waiting).other();
        let leg = self.add(Leg { side, part: Part::Step, status: Status::Up, holds: false })?;
        self.say(Output::AnswerLeg { leg });
        self.connect(waiting, leg, now);
        Ok(())
    }

    fn rings_for_step(&self, leg: LegNo) -> bool {
        let known = self.legs.get(usize::from(leg.0));
        known.is_some_and(|leg| leg.part == Part::Step && matches!(leg.status, Status::Dialled | Status::Ringing))
    }

    pub(super) fn adopt(&mut self, place: LegNo) -> Result<(), Refused> {
        let leg = self.adopt_checked(place)?;
        self.give_place(place, leg);
        Ok(())
    }

    /// Makes the leg that takes the place of `place`, if that one has a place to give.
    fn adopt_checked(&mut self, place: LegNo) -> Result<LegNo, Refused> {
        let waits = self.waiting() == Some(place);
        if self.status(place) == Status::Over || (!waits && self.talk_of(place).is_err()) {
            return Err(Refused::WrongState);
        }
        let side = self.side(place);
        self.add(Leg { side, part: Part::Party, status: Status::Up, holds: false })
    }

    fn give_place(&mut self, place: LegNo, leg: LegNo) {
        self.say(Output::Transferred { by: place });
        self.drop_leg(place, Cause::NormalClearing);
        let put = |known: &mut LegNo| {
            if *known == place {
                *known = leg;
            }
        };
        match &mut self.state {
            State::Talking { caller, callee } => {
                put(caller);
                put(callee);
                self.bridge();
            }
            State::Ringing { caller } => {
                put(caller);
                self.say(Output::Ringback { to: leg });
            }
            State::App { caller } => {
                put(caller);
                self.say(Output::App { caller: leg });
            }
            State::Undecided { caller } => put(caller),
            State::Idle | State::CallerRinging | State::Ended => {}
        }
    }

    fn add(&mut self, leg: Leg) -> Result<LegNo, Refused> {
        if self.legs.len() >= MOST_LEGS {
            return Err(Refused::Full);
        }
        self.legs.push(leg);
        Ok(leg_no(self.legs.len() - 1))
    }

    pub(super) fn released(&mut self, leg: LegNo) -> Result<(), Refused> {
        if self.status(leg) != Status::Up {
            return Err(Refused::WrongState);
        }
        self.leg(leg).status = Status::Over;
        let by = EndedBy::of(self.side(leg).other());
        self.end(Outcome::of(Cause::NormalClearing), by);
        Ok(())
    }

    pub(super) fn supervise(&mut self, ring: Ring, joins: Joins, now: Instant) -> Result<(), Refused> {
        if !self.may_be_joined() {
            return Err(Refused::WrongState);
        }
        self.rare().joining = Some(Joining { until: now.checked_add(ring.time) });
        let mut dialled = 0;
        for target in 0..ring.targets {
            dialled += usize::from(self.dial(Side::Third, Part::Third(joins), target));
        }
        if dialled == 0 {
            self.nobody_joined(Outcome::of(Cause::DestinationOutOfOrder));
        }
        Ok(())
    }

    pub(super) fn change(&mut self, leg: LegNo, joins: Joins) -> Result<(), Refused> {
        let up = self.status(leg) == Status::Up;
        match &mut self.leg(leg).part {
            Part::Third(known) if up => *known = joins,
            _ => return Err(Refused::WrongState),
        }
        self.bridge();
        Ok(())
    }

    pub(super) fn third_answered(&mut self, leg: LegNo) {
        self.leg(leg).status = Status::Up;
        self.rare().joining = None;
        self.drop_all(Cause::LoseRace, |leg| matches!(leg.part, Part::Third(_)) && leg.status != Status::Up);
        self.bridge();
    }

    pub(super) fn third_over(&mut self, before: Status, outcome: Outcome) {
        if before == Status::Up {
            return self.bridge();
        }
        let rings =
            |leg: &Leg| matches!(leg.part, Part::Third(_)) && matches!(leg.status, Status::Dialled | Status::Ringing);
        if !self.legs.iter().any(rings) {
            self.nobody_joined(outcome);
        }
    }

    fn nobody_joined(&mut self, outcome: Outcome) {
        if self.rare().joining.take().is_some() {
            self.say(Output::NobodyJoined(outcome));
        }
    }

    pub(super) fn drop_thirds(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.joining = None;
        }
        self.drop_all(Cause::NormalClearing, |leg| matches!(leg.part, Part::Third(_)));
    }

    pub(super) fn media_inactive(&mut self, leg: LegNo, now: Instant) {
        let outcome = Outcome::of(Cause::MediaTimeout);
        let part = self.leg(leg).part;
        match part {
            Part::Consult | Part::Third(_) if self.status(leg) == Status::Up => {
                self.drop_leg(leg, Cause::MediaTimeout);
                match part {
                    Part::Consult => self.consult_leg_over(leg, outcome, now),
                    _ => self.bridge(),
                }
            }
            _ if self.waiting() == Some(leg)
                || self.parties().is_some_and(|(one, other)| [one, other].contains(&leg)) =>
            {
                self.end(outcome, EndedBy::System);
            }
            _ => {}
        }
    }

    /// Lets time pass for what few calls have.
    pub(super) fn rare_timeout(&mut self, now: Instant) {
        let Some(rare) = &self.rare else { return };
        let due = |until: Option<Instant>| until.is_some_and(|until| now >= until);
        let offers: Vec<u64> = rare.offers.iter().filter(|known| due(known.until)).map(|known| known.offer).collect();
        let consult = rare.consult.is_some_and(|consult| due(consult.until));
        let joining = rare.joining.is_some_and(|joining| due(joining.until));
        let outcome = Outcome::of(Cause::NoAnswer);
        for offer in offers {
            self.offer_expired(offer);
        }
        if consult {
            self.drop_all(Cause::NoAnswer, |leg| leg.part == Part::Consult);
            self.consult_is_over(outcome);
        }
        if joining {
            let rings = |leg: &Leg| matches!(leg.part, Part::Third(_)) && leg.status != Status::Up;
            self.drop_all(Cause::NoAnswer, rings);
            self.nobody_joined(outcome);
        }
    }
}
