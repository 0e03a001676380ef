//! Tells the directory in memory what was written, so that the next call follows it.

use std::time::Duration;

use domain::TenantId;
use tokio::sync::{broadcast, watch};

/// Changes that may wait for the listener. One that fell behind further reads everything again.
const BACKLOG: usize = 1024;
/// The longest wait for the directory to follow; beyond it the change is answered for although calls do not know it.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(2);

/// Something that calls depend on has been committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// The extension was created, changed or deleted, or its secret was.
    Extension(TenantId, String),
    Trunks(TenantId),
    /// Routes or caller IDs.
    Routes(TenantId),
    /// Menus, groups, prompts or mailboxes.
    Places(TenantId),
    /// What an extension wants done with its calls.
    Wish(TenantId, String),
    /// Queues or their agents.
    Queues(TenantId),
}

/// Sends every [`Changed`] to whoever listens in this process, and knows how far that listener is. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    sender: broadcast::Sender<(u64, Changed)>,
    sent: watch::Sender<u64>,
    followed: watch::Sender<u64>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0, sent: watch::channel(0).0, followed: watch::channel(0).0 }
    }

    /// Listens from now on to changes with their numbers. After `Lagged` the listener reads everything again. It says
    /// what it [followed](Self::have_followed).
    pub(crate) fn listen(&self) -> broadcast::Receiver<(u64, Changed)> {
        let receiver = self.sender.subscribe();
        // It starts by reading everything, and owes nothing to what was sent before.
        self.have_followed(*self.sent.borrow());
        receiver
    }

    pub(crate) fn send(&self, change: Changed) {
        self.sent.send_modify(|sent| {
            *sent += 1;
            // Nobody listens before the driver runs: it starts by reading everything.
            let _ = self.sender.send((*sent, change));
        });
    }

    /// Says that the changes up to this number are followed.
    pub(crate) fn have_followed(&self, number: u64) {
        self.followed.send_modify(|followed| *followed = number.max(*followed));
    }

    /// Waits until the listener, if there is one, has followed everything that was sent so far. Whoever is told that a
    /// password was changed may rely on it: the next login meets the new one.
    pub(crate) async fn until_followed(&self) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let sent = *self.sent.borrow();
        let mut followed = self.followed.subscribe();
        let caught_up = followed.wait_for(|followed| *followed >= sent);
        if tokio::time::timeout(FOLLOWS_WITHIN, caught_up).await.is_err() {
            tracing::warn!("the directory is behind what was written");
        }
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}
