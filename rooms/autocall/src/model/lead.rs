//! Whom a campaign calls, and who must not be called.

use domain::Timestamp;
use store::FromRow;

use super::names;

names! {
    pub(crate) enum LeadStatus {
        /// Waits for its first or its next attempt.
        Pending = "pending",
        /// The engine is about to dial it.
        Reserved = "reserved",
        Dialing = "dialing",
        /// Somebody was spoken to.
        Completed = "completed",
        NoSuchNumber = "no_such_number",
        /// All attempts are used.
        Exhausted = "exhausted",
        /// The campaign does not try again after such a result.
        NotRetried = "not_retried",
        OptedOut = "opted_out",
    }

    /// How a number came to be blocked.
    pub(crate) enum BlockSource {
        Manual = "manual",
        Import = "import",
        /// The callee pressed a key.
        KeyPress = "key_press",
        /// An agent said so.
        Disposition = "disposition",
    }
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Lead {
    pub(crate) id: i64,
    pub(crate) campaign_id: i64,
    /// E.164 without +.
    pub(crate) phone: String,
    /// As the client wrote it.
    pub(crate) phone_original: String,
    pub(crate) external_ref: Option<String>,
    /// JSON object.
    pub(crate) payload: String,
    pub(crate) status: LeadStatus,
    pub(crate) attempts: i64,
    /// Not before then; 0: at once.
    pub(crate) next_at: Timestamp,
    pub(crate) last_result: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Why a lead was not dialled, with the latest time that this rule refused it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Refused {
    pub(crate) rule: String,
    pub(crate) rule_version: i64,
    pub(crate) until_at: Option<Timestamp>,
    pub(crate) refused_at: Timestamp,
    /// How often so far.
    pub(crate) times: i64,
}

/// A number that nobody of the account may call.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Blocked {
    pub(crate) id: i64,
    pub(crate) phone: String,
    pub(crate) phone_original: String,
    pub(crate) reason: Option<String>,
    pub(crate) source: BlockSource,
    pub(crate) campaign_id: Option<i64>,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
}
