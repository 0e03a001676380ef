//! What a trunk signs in with at its carrier.

use domain::{TenantId, ids::TrunkId};

/// A trunk that registers; its login is the trunk's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkRegistration {
    pub tenant: TenantId,
    pub trunk: TrunkId,
    /// Tried in this order, as `host` or `host:port`; the trunk's own host if empty.
    pub registrars: Vec<String>,
    /// How long a registration is asked for, in seconds.
    pub expires: i64,
}

/// Where a trunk's registration stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RegistrationState {
    /// It does not register: it proves itself call by call.
    #[default]
    Unwanted,
    /// The first answer is awaited.
    Asking,
    Registered {
        registrar: String,
        /// Seconds that were granted.
        seconds: u32,
    },
    /// It is tried again by itself.
    Failed { why: String },
}

impl RegistrationState {
    /// Returns the state's name in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unwanted => "unknown",
            Self::Registered { .. } => "registered",
            Self::Asking | Self::Failed { .. } => "unregistered",
        }
    }
}
