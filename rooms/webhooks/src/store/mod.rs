//! Every SQL statement of the room.

pub(crate) mod figures;
pub(crate) mod history;
pub(crate) mod incoming;
pub(crate) mod queue;
pub(crate) mod replays;
pub(crate) mod webhooks;
