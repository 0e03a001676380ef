//! A campaign: which script is said to whom, when, and how often it is tried.

use domain::Timestamp;
use store::FromRow;

use super::names;

names! {
    pub(crate) enum CampaignStatus {
        Draft = "draft",
        Running = "running",
        Paused = "paused",
        /// Nobody is left to be called, or its end has come.
        Finished = "finished",
        Archived = "archived",
    }

    /// After which results an attempt is followed by another.
    pub(crate) enum RetryWhen {
        NoAnswer = "no_answer",
        Busy = "busy",
        Failed = "failed",
        Any = "any",
    }

    /// Why people are called: what the law asks depends on it.
    pub(crate) enum CallPurpose {
        Advertising = "advertising",
        Service = "service",
        Care = "care",
        Debt = "debt",
    }
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Campaign {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) script_id: i64,
    pub(crate) status: CampaignStatus,
    /// What an archived one was before.
    pub(crate) archived_from: Option<CampaignStatus>,
    /// None: the account's default trunk.
    pub(crate) caller_id_group_id: Option<i64>,
    /// 0-10.
    pub(crate) max_retries: i64,
    /// 1-43,200.
    pub(crate) retry_interval_minutes: i64,
    pub(crate) retry_only_when: RetryWhen,
    /// Calls at a time, 1-200.
    pub(crate) max_concurrent: i64,
    /// Seconds that a callee is rung, 10-180.
    pub(crate) originate_timeout: i64,
    pub(crate) write_to_main_cdr: bool,
    pub(crate) call_purpose: CallPurpose,
    /// Whether hours, caps and consent of the law are asked for.
    pub(crate) pdpl_enforce: bool,
    pub(crate) record_calls: bool,
    /// Whether the local voice may speak while the provider of tier A is down.
    pub(crate) tts_fallback: bool,
    pub(crate) amd_enabled: bool,
    pub(crate) start_at: Option<Timestamp>,
    pub(crate) end_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) paused_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}
