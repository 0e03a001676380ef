//! Kinds, rules, incidents, notices.

use domain::{TenantId, Timestamp};
use store::FromRow;
use web::Language;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    WebhookSuspended,
    TrunkDown,
    TollFraud,
    DeliveriesLate,
    CertificateExpiring,
    DiskLow,
}

/// When a kind fires that is measured and not merely seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// `seconds`, `days` or `percent`.
    pub unit: &'static str,
    pub default: i64,
    pub min: i64,
    pub max: i64,
    fires: Fires,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fires {
    AtOrAbove,
    AtOrBelow,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::WebhookSuspended,
        Self::TrunkDown,
        Self::TollFraud,
        Self::DeliveriesLate,
        Self::CertificateExpiring,
        Self::DiskLow,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhookSuspended => "webhook_suspended",
            Self::TrunkDown => "trunk_down",
            Self::TollFraud => "toll_fraud",
            Self::DeliveriesLate => "deliveries_late",
            Self::CertificateExpiring => "certificate_expiring",
            Self::DiskLow => "disk_low",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns whether it is about the host and not about one account.
    pub const fn is_of_host(self) -> bool {
        matches!(self, Self::CertificateExpiring | Self::DiskLow)
    }

    pub const fn threshold(self) -> Option<Threshold> {
        let (unit, default, min, max, fires) = match self {
            Self::WebhookSuspended | Self::TrunkDown | Self::TollFraud => return None,
            Self::DeliveriesLate => ("seconds", 300, 10, 86_400, Fires::AtOrAbove),
            Self::CertificateExpiring => ("days", 14, 1, 90, Fires::AtOrBelow),
            Self::DiskLow => ("percent", 10, 1, 50, Fires::AtOrBelow),
        };
        Some(Threshold { unit, default, min, max, fires })
    }

    /// Returns whether a reading is bad enough; of a kind without threshold every reading is.
    pub(crate) fn fires(self, value: i64, threshold: Option<i64>) -> bool {
        let Some(own) = self.threshold() else { return true };
        let limit = threshold.unwrap_or(own.default);
        match own.fires {
            Fires::AtOrAbove => value >= limit,
            Fires::AtOrBelow => value <= limit,
        }
    }
}

/// What a source sees of one subject now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose it is; `None` for the host's kinds.
    pub tenant: Option<TenantId>,
    /// What stays the same while it lasts, such as an id; empty if the kind is about one thing only.
    pub subject: String,
    /// The subject in people's words.
    pub name: String,
    /// In the unit of the kind's threshold; 0 for kinds without.
    pub value: i64,
}

/// What an account wishes for one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub kind: Kind,
    pub enabled: bool,
    /// Addresses that get letters.
    pub recipients: Vec<String>,
    pub language: Language,
    /// `None`: the kind's default, or none.
    pub threshold: Option<i64>,
    /// Where notices are posted.
    pub webhook_url: Option<String>,
    /// `None` while nobody has set it.
    pub updated_at: Option<Timestamp>,
}

impl Rule {
    /// Returns what holds until somebody sets the rule.
    pub(crate) const fn unset(kind: Kind) -> Self {
        Self {
            kind,
            enabled: true,
            recipients: Vec::new(),
            language: Language::En,
            threshold: None,
            webhook_url: None,
            updated_at: None,
        }
    }
}

/// A rule as somebody wants it. All of it replaces what was set.
#[derive(Clone, Debug)]
pub struct NewRule {
    pub enabled: bool,
    /// At most 10.
    pub recipients: Vec<String>,
    pub language: Language,
    /// `None` for the kind's default.
    pub threshold: Option<i64>,
    pub webhook_url: Option<String>,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: i64,
    pub kind: Kind,
    pub subject: String,
    pub name: String,
    /// What was measured when it was opened.
    pub value: i64,
    pub threshold: Option<i64>,
    pub opened_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
}

/// What an incident's notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Raised,
    Reminder,
    Resolved,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Reminder => "reminder",
            Self::Resolved => "resolved",
        }
    }

    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "reminder" => Self::Reminder,
            "resolved" => Self::Resolved,
            _ => Self::Raised,
        }
    }
}

/// Who was told, how, and whether it arrived.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Notice {
    pub id: i64,
    /// `raised`, `reminder` or `resolved`.
    pub phase: String,
    /// `mail` or `webhook`.
    pub channel: String,
    /// The address or URL.
    pub target: String,
    /// `waiting`, `sent` or `failed`.
    pub state: String,
    /// Why it failed, or why it still waits.
    pub detail: String,
    pub at: Timestamp,
}

/// What a test of a rule came to, for each recipient and for the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// `mail` or `webhook`.
    pub channel: &'static str,
    pub target: String,
    /// `None` if it arrived.
    pub error: Option<String>,
}

/// Which incidents to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncidentFilter {
    pub open_only: bool,
    pub kind: Option<Kind>,
}
