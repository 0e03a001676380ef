//! A time condition: when an account is open, or one of its desks.

use domain::{
    TenantId, Timestamp,
    hours::{Calendar, Override},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeCondition {
    pub id: i64,
    pub tenant: TenantId,
    /// Unique in the account; 1-100 characters.
    pub name: String,
    pub calendar: Calendar,
    pub by_hand: Override,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
