//! Phones that ring in one call and are to ring for somebody in another: a transfer before the one who is asked answers.

use super::{Call, Hears, Leg, LegNo, MOST_LEGS, Output, Part, Refused, Rings, State, Status, leg_no, rare::Transfer};

impl Call {
    /// Returns the phones that ring for `caller`, and their legs; nothing if he does not wait for an answer.
    pub fn rings_for(&self, caller: LegNo) -> Option<(Rings, Vec<LegNo>)> {
        if self.state != (State::Ringing { caller }) {
            return None;
        }
        let rings = |leg: &Leg| leg.part == Part::Step && matches!(leg.status, Status::Dialled | Status::Ringing);
        let legs: Vec<LegNo> = (0..self.legs.len()).filter(|at| rings(&self.legs[*at])).map(leg_no).collect();
        let count = u8::try_from(legs.len()).unwrap_or(u8::MAX);
        let known = Rings { ring: self.ring, next_target: self.next_target, until: self.deadline, legs: count };
        Some((known, legs))
    }

    pub(super) fn adopt_ringing(&mut self, by: LegNo, rings: Rings) -> Result<(), Refused> {
        let (_, stays) = self.talk_of(by)?;
        if rings.legs == 0 {
            return Err(Refused::WrongState);
        }
        if self.legs.len() + usize::from(rings.legs) > MOST_LEGS {
            return Err(Refused::Full);
        }
        self.drop_thirds();
        self.rare().transfer = Some(Transfer { by, here: true });
        self.leg(stays).holds = false;
        let side = self.side(stays).other();
        for _ in 0..rings.legs {
            self.legs.push(Leg { side, part: Part::Step, status: Status::Ringing, holds: false });
        }
        (self.ring, self.next_target, self.deadline) = (rings.ring, rings.next_target, rings.until);
        self.failure = None;
        self.state = State::Ringing { caller: stays };
        self.say(Output::Hears { leg: by, hears: Hears::Nothing });
        self.say(Output::Ringback { to: stays });
        Ok(())
    }

    /// Returns the leg that asks somebody before it hands the call on.
    pub fn consults(&self) -> Option<LegNo> {
        self.rare.as_ref()?.consult.map(|consult| consult.by)
    }

    /// Returns the legs that hear what `leg` says.
    pub fn hearers_of(&self, leg: LegNo) -> Vec<LegNo> {
        let State::Talking { caller, callee } = self.state else { return Vec::new() };
        let everything = self.heard();
        if everything.is_empty() {
            return match leg {
                leg if leg == caller => vec![callee],
                leg if leg == callee => vec![caller],
                _ => Vec::new(),
            };
        }
        let hears = |(listener, hears): (LegNo, Hears)| match hears {
            Hears::Legs(legs) if legs.contains(&leg) => Some(listener),
            _ => None,
        };
        everything.into_iter().filter_map(hears).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{
        Call, Input, LegNo, Order, Output, Part, Rings, Side,
        tests::{ended, feed, incoming, ring, start},
    };
    use crate::cause::{CallResult, Cause};

    const A: LegNo = LegNo(0);
    const B: LegNo = LegNo(1);
    const C: LegNo = LegNo(2);

    fn talking() -> Call {
        let mut call = incoming(1, Order::AllAtOnce);
        feed(&mut call, start(), [Input::Start, Input::Answered { leg: B }]);
        call
    }

    fn rings(call: &Call) -> Rings {
        call.rings_for(A).unwrap().0
    }

    #[test]
    fn phones_that_ring_for_one_ring_on_for_another() {
        let now = start();
        let mut asks = incoming(2, Order::AllAtOnce);
        feed(&mut asks, now, [Input::Start, Input::Progress { leg: B, early_media: false }]);
        let (known, legs) = asks.rings_for(A).unwrap();
        assert_eq!((known.legs, legs), (2, vec![B, C]));
        assert_eq!(known.until, Some(now + Duration::from_secs(30)));
        let mut call = talking();
        let said = feed(&mut call, now, [Input::AdoptRinging { by: B, rings: known }]);
        assert_eq!(said[1], Output::Ringback { to: A });
        assert_eq!(
            (call.part(C), call.part(LegNo(3))),
            (Some((Part::Step, Side::Callee)), Some((Part::Step, Side::Callee)))
        );
        let said = feed(&mut call, now, [Input::Answered { leg: LegNo(3) }]);
        for output in [
            Output::Drop { leg: C, cause: Cause::LoseRace },
            Output::Transferred { by: B },
            Output::Drop { leg: B, cause: Cause::NormalClearing },
            Output::Connect { caller: A, callee: LegNo(3) },
        ] {
            assert!(said.contains(&output), "{output:?} in {said:?}");
        }
        let ending = ended(&feed(&mut asks, now, [Input::Hangup { cause: Cause::OriginatorCancel }]));
        assert_eq!(ending.result, CallResult::Cancelled);
    }

    #[test]
    fn nobody_who_rings_answers_and_the_first_two_talk_again() {
        let now = start();
        let mut asks = incoming(1, Order::AllAtOnce);
        feed(&mut asks, now, [Input::Start]);
        let mut call = talking();
        feed(&mut call, now, [Input::AdoptRinging { by: B, rings: rings(&asks) }]);
        let busy = Input::LegEnded { leg: C, cause: Cause::UserBusy, sip_status: Some(486) };
        let said = feed(&mut call, now, [busy]);
        assert!(said.contains(&Output::Connect { caller: A, callee: B }), "{said:?}");
    }

    #[test]
    fn who_hears_whom_is_known_for_keys() {
        let mut call = talking();
        assert_eq!((call.hearers_of(A), call.hearers_of(B)), (vec![B], vec![A]));
        feed(&mut call, start(), [Input::Consult { by: B, ring: ring(1, Order::AllAtOnce) }]);
        assert_eq!((call.hearers_of(B), call.consults()), (vec![], Some(B)));
        feed(&mut call, start(), [Input::Answered { leg: C }]);
        assert_eq!((call.hearers_of(A), call.hearers_of(B), call.hearers_of(C)), (vec![], vec![C], vec![B]));
        feed(&mut call, start(), [Input::Merge]);
        assert_eq!(call.hearers_of(A), [B, C]);
        assert_eq!(call.rings_for(A), None);
    }
}
