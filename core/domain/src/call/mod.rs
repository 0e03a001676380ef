//! One call: who is rung, who is connected to whom, and how it ended.
//!
//! ```text
//!             incoming                         originated (click-to-call)
//!                │                                      │ dial the caller's own phones
//!                │                                      ▼
//!                │                               CallerRinging ──nobody──▶ Ended
//!                │ dial the callee                      │ one answers: dial the callee
//!                ▼                                      ▼
//!         CalleeRinging ◀───────────────────────────────┘
//!                │ one answers: connect     │ nobody, cancelled, refused
//!                ▼                          ▼
//!             Talking ──either hangs up──▶ Ended
//! ```
//!
//! The machine never touches SIP or media: it takes what happened to the legs and says what to do with them.

mod plan;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

pub use plan::{Order, Origin, Plan, Ring};

use crate::cause::{CallResult, Cause};

/// A leg's number within its call. The caller's leg of an incoming call is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegNo(pub u8);

/// Which end of the call a leg belongs to. In a click-to-call the agent is the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Caller,
    Callee,
}

/// What happened to the call from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Start,
    /// A dialled leg rings; `early_media` if it already sends sound.
    Progress {
        leg: LegNo,
        early_media: bool,
    },
    Answered {
        leg: LegNo,
    },
    /// A leg is over: refused, hung up, or it could not be dialled at all.
    LegEnded {
        leg: LegNo,
        cause: Cause,
        sip_status: Option<u16>,
    },
    /// Somebody who is no party of the call ends it: the API, the drain, a limit.
    Hangup {
        cause: Cause,
    },
    MediaInactive,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Dial target number `target` of that side.
    Dial {
        leg: LegNo,
        side: Side,
        target: usize,
    },
    /// Tell the incoming caller that the callee rings.
    RingCaller,
    /// Let the caller hear what `from` sends before the answer.
    EarlyMedia {
        from: LegNo,
    },
    /// Let the caller hear ringback made by us.
    Ringback {
        to: LegNo,
    },
    /// Answer the incoming caller.
    AnswerCaller,
    Connect {
        caller: LegNo,
        callee: LegNo,
    },
    /// End a leg by whatever its state calls for: CANCEL, BYE or a final response.
    Drop {
        leg: LegNo,
        cause: Cause,
    },
    /// A dialled leg rings for the first time.
    Ringing {
        leg: LegNo,
    },
    /// The two sides can talk; said once.
    Answered {
        caller: LegNo,
        callee: LegNo,
    },
    /// The call is over; said once and last.
    Ended(Ending),
}

/// How the call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub cause: Cause,
    pub sip_status: Option<u16>,
    pub by: EndedBy,
    pub result: CallResult,
}

/// Who ended the call; the `hangup_by` of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    Caller,
    Callee,
    System,
}

impl EndedBy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::System => "system",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    CallerRinging,
    CalleeRinging { caller: LegNo },
    Talking { caller: LegNo, callee: LegNo },
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
    status: Status,
}

/// One call. Neither `Clone` nor shared: its driver task is the only owner.
#[derive(Debug)]
pub struct Call {
    plan: Plan,
    state: State,
    legs: Vec<Leg>,
    /// Callee targets not dialled yet, when they are tried in order.
    next_target: usize,
    /// The best known reason why nobody has answered yet.
    failure: Option<(Cause, Option<u16>)>,
    deadline: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// An input that does not fit the state; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the call is over")]
    Over,
    #[error("the call has no such leg")]
    NoSuchLeg,
    #[error("the call was started already")]
    Started,
}

