//! What the room tells the rest of the process.

use domain::{TenantId, Timestamp, ids::WebhookId};
use tokio::sync::broadcast;

/// Notices that a slow listener may lag behind.
const LAG: usize = 64;

/// Something an operator wants to know at once. What was missed is in [`crate::Webhooks::health`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A webhook was suspended, and nothing goes out until an administrator resumes it.
    Suspended { tenant: TenantId, webhook: WebhookId, name: String, reason: String, at: Timestamp },
    /// A webhook that was suspended is served again.
    Resumed { tenant: TenantId, webhook: WebhookId, at: Timestamp },
}

#[derive(Clone, Debug)]
pub(crate) struct Notices(broadcast::Sender<Notice>);

impl Default for Notices {
    fn default() -> Self {
        Self(broadcast::channel(LAG).0)
    }
}

impl Notices {
    pub(crate) fn tell(&self, notice: Notice) {
        // An error only says that nobody listens.
        self.0.send(notice).ok();
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}
