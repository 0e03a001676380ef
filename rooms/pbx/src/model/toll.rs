//! The rules against toll fraud as they are stored: JSON, unknown fields refused.

use domain::guard::{Limits, Policy};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    stopped: bool,
    countries: Vec<String>,
    opened: Vec<String>,
    blocked: Vec<String>,
    dearest_minute: Option<i64>,
    /// Rules that were stored before there was one have none.
    #[serde(default)]
    calls_per_number: Option<u32>,
    extension: StoredLimits,
    account: StoredLimits,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLimits {
    calls_at_once: Option<u32>,
    calls_per_hour: Option<u32>,
    minutes_per_hour: Option<u32>,
    spend_per_hour: Option<i64>,
}

impl From<Limits> for StoredLimits {
    fn from(limits: Limits) -> Self {
        let Limits { calls_at_once, calls_per_hour, minutes_per_hour, spend_per_hour } = limits;
        Self { calls_at_once, calls_per_hour, minutes_per_hour, spend_per_hour }
    }
}

impl From<StoredLimits> for Limits {
    fn from(limits: StoredLimits) -> Self {
        let StoredLimits { calls_at_once, calls_per_hour, minutes_per_hour, spend_per_hour } = limits;
        Self { calls_at_once, calls_per_hour, minutes_per_hour, spend_per_hour }
    }
}

/// Reads stored rules.
pub(crate) fn read(text: &str) -> Option<Policy> {
    let stored: Stored = serde_json::from_str(text).ok()?;
    Some(Policy {
        stopped: stored.stopped,
        countries: stored.countries,
        opened: stored.opened,
        blocked: stored.blocked,
        dearest_minute: stored.dearest_minute,
        calls_per_number: stored.calls_per_number,
        extension: stored.extension.into(),
        account: stored.account.into(),
    })
}

pub(crate) fn write(policy: &Policy) -> String {
    let stored = Stored {
        stopped: policy.stopped,
        countries: policy.countries.clone(),
        opened: policy.opened.clone(),
        blocked: policy.blocked.clone(),
        dearest_minute: policy.dearest_minute,
        calls_per_number: policy.calls_per_number,
        extension: policy.extension.into(),
        account: policy.account.into(),
    };
    serde_json::to_string(&stored).expect("texts and numbers always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_rules_come_back_as_they_were() {
        let policy = Policy {
            stopped: true,
            countries: vec!["84".to_owned(), "1".to_owned()],
            dearest_minute: Some(5),
            calls_per_number: Some(7),
            ..Policy::default()
        };
        assert_eq!(read(&write(&policy)), Some(policy));
        assert_eq!(read("{}"), None);
        let older = write(&Policy::default()).replace(r#""calls_per_number":null,"#, "");
        assert!(!older.contains("per_number"));
        assert_eq!(read(&older), Some(Policy::default()), "rules of an earlier version");
    }
}
