//! A caller ID: a number of the account that may be shown to the called side.

use domain::{TenantId, Timestamp, ids::TrunkId};

use super::names;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerId {
    pub id: i64,
    pub tenant: TenantId,
    /// As the account writes it; 3-32 digits, a leading `+` allowed.
    pub number: String,
    pub label: Option<String>,
    pub status: CallerIdStatus,
    /// The trunk that the carrier accepts this number on; `None` is any.
    pub trunk: Option<TrunkId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

names! {
    pub enum CallerIdStatus {
        Active = "active",
        Disabled = "disabled",
    }
}
