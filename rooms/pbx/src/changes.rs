//! Tells the directory in memory what was written, so that the next call follows it.

use domain::TenantId;
use tokio::sync::broadcast;

/// Changes that may wait for the listener. One that fell behind further reads everything again.
const BACKLOG: usize = 1024;

/// Something that calls depend on has been committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// The extension was created, changed or deleted, or its secret was.
    Extension(TenantId, String),
    Trunks(TenantId),
    /// Routes or caller IDs.
    Routes(TenantId),
}

/// Sends every [`Changed`] to whoever listens in this process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Changes(broadcast::Sender<Changed>);

impl Changes {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }

    /// Listens from now on. After `Lagged` the listener reads everything again.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Changed> {
        self.0.subscribe()
    }

    pub(crate) fn send(&self, change: Changed) {
        // Nobody listens before the driver runs: it starts by reading everything.
        let _ = self.0.send(change);
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}
