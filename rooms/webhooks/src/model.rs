//! The nouns of the room, as they are stored and shown.

use std::fmt;

use domain::{EventName, TenantId, Timestamp, ids::WebhookId};
use store::{Bind, Cell, Column, Kind, Value};
use uuid::Uuid;

/// A customer's subscription: where to send which events.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub tenant: TenantId,
    pub name: String,
    pub url: String,
    pub events: Vec<EventName>,
    pub status: Status,
    /// Why it is suspended.
    pub reason: Option<String>,
    /// Events in a row that ended as dead letters.
    pub failed_in_row: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What an operator gives to create a webhook.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub name: String,
    /// `https://…`
    pub url: String,
    pub events: Vec<EventName>,
}

/// What an operator changes; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    pub url: Option<String>,
    pub events: Option<Vec<EventName>>,
}

/// Whether a webhook is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    /// By an operator. Events are recorded as skipped.
    Paused,
    /// By us, after 50 dead letters in a row. Events are recorded as skipped.
    Suspended,
}

/// What became of a delivery so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// Not attempted yet.
    Pending,
    Delivered,
    /// The last attempt failed and another will follow.
    Failed,
    /// Every attempt failed; only a replay sends it again.
    Deadletter,
    /// The webhook was not active when the event happened.
    Skipped,
}

/// Why an attempt failed, as coarse as the customer may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name does not resolve.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The certificate or the handshake is wrong.
    Tls,
    /// No complete answer within the time limit.
    Timeout,
    /// The address is not a public one.
    Blocked,
    /// The connection broke, or the answer was no HTTP.
    Reset,
    /// An answer outside 200-299.
    Status,
}

/// A delivery and its last attempt.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `X-Zorio-Delivery`: the same on every attempt and replay.
    pub id: Uuid,
    pub webhook: WebhookId,
    pub event_id: Uuid,
    pub event: String,
    pub status: DeliveryStatus,
    /// Attempts made, replays included.
    pub attempts: i64,
    pub created_at: Timestamp,
    pub attempted_at: Option<Timestamp>,
    pub next_attempt_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
    pub response_status: Option<i64>,
    /// The first 16 KiB of the answer.
    pub response_body: Option<String>,
    pub error: Option<Failure>,
    /// The body as it was sent; absent once its event was dropped.
    pub payload: Option<String>,
}

/// Which deliveries to list, newest first.
#[derive(Clone, Debug)]
pub struct Filter {
    pub webhook: Option<WebhookId>,
    pub status: Option<DeliveryStatus>,
    /// Only deliveries created before this one: pass the last of a page to get the next.
    pub before: Option<(Timestamp, Uuid)>,
    /// 1 to 200.
    pub limit: i64,
}

impl Default for Filter {
    fn default() -> Self {
        Self { webhook: None, status: None, before: None, limit: 50 }
    }
}

macro_rules! names {
    ($type:ident: $($variant:ident = $name:literal),* $(,)?) => {
        impl $type {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Bind for $type {
            const KIND: Kind = Kind::Text;

            fn into_value(self) -> Value {
                Value::Text(self.as_str().to_owned())
            }
        }

        impl Column for $type {
            fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
                let name = cell.text()?;
                Self::parse(name).ok_or_else(|| format!("unknown {} {name}", stringify!($type)))
            }
        }
    };
}

// A macro, so that the name and the parser cannot drift apart.
names!(Status: Active = "active", Paused = "paused", Suspended = "suspended");
names!(DeliveryStatus: Pending = "pending", Delivered = "delivered", Failed = "failed", Deadletter = "deadletter",
    Skipped = "skipped");
names!(Failure: Dns = "dns", Refused = "refused", Tls = "tls", Timeout = "timeout", Blocked = "blocked",
    Reset = "reset", Status = "status");
