//! Menus: what a caller hears, and where the keys lead.

use domain::{TenantId, Timestamp, routing::Destination};

/// A menu with its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuRow {
    pub id: i64,
    pub tenant: TenantId,
    pub name: String,
    /// What phones of the account dial to reach it.
    pub number: Option<String>,
    pub greeting: Option<i64>,
    /// Said when a key means nothing; the built-in sentence if none.
    pub invalid: Option<i64>,
    /// How many digits the numbers have that callers may dial in it.
    pub dial_digits: Option<i64>,
    /// How long a key is waited for, 1-60 s.
    pub wait_seconds: i64,
    /// How often the greeting is said again, 0-9.
    pub repeats: i64,
    /// Where callers go who choose nothing.
    pub otherwise: Destination,
    /// In the order of the keys.
    pub keys: Vec<(char, KeyAction)>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    To(Destination),
    /// The greeting again.
    Again,
}

/// The keys that a menu may use.
pub const KEYS: &str = "1234567890*#";

impl KeyAction {
    /// Returns the name of the kind, as stored and shown.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::To(destination) => destination.kind(),
            Self::Again => "again",
        }
    }

    pub fn target(&self) -> String {
        match self {
            Self::To(destination) => destination.target(),
            Self::Again => String::new(),
        }
    }

    /// Returns the action of that kind and target, `None` if keys may not do that.
    pub fn read(kind: &str, target: &str) -> Option<Self> {
        match kind {
            "again" => Some(Self::Again),
            _ => Destination::read(kind, target).map(Self::To),
        }
    }
}
