//! What a call sets out to do, decided before it starts.

use std::time::Duration;

/// How a call begins and whom it rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub origin: Origin,
    pub callee: Ring,
    /// The longest that the two may talk; none means as long as they like.
    pub longest: Option<Duration>,
}

/// Who started the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A phone or a trunk called us; its leg is number 0 and not answered yet.
    Incoming,
    /// We call both sides: first the caller's own phones, then the callee.
    Originated(Ring),
}

/// How one side is rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// How many phones or trunks there are to try.
    pub targets: usize,
    pub order: Order,
    /// How long one attempt may ring.
    pub time: Duration,
}

/// Whether all targets ring together or the next only when one has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    AllAtOnce,
    OneByOne,
}

impl Plan {
    pub const fn is_incoming(&self) -> bool {
        matches!(self.origin, Origin::Incoming)
    }
}
