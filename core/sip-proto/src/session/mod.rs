//! INVITE sessions (RFC 3261 §13-15).

mod events;
pub(crate) mod leg;
mod offer;
pub(crate) mod uac;
pub(crate) mod uas;

pub use events::{
    EndedBy, IncomingInvite, Invite, LegCommand, LegEvent, LegEventKind, LegKey, Reason, Request, TrunkCredentials,
    TrustedSource,
};
