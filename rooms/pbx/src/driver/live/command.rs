//! What may be asked of a call that is up, and what it answers.

use domain::cause::Cause;
use tokio::sync::oneshot;

use super::Taken;
use crate::driver::{call::Moved, queue::QueueOrder, robot};

/// What the outside may ask of a call's driver. Rare and large things are in boxes: the mailbox of every call has room
/// for many commands.
#[derive(Debug)]
pub(crate) enum Command {
    Hangup(Cause),
    Hold {
        by: Who,
        reply: Reply,
    },
    Unhold {
        by: Who,
        reply: Reply,
    },
    Dtmf {
        digits: Box<str>,
        to: Who,
        reply: Reply,
    },
    PauseRecording {
        reply: Reply,
    },
    ResumeRecording {
        reply: Reply,
    },
    Transfer(Box<Transfer>),
    /// Ends an attended transfer: the one who asked leaves, or the one who was asked.
    CompleteTransfer {
        reply: Reply,
    },
    CancelTransfer {
        reply: Reply,
    },
    Supervise(Box<Supervise>),
    /// What the queue wants that the call waits in.
    Queue(QueueOrder),
    /// What the program wants that called.
    Robot(robot::Input),
    /// Somebody who called joins the call.
    Join(Box<Joining>),
    /// Another call takes over the one whom a leg talks with, or those who ring for it.
    TakeLeg(Box<TakeLeg>),
    /// What the media says of the caller while he is in a conference room.
    InRoom(media::EventKind),
}

/// Somebody who called, and wants into this call.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) incoming: sip::Incoming,
    pub(crate) how: JoinAs,
    pub(crate) extension: Option<String>,
    pub(crate) seat: Option<Taken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinAs {
    /// Answers in place of the phones that ring.
    Pickup,
    /// Takes the caller out of where he is parked.
    Retrieve,
    /// Takes the place of a leg (RFC 3891).
    Replaces(sip::LegKey),
}

/// A wish for the one whom a leg of this call talks with.
#[derive(Debug)]
pub(crate) struct TakeLeg {
    pub(crate) beside: sip::LegKey,
    /// Where its SIP events go from now on.
    pub(crate) sink: sip::LegSink,
    /// Told when the giving begins. Whoever asked waits for its end then, and has left if this cannot be sent: nothing is
    /// given that nobody takes.
    pub(crate) begins: oneshot::Sender<Gift>,
}

/// Brings what another call gives away.
pub(crate) type Gift = oneshot::Receiver<Result<Box<Moved>, Conflict>>;

/// A wish to hand a party on.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// A number as a phone of the account would dial it.
    pub(crate) to: String,
    pub(crate) mode: TransferMode,
    pub(crate) by: Who,
    pub(crate) reply: Reply,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferMode {
    Blind,
    /// The new party is asked first.
    Attended,
}

/// A wish to listen in.
#[derive(Debug)]
pub(crate) struct Supervise {
    /// Whose phones ring.
    pub(crate) extension: String,
    pub(crate) mode: SuperviseMode,
    pub(crate) reply: Reply,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuperviseMode {
    Listen,
    /// Heard by the call's own extension alone.
    Whisper,
    Barge,
}

/// Which party of a call is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Who {
    /// The party that the account's side of the call is: the extension, the agent.
    #[default]
    Agent,
    Leg(domain::LegId),
}

/// Tells whether a command was obeyed.
pub(crate) type Reply = oneshot::Sender<Result<(), Conflict>>;

/// Why a call cannot do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Conflict {
    #[error("the call is not in a state for this")]
    WrongState,
    #[error("the call has no such party")]
    NoSuchParty,
    #[error("the call is not recorded, or is in that state already")]
    NotRecorded,
    #[error("the other side cannot be reached: {}", .0.as_str())]
    Unreachable(Cause),
}
