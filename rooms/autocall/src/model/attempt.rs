//! One dial of one lead.

use domain::{CallId, Timestamp};
use store::FromRow;

use super::names;

names! {
    /// How an attempt ended; the names are those of `dialer::attempts::Outcome`.
    pub(crate) enum AttemptResult {
        Answered = "answered",
        NoAnswer = "no_answer",
        Busy = "busy",
        Rejected = "rejected",
        Failed = "failed",
        Machine = "machine",
        Abandoned = "abandoned",
        Unallocated = "unallocated",
        CalledOff = "called_off",
        Lost = "lost",
    }
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Attempt {
    pub(crate) call_uuid: CallId,
    pub(crate) campaign_id: i64,
    pub(crate) lead_id: i64,
    pub(crate) script_id: i64,
    /// From 1.
    pub(crate) attempt_number: i64,
    /// E.164 without +.
    pub(crate) phone: String,
    pub(crate) caller_id: Option<String>,
    pub(crate) trunk_name: Option<String>,
    pub(crate) dialled_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    /// None while it is up.
    pub(crate) result: Option<AttemptResult>,
    pub(crate) hangup_cause: Option<String>,
    pub(crate) sip_status: Option<i64>,
    /// Seconds from answer to end.
    pub(crate) billsec: i64,
    pub(crate) digits: String,
    pub(crate) transferred_to: Option<String>,
    pub(crate) transferred_at: Option<Timestamp>,
    pub(crate) transfer_agent: Option<String>,
    pub(crate) transfer_answered_at: Option<Timestamp>,
    pub(crate) recording_path: Option<String>,
}
