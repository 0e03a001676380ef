//! A caller-ID group: numbers that take turns.

use domain::{
    TenantId, Timestamp,
    rotation::{HealthRule, Outcomes, Strategy},
};

use super::names;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdGroup {
    pub id: i64,
    pub tenant: TenantId,
    /// Unique in the account; 1-150 characters.
    pub name: String,
    /// At most 500 characters.
    pub description: Option<String>,
    pub strategy: Strategy,
    /// Whether a lead is shown the same number again whatever the strategy.
    pub sticky: bool,
    pub status: CallerIdGroupStatus,
    /// Seconds between two uses of one number.
    pub cooldown: i64,
    /// Hours that health looks back, 1-168.
    pub health_hours: i64,
    pub health: HealthRule,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

names! {
    pub enum CallerIdGroupStatus {
        Active = "active",
        Disabled = "disabled",
    }
}

/// A number's place in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub group: i64,
    pub caller_id: i64,
    /// 0-1,000; counts with the strategy `weighted`.
    pub weight: i64,
    /// Most calls a day.
    pub daily_cap: Option<i64>,
}

/// How a number was used within a quarter of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quarter {
    /// Quarters of an hour since 1970.
    pub at: i64,
    pub used: u32,
    pub outcomes: Outcomes,
    pub last_used: Option<Timestamp>,
}
