//! INVITE sessions (RFC 3261 §13-15).

mod events;
pub(crate) mod leg;
mod offer;
pub(crate) mod refer;
pub(crate) mod reliable;
mod replaces;
pub(crate) mod timer;
pub(crate) mod uac;
pub(crate) mod uas;

pub use events::{
    EndedBy, IncomingInvite, Invite, LOOPS, LegCommand, LegEvent, LegEventKind, LegKey, Reason, Request,
    TrunkCredentials, TrustedSource, dtmf_of_info,
};
pub use refer::{Notify, Refer, ReferKey};
pub use replaces::Replaces;
