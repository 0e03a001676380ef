//! A live call as the database knows it, enough to close its books after a crash.

use domain::{CallId, TenantId, Timestamp, ids::TrunkId};

use super::names;

/// One run of the program on one node. Calls of an earlier run are left over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Drawn anew at every start.
    pub id: String,
    /// The node's name; the same after a restart.
    pub node: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCall {
    pub call: CallId,
    pub tenant: TenantId,
    /// [`Boot::id`] of the run that owns the call.
    pub boot: String,
    pub state: CallState,
    pub direction: Direction,
    pub source_type: SourceType,
    pub caller_number: String,
    pub destination_number: String,
    pub extension: Option<String>,
    pub agent_extension: Option<String>,
    pub trunk: Option<TrunkId>,
    pub trunk_name: Option<String>,
    pub queue_name: Option<String>,
    pub campaign: Option<i64>,
    pub lead: Option<i64>,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    /// JSON array, as shown by the API.
    pub legs: String,
    /// What it takes to send BYE to both sides after a restart; written at answer.
    pub dialogs: Option<String>,
    /// Relative to the recordings folder.
    pub recording_path: Option<String>,
    /// Whether its end is written into the CDR; whoever placed it may keep a ledger of its own.
    pub has_cdr: bool,
    /// How often it was handed on.
    pub transfers: i64,
    /// When the owner was last known alive; read only.
    pub heartbeat_at: Timestamp,
}

names! {
    pub enum CallState {
        Initiating = "initiating",
        Ringing = "ringing",
        Answered = "answered",
        Held = "held",
    }

    pub enum Direction {
        Inbound = "inbound",
        Outbound = "outbound",
        Internal = "internal",
        /// Reached an application of the switch; in webhooks such a call is `internal`.
        Local = "local",
    }

    /// What set the call up.
    pub enum SourceType {
        Inbound = "inbound",
        OutboundManual = "outbound_manual",
        OutboundTelesales = "outbound_telesales",
        OutboundCallback = "outbound_callback",
        OutboundWebphone = "outbound_webphone",
        Internal = "internal",
    }
}
