//! What an admin sets for the whole account.

use domain::Timestamp;
use web::Language;

/// The account as its admins see and change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    pub name: String,
    /// The account's own domain; only the host's tools change it.
    pub host: Option<String>,
    /// Sent by clients of the incoming-call webhooks as `X-Client-Id`.
    pub client_id: uuid::Uuid,
    /// An IANA name.
    pub timezone: String,
    /// Two letters: where numbers without a country code belong.
    pub region: String,
    /// What the console speaks to users who chose none; `None` for the browser's.
    pub language: Option<Language>,
    /// Longest period of a query of call records, in days.
    pub cdr_max_days: i64,
    /// Days for which call records and their recordings are kept; 0 for ever.
    pub cdr_keep_days: i64,
    /// Minutes without a request after which a session ends.
    pub session_idle_minutes: i64,
    /// Hours after which a session ends however busy it is.
    pub session_hours: i64,
    pub created_at: Timestamp,
}

/// A change of [`AccountSettings`]; `None` leaves a value as it is.
#[derive(Clone, Debug, Default)]
pub struct ChangeSettings {
    pub name: Option<String>,
    pub timezone: Option<String>,
    pub region: Option<String>,
    /// The empty text for the browser's.
    pub language: Option<String>,
    pub cdr_max_days: Option<i64>,
    pub cdr_keep_days: Option<i64>,
    pub session_idle_minutes: Option<i64>,
    pub session_hours: Option<i64>,
}
