//! One call: who is rung, who hears what, who is connected to whom, and how it ended.
//!
//! ```text
//!        incoming                    originated (click-to-call)
//!            │                                │ dial the caller's own phones
//!            │                                ▼
//!            │                          CallerRinging ──nobody──▶ Ended
//!            │ first step                     │ one answers: first step
//!            ▼                                ▼
//!    ┌──▶ Ringing ◀──────────────────────── step ──────────────▶ App ◀──┐
//!    │       │ │ nobody, refused, too long                         │  │  │
//!    │       │ └────────▶ Undecided ──next step (forward, box)─────┼──┼──┘
//!    │       │                │ none is left                       │  │
//!    │       │ one answers    └──▶ back to who transferred, or Ended  │ an offer is answered,
//!    │       ▼                                                     │  │ somebody takes the call out
//!    └─── Talking ◀────────────────────────────────────────────────┴──┘
//!  transfer  │ hold, consult, third legs: who hears whom changes
//!            └──either hangs up──▶ Ended
//! ```
//!
//! A program that calls somebody has no phones of its own: the callee is rung in `CallerRinging`, and its first step is
//! `App`.
//!
//! The machine never touches SIP or media: it takes what happened to the legs and says what to do with them.
//! What a plain call of two never needs is in a box that is made when it is needed.

mod keypad;
mod plan;
mod rare;
mod ringing;
mod rings;
mod talking;
mod terms;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_anything;
#[cfg(test)]
mod tests_features;
#[cfg(test)]
mod tests_robot;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

pub use keypad::{Feature, KeyOutput, Keypad};
pub use plan::{Order, Origin, Plan, Ring, Step};
pub use terms::{EndedBy, Ending, Hears, Input, Join, Joins, LegNo, Outcome, Output, Part, Refused, Rings, Side};

use crate::cause::{CallResult, Cause};
use rare::Rare;

/// Most legs of one call; a place of an agent that was offered the call in vain is used again.
const MOST_LEGS: usize = 255;
/// Longest time a call may ring where the plan does not say otherwise.
pub const RING_TIME: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    CallerRinging,
    /// `caller` waits for the one who answers. After a transfer it may be a callee who waits.
    Ringing {
        caller: LegNo,
    },
    App {
        caller: LegNo,
    },
    Undecided {
        caller: LegNo,
    },
    Talking {
        caller: LegNo,
        callee: LegNo,
    },
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Dialled,
    Ringing,
    Up,
    Over,
}

#[derive(Debug)]
struct Leg {
    side: Side,
    part: Part,
    status: Status,
    /// It has put the other side on hold.
    holds: bool,
}

/// One call. Neither `Clone` nor shared: its driver task is the only owner.
#[derive(Debug)]
pub struct Call {
    plan: Plan,
    state: State,
    legs: Vec<Leg>,
    /// How the step that is being done rings.
    ring: Ring,
    /// Targets not dialled yet, when they are tried one after the other.
    next_target: usize,
    /// The best known reason why nobody has answered yet, and whose doing it is.
    failure: Option<(Outcome, EndedBy)>,
    /// Until when the ringing may last.
    deadline: Option<Instant>,
    /// Until when the call may last.
    until: Option<Instant>,
    /// Two sides could talk.
    talked: bool,
    rare: Option<Box<Rare>>,
    outputs: VecDeque<Output>,
}

impl Call {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            state: State::Idle,
            legs: Vec::new(),
            ring: Ring { targets: 0, order: Order::AllAtOnce, time: RING_TIME },
            next_target: 0,
            failure: None,
            deadline: None,
            until: None,
            talked: false,
            rare: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened.
    ///
    /// # Errors
    /// `Refused` if it does not fit the call's state; late news of a finished call is no fault of anybody.
    pub fn handle(&mut self, input: Input, now: Instant) -> Result<(), Refused> {
        if self.state == State::Ended {
            return Err(Refused::Over);
        }
        match input {
            Input::Start => return self.start(now),
            Input::Progress { leg, early_media } => self.progress(self.check(leg)?, early_media),
            Input::Answered { leg } => self.answered(self.check(leg)?, now),
            Input::LegEnded { leg, cause, sip_status } => {
                let leg = self.check(leg)?;
                self.leg_ended(leg, Outcome { cause, sip_status }, now);
            }
            Input::Redirected { leg, target } => {
                let leg = self.check(leg)?;
                self.redirected(leg, target, now);
            }
            Input::Hangup { cause } => self.end(Outcome { cause, sip_status: None }, EndedBy::System),
            Input::MediaInactive { leg } => self.media_inactive(self.check(leg)?, now),
            Input::Next(step) => return self.next(step, now),
            Input::NoNext => return self.no_next(),
            Input::Offer { offer, targets, time } => return self.offer(offer, targets, time, now),
            Input::Withdraw { offer } => self.withdraw(offer),
            Input::Join(join) => return self.join(join, now),
            Input::Hold { leg } => return self.hold(self.check(leg)?, true),
            Input::Unhold { leg } => return self.hold(self.check(leg)?, false),
            Input::Transfer { by, step } => return self.transfer(self.check(by)?, step, now),
            Input::Consult { by, ring } => return self.consult(self.check(by)?, ring, now),
            Input::Complete => return self.complete(),
            Input::Return => return self.give_back(),
            Input::Merge => return self.merge(),
            Input::Adopt { place } => return self.adopt(self.check(place)?),
            Input::AdoptRinging { by, rings } => return self.adopt_ringing(self.check(by)?, rings),
            Input::Released { leg } => return self.released(self.check(leg)?),
            Input::Supervise { ring, joins } => return self.supervise(ring, joins, now),
            Input::Change { leg, joins } => return self.change(self.check(leg)?, joins),
        }
        Ok(())
    }

