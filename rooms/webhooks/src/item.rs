//! A delivery in memory.

use std::borrow::Cow;

use bytes::Bytes;
use domain::{CallId, TenantId, Timestamp, ids::WebhookId};
use uuid::Uuid;

use crate::{client::Exchange, lanes::Task, room::Seat, sign::delivery_id};

pub(crate) struct Item {
    pub(crate) event_id: Uuid,
    pub(crate) webhook: WebhookId,
    pub(crate) tenant: TenantId,
    pub(crate) day: i64,
    /// The webhook's version when the event was queued: a cached older one must not be used.
    pub(crate) version: i64,
    /// Attempts made.
    pub(crate) attempt: u32,
    pub(crate) due_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) call: Option<CallId>,
    pub(crate) event: Cow<'static, str>,
    /// The envelope; `None` if its event is gone.
    pub(crate) body: Option<Bytes>,
    /// Its end frees the place.
    #[expect(dead_code, reason = "held for its drop")]
    pub(crate) seat: Seat,
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

    fn is_retry(&self) -> bool {
        self.attempt > 0
    }
}
