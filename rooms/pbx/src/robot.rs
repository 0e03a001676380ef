//! Calls whose near side is a program: it has somebody called, says something, hears the keys that are pressed, and hands
//! the call to a queue or hangs up.
//!
//! ```text
//!  program ──RobotCall──▶ Pbx::robot ──▶ RobotHandle ──RobotOrder──▶ call
//!                                             ▲                        │
//!                                             └───────RobotEvent───────┘
//! ```
//!
//! Such a call leaves like every other one: through the guard against toll fraud, the trunks' channels and their pace.

use std::{path::PathBuf, time::Duration};

use domain::{
    CallId, TenantId, Timestamp,
    call::EndedBy,
    cause::{CallResult, Cause},
};
use tokio::sync::mpsc;

use crate::{
    Pbx,
    driver::{
        live::{Command, Live},
        robot::{Input, place},
    },
};

/// A wish to have somebody called by a program.
#[derive(Clone, Debug)]
pub struct RobotCall {
    pub tenant: TenantId,
    /// Chosen by the program, which may have written it down before anybody is called.
    pub call: CallId,
    /// As a phone of the account would dial it; it has to lead outside.
    pub number: String,
    pub shows: Shows,
    /// How long the callee may ring, on all trunks together.
    pub ring_time: Duration,
    /// Whether what is said is recorded from the answer on.
    pub records: bool,
    /// Whether the call stands in the CDR; else only the program hears how it ended.
    pub has_cdr: bool,
    /// What the call is for, in its record and events.
    pub campaign: Option<i64>,
    pub lead: Option<i64>,
}

/// The number that the callee sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// That of the trunk, else one of the account.
    #[default]
    Default,
    /// An active caller ID of the account.
    Number(String),
    /// One that is drawn from a caller-ID group.
    Group(i64),
}

/// Why nobody was called.
#[derive(Debug, thiserror::Error)]
pub enum RobotRefused {
    #[error("the server is shutting down")]
    Draining,
    /// No trunk has a channel or may begin another call this second, or the node has all its calls up.
    #[error("no line is free")]
    Full,
    /// The rules let nobody call there, or no route leads there.
    #[error("the call is refused: {}", .0.as_str())]
    Barred(Cause),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a program wants of its call. What does not fit where the call stands changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RobotOrder {
    /// Says this in place of whatever is said now: WAV files of 16 bits at 8 kHz, one after the other. `id` comes back
    /// with its end.
    Play {
        id: u32,
        files: Vec<PathBuf>,
    },
    /// Falls silent; no end of what was said is told.
    Stop,
    /// Hands the callee to a queue.
    Transfer {
        queue: String,
    },
    HangUp,
}

/// What happens to a program's call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RobotEvent {
    /// The callee rings; said once.
    Ringing,
    Answered {
        at: Timestamp,
    },
    /// All of it was sent.
    Played {
        id: u32,
    },
    /// A file could not be read: nothing of it was heard.
    Unplayable {
        id: u32,
    },
    /// A key was pressed, while the program had the callee.
    Key(char),
    /// The callee waits in the queue; the program has no more to say.
    Queued {
        queue: String,
    },
    /// An agent of the queue talks with the callee.
    Connected {
        queue: String,
        extension: Option<String>,
        at: Timestamp,
    },
    /// Said last. Without it the channel closes only if the call itself could not be run.
    Ended(Box<RobotEnd>),
}

/// How a program's call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotEnd {
    pub cause: Cause,
    pub result: CallResult,
    pub sip_status: Option<u16>,
    /// The callee is the one who was called; the system is also the program.
    pub by: EndedBy,
    /// When the callee answered.
    pub answered_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    /// From the callee's answer to the end.
    pub talked: Duration,
    /// The trunk's name.
    pub trunk: Option<String>,
    /// The number that was shown.
    pub shown: String,
    /// Below the folder of recordings.
    pub recording: Option<String>,
}

/// A program's hold on its call. Dropped, it hangs up, unless a queue has the callee.
#[derive(Debug)]
pub struct RobotHandle {
    pub(crate) live: Live,
    pub(crate) tenant: TenantId,
    pub(crate) call: CallId,
    /// The number that is shown.
    pub(crate) shown: String,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) events: mpsc::Receiver<RobotEvent>,
    /// The callee is somebody else's, or gone.
    pub(crate) is_let_go: bool,
}

impl Pbx {
    /// Returns where the sound of a prompt lies, by the path that its row has.
    pub fn prompt_file(&self, path: &str) -> PathBuf {
        self.config.prompts_dir.join(path)
    }

    /// Has a program call somebody. Comes back when the call is on disk and before anybody rings.
    ///
    /// # Errors
    /// `RobotRefused`; nobody was called then.
    pub async fn robot(&self, wish: RobotCall) -> Result<RobotHandle, RobotRefused> {
        place(self, wish).await
    }
}

impl RobotHandle {
    pub const fn call(&self) -> CallId {
        self.call
    }

    /// Returns the number that the callee sees.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Tells the call what to do. A call that is over does nothing.
    pub async fn order(&self, order: RobotOrder) {
        let _ = self.commands.send(Command::Robot(Input::Order(order))).await;
    }

    /// Waits for what happens next; `None` after the end.
    pub async fn next(&mut self) -> Option<RobotEvent> {
        let event = self.events.recv().await;
        self.is_let_go |= matches!(event, None | Some(RobotEvent::Queued { .. } | RobotEvent::Ended(_)));
        event
    }
}

impl Drop for RobotHandle {
    fn drop(&mut self) {
        if self.is_let_go {
            return;
        }
        // A call that has too much to do for this still hears that it ends.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.commands.try_send(Command::Robot(Input::Gone)) {
            self.live.command(self.tenant, self.call, Command::Hangup(Cause::NormalClearing));
        }
    }
}
