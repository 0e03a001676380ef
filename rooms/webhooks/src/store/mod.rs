//! Every SQL statement of the room.

pub(crate) mod history;
pub(crate) mod queue;
pub(crate) mod webhooks;
