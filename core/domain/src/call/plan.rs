//! What a call sets out to do, decided before it starts, and again whenever a step comes to nothing.

use std::time::Duration;

/// How a call begins and what becomes of it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub origin: Origin,
    pub first: Step,
    /// The longest that the two may talk; none means as long as they like.
    pub longest: Option<Duration>,
}

/// Who started the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A phone or a trunk called us; its leg is number 0 and not answered yet.
    Incoming,
    /// We call both sides: first the caller's own phones, then whatever the step says.
    Originated(Ring),
    /// We call one side, the callee; the first step is what it hears once it has answered: a program, then perhaps a
    /// queue. Trunks are tried one after the other within the time of the ring.
    Robot(Ring),
}

/// What becomes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Phones or trunks ring, and one may answer.
    Ring(Ring),
    /// The caller is answered and hears something: a menu, a voicemail box, a queue.
    App,
}

/// How one side is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// How many phones or trunks there are to try.
    pub targets: usize,
    pub order: Order,
    /// How long one attempt may ring.
    pub time: Duration,
}

/// Whether all targets ring together or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    AllAtOnce,
    /// The next is tried where the network failed, not the person called: trunks to one number.
    OneByOne,
    /// The next is tried whatever became of the one before, after `time` too: people of a group.
    InTurn,
}

impl Ring {
    /// Returns how many targets ring at the beginning.
    pub(super) fn at_once(self) -> usize {
        match self.order {
            Order::AllAtOnce => self.targets,
            Order::OneByOne | Order::InTurn => self.targets.min(1),
        }
    }
}

impl Plan {
    pub const fn is_incoming(&self) -> bool {
        matches!(self.origin, Origin::Incoming)
    }
}
