//! The nouns of the room, as they are stored and shown.

use std::fmt;

use domain::{CallId, EventName, TenantId, Timestamp, ids::WebhookId};
use store::{Bind, Cell, Column, Kind as ValueKind, Value};
use uuid::Uuid;

use crate::{filter::EventFilter, kind::Kind};

/// A customer's subscription: where to send which events.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub tenant: TenantId,
    pub kind: Kind,
    pub name: String,
    pub url: String,
    pub events: Vec<EventName>,
    /// Which extensions, queues and campaigns it is about.
    pub filter: EventFilter,
    /// Attempts a second at most; `None` means the setting's.
    pub pace: Option<u32>,
    /// PEM of the certificate authorities that its endpoint's certificate must come from, instead of the usual ones.
    pub authority: Option<String>,
    pub status: Status,
    /// Why it is suspended.
    pub reason: Option<String>,
    /// Events in a row that ended as dead letters.
    pub failed_in_row: i64,
    /// Up to ten seconds old, as is the next.
    pub last_success_at: Option<Timestamp>,
    pub last_failure_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What an operator gives to create a webhook.
#[derive(Clone, Debug, Default)]
pub struct NewWebhook {
    pub name: String,
    /// `https://…`
    pub url: String,
    pub events: Vec<EventName>,
    pub filter: EventFilter,
    /// Attempts a second at most, 1 to 1,000; `None` means the setting's.
    pub pace: Option<u32>,
    /// PEM of certificate authorities of its own.
    pub authority: Option<String>,
}

/// What an operator changes; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    pub url: Option<String>,
    pub events: Option<Vec<EventName>>,
    pub filter: Option<EventFilter>,
    /// `Some(None)` goes back to the setting's.
    pub pace: Option<Option<u32>>,
    /// `Some(None)` goes back to the usual authorities.
    pub authority: Option<Option<String>>,
}

impl Change {
    /// Returns whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self { name: None, url: None, events: None, filter: None, pace: None, authority: None })
    }
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
    /// It waited for its first attempt until it was worth nothing any more.
    Expired,
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
    /// An answer that is no success.
    Status,
}

/// A delivery and its last attempt.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `X-Zorio-Delivery`: the same on every attempt and replay.
    pub id: Uuid,
    pub tenant: TenantId,
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

/// One attempt of a delivery.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub at: Timestamp,
    pub duration_ms: i64,
    pub response_status: Option<i64>,
    /// The first 16 KiB of the answer.
    pub response_body: Option<String>,
    /// `None` is success.
    pub error: Option<Failure>,
}

/// A delivery with everything that is known of it.
#[derive(Clone, Debug)]
pub struct DeliveryDetail {
    pub delivery: Delivery,
    /// The webhook's name as it is now; absent once the webhook was deleted.
    pub webhook_name: Option<String>,
    pub call_uuid: Option<CallId>,
    /// Every attempt, the oldest first.
    pub attempts: Vec<Attempt>,
}

/// Which deliveries to list, newest first.
#[derive(Clone, Debug)]
pub struct Filter {
    pub webhook: Option<WebhookId>,
    /// The event's name.
    pub event: Option<String>,
    pub status: Option<DeliveryStatus>,
    /// Only deliveries created from then on.
    pub from: Option<Timestamp>,
    /// Only deliveries created before then.
    pub to: Option<Timestamp>,
    /// Only events of this call.
    pub call: Option<CallId>,
    /// Only payloads with this text. Looks at every payload of the range: give `from` too.
    pub text: Option<String>,
    /// Only deliveries created before this one: pass the last of a page to get the next.
    pub before: Option<(Timestamp, Uuid)>,
    /// 1 to 200.
    pub limit: i64,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            webhook: None,
            event: None,
            status: None,
            from: None,
            to: None,
            call: None,
            text: None,
            before: None,
            limit: 50,
        }
    }
}

/// A replay of a time range: a durable job, done in small steps that give way to what happens now.
#[derive(Clone, Debug)]
pub struct Replay {
    pub id: ReplayId,
    pub webhook: WebhookId,
    pub from: Timestamp,
    pub to: Timestamp,
    pub statuses: Vec<DeliveryStatus>,
    pub state: ReplayState,
    /// How many deliveries it is about; `None` while that is not known.
    pub total: Option<i64>,
    /// How many of them were queued again so far.
    pub queued: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId(pub i64);

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayState {
    /// It goes on by itself, after a restart too; while the webhook is paused it waits.
    Running,
    Done,
    Cancelled,
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
            const KIND: ValueKind = ValueKind::Text;

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
    Skipped = "skipped", Expired = "expired");
names!(Kind: Events = "events", Incoming = "incoming");
names!(ReplayState: Running = "running", Done = "done", Cancelled = "cancelled");
names!(Failure: Dns = "dns", Refused = "refused", Tls = "tls", Timeout = "timeout", Blocked = "blocked",
    Reset = "reset", Status = "status");