    /// Lets time pass: nobody answered in time, or the call has lasted as long as it may.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.deadline = None;
            self.ringing_is_over(now);
        }
        self.rare_timeout(now);
        if self.until.is_some_and(|until| now >= until) && self.state != State::Ended {
            self.end(Outcome { cause: Cause::NormalClearing, sip_status: None }, EndedBy::System);
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let rare = self.rare.as_ref().and_then(|rare| rare.next_timeout());
        [self.deadline, self.until, rare].into_iter().flatten().min()
    }

    pub fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// Returns whether the two sides can talk now, on hold or not.
    pub const fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    /// Returns whether the two sides could ever talk.
    pub const fn has_talked(&self) -> bool {
        self.talked
    }

    /// Returns the two who talk, the caller's side first.
    pub const fn parties(&self) -> Option<(LegNo, LegNo)> {
        match self.state {
            State::Talking { caller, callee } => Some((caller, callee)),
            _ => None,
        }
    }

    /// Returns whether `by` may hand the other side on now, or ask somebody first.
    pub fn may_transfer(&self, by: LegNo) -> bool {
        self.talk_of(by).is_ok()
    }

    /// Returns whether somebody may be rung to join the talk.
    pub fn may_be_joined(&self) -> bool {
        self.is_talking() && self.rare.as_ref().is_none_or(|rare| rare.joining.is_none())
    }

    /// Returns the leg that waits: for an answer, in an application, or for what becomes of it.
    pub const fn waiting(&self) -> Option<LegNo> {
        match self.state {
            State::Ringing { caller } | State::App { caller } | State::Undecided { caller } => Some(caller),
            _ => None,
        }
    }

    /// Returns whether the caller is in an application.
    pub const fn is_in_app(&self) -> bool {
        matches!(self.state, State::App { .. })
    }

    /// Returns what a leg is there for, and on which side.
    pub fn part(&self, leg: LegNo) -> Option<(Part, Side)> {
        self.legs.get(usize::from(leg.0)).map(|leg| (leg.part, leg.side))
    }

    /// Returns whether that leg has put the other side on hold.
    pub fn holds(&self, leg: LegNo) -> bool {
        self.legs.get(usize::from(leg.0)).is_some_and(|leg| leg.holds)
    }

    /// Returns the number that a leg gets which joins or is adopted.
    pub fn next_leg(&self) -> Option<LegNo> {
        (self.legs.len() < MOST_LEGS).then(|| leg_no(self.legs.len()))
    }

    /// Returns the word for the state in the list of live calls.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Idle | State::CallerRinging => "ringing",
            State::Ringing { .. } | State::Undecided { .. } if self.talked => "answered",
            State::Ringing { .. } | State::Undecided { .. } => "ringing",
            State::App { .. } => "answered",
            State::Talking { caller, callee } if self.holds(caller) || self.holds(callee) => "held",
            State::Talking { .. } => "answered",
            State::Ended => "ended",
        }
    }

    fn check(&self, leg: LegNo) -> Result<LegNo, Refused> {
        if usize::from(leg.0) < self.legs.len() { Ok(leg) } else { Err(Refused::NoSuchLeg) }
    }

    fn leg(&mut self, leg: LegNo) -> &mut Leg {
        self.legs.get_mut(usize::from(leg.0)).expect("legs are checked on entry")
    }

    fn status(&self, leg: LegNo) -> Status {
        self.legs.get(usize::from(leg.0)).map_or(Status::Over, |leg| leg.status)
    }

    fn side(&self, leg: LegNo) -> Side {
        self.legs.get(usize::from(leg.0)).map_or(Side::Third, |leg| leg.side)
    }

    /// Says `output` later, in order.
    fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Ends a leg that is alive; one that is over stays over.
    fn drop_leg(&mut self, leg: LegNo, cause: Cause) {
        if self.status(leg) != Status::Over {
            self.leg(leg).status = Status::Over;
            self.say(Output::Drop { leg, cause });
        }
    }

    /// Ends every living leg that `fits`.
    fn drop_all(&mut self, cause: Cause, fits: impl Fn(&Leg) -> bool) {
        for at in 0..self.legs.len() {
            let leg = &self.legs[at];
            if leg.status != Status::Over && fits(leg) {
                self.drop_leg(leg_no(at), cause);
            }
        }
    }

    fn any_alive(&self, part: Part) -> bool {
        self.legs.iter().any(|leg| leg.part == part && leg.status != Status::Over)
    }

    fn end(&mut self, outcome: Outcome, by: EndedBy) {
        self.drop_all(outcome.cause, |_| true);
        self.state = State::Ended;
        (self.deadline, self.until, self.rare) = (None, None, None);
        let result = CallResult::of(self.talked, outcome.cause);
        let Outcome { cause, sip_status } = outcome;
        self.say(Output::Ended(Ending { cause, sip_status, by, result }));
    }
}

/// Returns the number of the leg at that place; no call has more than [`MOST_LEGS`].
fn leg_no(at: usize) -> LegNo {
    LegNo(u8::try_from(at).unwrap_or(u8::MAX))
}