impl Call {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            state: State::Idle,
            legs: Vec::new(),
            next_target: 0,
            failure: None,
            deadline: None,
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
                self.leg_ended(leg, cause, sip_status, now);
            }
            Input::Hangup { cause } => self.end(cause, None, EndedBy::System),
            Input::MediaInactive => self.end(Cause::MediaTimeout, None, EndedBy::System),
        }
        Ok(())
    }

    /// Lets time pass: nobody answered within the plan's ring time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.deadline = None;
            match self.state {
                State::CallerRinging | State::CalleeRinging { .. } => self.end(Cause::NoAnswer, None, EndedBy::System),
                State::Talking { .. } => self.end(Cause::NormalClearing, None, EndedBy::System),
                State::Idle | State::Ended => {}
            }
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub const fn next_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    pub fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// Returns the word for the state in the list of live calls.
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            State::Idle | State::CallerRinging | State::CalleeRinging { .. } => "ringing",
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

    fn start(&mut self, now: Instant) -> Result<(), Refused> {
        if self.state != State::Idle {
            return Err(Refused::Started);
        }
        match self.plan.origin.clone() {
            Origin::Incoming => {
                self.legs.push(Leg { side: Side::Caller, status: Status::Ringing });
                self.ring_callee(LegNo(0), now);
            }
            Origin::Originated(ring) => {
                self.state = State::CallerRinging;
                self.deadline = now.checked_add(ring.time);
                for target in 0..ring.targets {
                    self.dial(Side::Caller, target);
                }
                if ring.targets == 0 {
                    self.end(Cause::DestinationOutOfOrder, None, EndedBy::System);
                }
            }
        }
        Ok(())
    }

    fn ring_callee(&mut self, caller: LegNo, now: Instant) {
        self.state = State::CalleeRinging { caller };
        self.failure = None;
        self.deadline = now.checked_add(self.plan.callee.time);
        let at_once = match self.plan.callee.order {
            Order::AllAtOnce => self.plan.callee.targets,
            Order::OneByOne => self.plan.callee.targets.min(1),
        };
        for target in 0..at_once {
            self.dial(Side::Callee, target);
        }
        self.next_target = at_once;
        if at_once == 0 {
            self.end(Cause::DestinationOutOfOrder, None, EndedBy::System);
        }
    }

    fn dial(&mut self, side: Side, target: usize) {
        let Ok(number) = u8::try_from(self.legs.len()) else { return };
        self.legs.push(Leg { side, status: Status::Dialled });
        self.outputs.push_back(Output::Dial { leg: LegNo(number), side, target });
    }

    fn progress(&mut self, leg: LegNo, early_media: bool) {
        if self.leg(leg).status == Status::Dialled {
            self.leg(leg).status = Status::Ringing;
            self.outputs.push_back(Output::Ringing { leg });
            if self.plan.is_incoming() && self.leg(leg).side == Side::Callee {
                self.outputs.push_back(Output::RingCaller);
            }
        }
        // Sound before the answer can only be passed on while one phone alone may be the source of it.
        let alone = self.plan.callee.targets == 1 || self.plan.callee.order == Order::OneByOne;
        if early_media && alone && self.leg(leg).side == Side::Callee && self.leg(leg).status == Status::Ringing {
            self.outputs.push_back(Output::EarlyMedia { from: leg });
        }
    }

    fn answered(&mut self, leg: LegNo, now: Instant) {
        match (self.leg(leg).status, self.leg(leg).side, self.state) {
            (Status::Over | Status::Up, ..) => {}
            (_, Side::Caller, State::CallerRinging) => {
                self.progress(leg, false);
                self.leg(leg).status = Status::Up;
                self.drop_ringing(Side::Caller, Cause::LoseRace);
                self.outputs.push_back(Output::Ringback { to: leg });
                self.ring_callee(leg, now);
            }
            (_, Side::Callee, State::CalleeRinging { caller }) => {
                self.progress(leg, false);
                self.leg(leg).status = Status::Up;
                self.drop_ringing(Side::Callee, Cause::LoseRace);
                if self.plan.is_incoming() {
                    self.leg(caller).status = Status::Up;
                    self.outputs.push_back(Output::AnswerCaller);
                }
                self.deadline = self.plan.longest.and_then(|longest| now.checked_add(longest));
                self.state = State::Talking { caller, callee: leg };
                self.outputs.push_back(Output::Connect { caller, callee: leg });
                self.outputs.push_back(Output::Answered { caller, callee: leg });
            }
            // An answer that lost a race: nobody waits for it.
            _ => {
                self.leg(leg).status = Status::Over;
                self.outputs.push_back(Output::Drop { leg, cause: Cause::LoseRace });
            }
        }
    }

    fn leg_ended(&mut self, leg: LegNo, cause: Cause, sip_status: Option<u16>, now: Instant) {
        if self.leg(leg).status == Status::Over {
            return;
        }
        self.leg(leg).status = Status::Over;
        let side = self.leg(leg).side;
        match (self.state, side) {
            (State::Talking { caller, .. }, _) if leg == caller => self.end(cause, sip_status, EndedBy::Caller),
            (State::Talking { callee, .. }, _) if leg == callee => self.end(cause, sip_status, EndedBy::Callee),
            (State::CalleeRinging { caller }, _) if leg == caller => {
                let cause = if cause == Cause::NormalClearing { Cause::OriginatorCancel } else { cause };
                self.end(cause, sip_status, EndedBy::Caller);
            }
            (State::CalleeRinging { .. }, Side::Callee) => {
                self.note_failure(cause, sip_status);
                if self.plan.callee.order == Order::OneByOne
                    && cause_of_the_network(cause)
                    && self.next_target < self.plan.callee.targets
                {
                    self.deadline = now.checked_add(self.plan.callee.time);
                    self.dial(Side::Callee, self.next_target);
                    self.next_target += 1;
                } else if !self.any_alive(Side::Callee) {
                    self.end_by_failure(EndedBy::Callee);
                }
            }
            (State::CallerRinging, _) => {
                self.note_failure(cause, sip_status);
                if !self.any_alive(Side::Caller) {
                    self.end_by_failure(EndedBy::Caller);
                }
            }
            _ => {}
        }
    }

    fn note_failure(&mut self, cause: Cause, sip_status: Option<u16>) {
        let better = self.failure.is_none_or(|(known, _)| known.better(cause) != known);
        if better {
            self.failure = Some((cause, sip_status));
        }
    }

    fn end_by_failure(&mut self, by: EndedBy) {
        let (cause, sip_status) = self.failure.unwrap_or((Cause::NormalUnspecified, None));
        self.end(cause, sip_status, by);
    }

    fn any_alive(&self, side: Side) -> bool {
        self.legs.iter().any(|leg| leg.side == side && leg.status != Status::Over)
    }

    fn drop_ringing(&mut self, side: Side, cause: Cause) {
        for at in 0..self.legs.len() {
            let leg = &mut self.legs[at];
            if leg.side == side && matches!(leg.status, Status::Dialled | Status::Ringing) {
                leg.status = Status::Over;
                self.outputs.push_back(Output::Drop { leg: leg_no(at), cause });
            }
        }
    }

    fn end(&mut self, cause: Cause, sip_status: Option<u16>, by: EndedBy) {
        let answered = matches!(self.state, State::Talking { .. });
        for at in 0..self.legs.len() {
            let leg = &mut self.legs[at];
            if leg.status != Status::Over {
                leg.status = Status::Over;
                self.outputs.push_back(Output::Drop { leg: leg_no(at), cause });
            }
        }
        self.state = State::Ended;
        self.deadline = None;
        let result = CallResult::of(answered, cause);
        self.outputs.push_back(Output::Ended(Ending { cause, sip_status, by, result }));
    }
}

/// Returns the number of the leg at that place; `dial` lets no call have more than 256.
fn leg_no(at: usize) -> LegNo {
    LegNo(u8::try_from(at).unwrap_or(u8::MAX))
}

/// Says whether another trunk may do better: the network failed, not the person called.
const fn cause_of_the_network(cause: Cause) -> bool {
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

/// Longest time a call may ring where the plan does not say otherwise.
pub const RING_TIME: Duration = Duration::from_secs(60);
