//! INVITE sessions (RFC 3261 §13-15).

mod events;

pub use events::{
    EndedBy, IncomingInvite, Invite, LegCommand, LegEvent, LegEventKind, LegKey, Reason, Request, TrunkCredentials,
    TrustedSource,
};
