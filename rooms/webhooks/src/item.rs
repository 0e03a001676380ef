//! A delivery in memory.

use std::borrow::Cow;

use bytes::Bytes;
use domain::{CallId, TenantId, Timestamp, ids::WebhookId};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    client::Exchange,
    kind::Kind,
    lanes::{Lane, Task},
    room::{Seat, Spill},
    sign::delivery_id,
};

pub(crate) struct Item {
    pub(crate) event_id: Uuid,
    pub(crate) webhook: WebhookId,
    pub(crate) tenant: TenantId,
    pub(crate) kind: Kind,
    pub(crate) day: i64,
    /// The webhook's version when the event was queued: a cached older one must not be used.
    pub(crate) version: i64,
    /// Attempts made.
    pub(crate) attempt: u32,
    /// Sent again by an operator.
    pub(crate) replay: bool,
    pub(crate) due_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) call: Option<CallId>,
    pub(crate) event: Cow<'static, str>,
    /// The envelope; `None` if its event is gone.
    pub(crate) body: Option<Bytes>,
    /// The webhook's limit of attempts a second.
    pub(crate) pace: Option<u32>,
    /// Somebody who waits for the answer.
    pub(crate) asked: Option<oneshot::Sender<Exchange>>,
    /// Until it is written that it was given back, with all before it, nothing new may pass.
    pub(crate) spill: Option<Spill>,
    /// Its end frees the place; what somebody waits for has none.
    #[expect(dead_code, reason = "held for its drop")]
    pub(crate) seat: Option<Seat>,
}

/// What became of an item.
pub(crate) struct Finished {
    pub(crate) item: Item,
    pub(crate) outcome: Outcome,
    /// When the attempt began.
    pub(crate) at: Timestamp,
}

pub(crate) enum Outcome {
    /// An attempt was made.
    Attempted(Exchange),
    /// Nothing was sent: the webhook is not active, or we stop. It goes back as it was.
    Returned,
    /// The webhook or the event is gone.
    Dropped,
    /// It is too old to be worth anything.
    Expired,
}

impl Item {
    pub(crate) fn delivery(&self) -> Uuid {
        delivery_id(self.event_id, self.webhook)
    }
}

impl Task for Item {
    fn webhook(&self) -> WebhookId {
        self.webhook
    }

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn call(&self) -> Option<CallId> {
        self.call
    }

    fn lane(&self) -> Lane {
        match self {
            Self { attempt: 1.., .. } => Lane::Retry,
            Self { replay: true, .. } => Lane::Replay,
            Self { .. } => Lane::First,
        }
    }

    fn pace(&self) -> Option<u32> {
        self.pace
    }

    fn since(&self) -> Timestamp {
        self.due_at
    }
}
