//! What happens to a call, and what it says has to be done.

use std::time::{Duration, Instant};

use super::plan::{Ring, Step};
use crate::cause::{CallResult, Cause};

/// A leg's number within its call. The caller's leg of an incoming call is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegNo(pub u8);

/// Which end of the call a leg belongs to. In a click-to-call the agent is the caller.
/// Whoever takes somebody's place in a transfer is on that one's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Caller,
    Callee,
    /// Neither: who is consulted, who supervises, who joins a conference of three.
    Third,
}

impl Side {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Third => "third",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
            Self::Third => Self::Third,
        }
    }
}

/// What a leg is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One of the caller's own phones, in a click-to-call.
    Own,
    /// Rung by a step.
    Step,
    /// Rung beside an application: an agent that a queue offers the call to.
    Offer(u64),
    /// One of the two who talk, or the caller who waits for that.
    Party,
    /// Asked by a party who may transfer the call to them.
    Consult,
    Third(Joins),
}

/// How a third leg takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joins {
    /// Hears both, is heard by nobody.
    Listen,
    /// Hears both, is heard by this leg alone.
    Whisper(LegNo),
    /// Hears both and is heard by both.
    Barge,
    /// As `Barge`, and stays when one of the two leaves: a conference of three.
    Member,
}

/// Whom a leg that calls in joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Answers in place of the phones that ring.
    Pickup,
    /// Takes the caller out of the application: a parked call.
    Retrieve,
    /// Takes the place of this leg (RFC 3891).
    Replace(LegNo),
}

/// Phones that ring for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rings {
    pub ring: Ring,
    /// The target that is dialled next, if they are tried one after the other.
    pub next_target: usize,
    /// How long they may still ring.
    pub until: Option<Instant>,
    /// How many are being rung.
    pub legs: u8,
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
    /// A dialled leg said where to go instead: target number `target` of the same list is dialled in its place.
    Redirected {
        leg: LegNo,
        target: usize,
    },
    /// Somebody who is no party of the call ends it: the API, the drain, a limit, an application.
    Hangup {
        cause: Cause,
    },
    /// No sound came from a leg for too long.
    MediaInactive {
        leg: LegNo,
    },
    /// What becomes of the caller now; the answer to [`Output::Undecided`], or the way out of an application.
    Next(Step),
    /// There is nothing else to try; the other answer to [`Output::Undecided`].
    NoNext,
    /// Rings an agent beside the application; `offer` names the attempt.
    Offer {
        offer: u64,
        targets: usize,
        time: Duration,
    },
    /// Ends that attempt.
    Withdraw {
        offer: u64,
    },
    /// A leg that called in joins; its number is [`Call::next_leg`](super::Call::next_leg).
    Join(Join),
    /// The other side hears music until `Unhold`.
    Hold {
        leg: LegNo,
    },
    Unhold {
        leg: LegNo,
    },
    /// `by` hands the other side on, and gets it back if that comes to nothing.
    Transfer {
        by: LegNo,
        step: Step,
    },
    /// `by` asks somebody while the other side hears music.
    Consult {
        by: LegNo,
        ring: Ring,
    },
    /// The one who consults leaves; the other two talk.
    Complete,
    /// The one who is consulted leaves; the first two talk again.
    Return,
    /// All three talk.
    Merge,
    /// A leg of another call takes the place of `place`; its number is [`Call::next_leg`](super::Call::next_leg).
    Adopt {
        place: LegNo,
    },
    /// Legs of another call that ring take part in this one: the other side of `by` waits for them. Their numbers begin
    /// at [`Call::next_leg`](super::Call::next_leg).
    AdoptRinging {
        by: LegNo,
        rings: Rings,
    },
    /// Another call has taken that leg over; this one ends.
    Released {
        leg: LegNo,
    },
    /// Rings somebody who joins a talk.
    Supervise {
        ring: Ring,
        joins: Joins,
    },
    /// A third leg takes part differently from now on.
    Change {
        leg: LegNo,
        joins: Joins,
    },
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Dial target number `target` of the list that `part` names.
    Dial { leg: LegNo, side: Side, part: Part, target: usize },
    /// Tell the incoming caller that the callee rings.
    RingCaller,
    /// Let the one who waits hear what `from` sends before the answer.
    EarlyMedia { to: LegNo, from: LegNo },
    /// Let a leg that is up hear ringback made by us.
    Ringback { to: LegNo },
    /// Answer the incoming caller.
    AnswerCaller,
    /// Answer a leg that joined.
    AnswerLeg { leg: LegNo },
    /// The two hear each other and nothing else.
    Connect { caller: LegNo, callee: LegNo },
    /// What one leg hears from now on, where it is not simply the other.
    Hears { leg: LegNo, hears: Hears },
    /// End a leg by whatever its state calls for: CANCEL, BYE or a final response.
    Drop { leg: LegNo, cause: Cause },
    /// A dialled leg rings for the first time.
    Ringing { leg: LegNo },
    /// The two sides can talk; said once.
    Answered { caller: LegNo, callee: LegNo },
    /// The caller is in the application.
    App { caller: LegNo },
    /// A step came to nothing: `Next` or `NoNext` says how the call goes on.
    Undecided(Outcome),
    /// Nobody took the offer; not said of one that was withdrawn.
    OfferFailed { offer: u64, outcome: Outcome },
    /// A transfer is done: `by` left the call.
    Transferred { by: LegNo },
    /// A transfer came to nothing: `by` has the other side back.
    TransferFailed { by: LegNo, outcome: Outcome },
    /// The consulted one is up, or could not be reached, or left.
    Consulted(Result<LegNo, Outcome>),
    /// A consultation is handed on while it rings: what it dials is the step from now on.
    RingsOn,
    /// Nobody came to join the talk.
    NobodyJoined(Outcome),
    /// The call is over; said once and last.
    Ended(Ending),
}

/// What a leg hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hears {
    Nothing,
    Music,
    Ringback,
    Legs(Vec<LegNo>),
}

/// Why something came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub cause: Cause,
    pub sip_status: Option<u16>,
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

    pub(super) const fn of(side: Side) -> Self {
        match side {
            Side::Caller => Self::Caller,
            Side::Callee => Self::Callee,
            Side::Third => Self::System,
        }
    }
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
    #[error("the call is not in a state for this")]
    WrongState,
    #[error("the call has all the legs that it may have")]
    Full,
}
