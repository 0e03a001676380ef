//! Moves the WAL into the file, beside the writer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::Mutex;

use crate::Error;

/// Pages that the WAL grows by between two checkpoints: 4 MB.
const STEP: usize = 1000;
/// Pages beyond which writers wait until the WAL can begin anew: 64 MB. Under constant load no checkpoint ever finds
/// a moment in which all is moved and nobody writes.
const LIMIT: usize = 16_000;
/// How long a checkpoint that holds up the writers waits for readers of old pages.
const READERS: Duration = Duration::from_millis(500);

/// The thread that checkpoints.
pub(super) struct Checkpoints {
    work: SyncSender<Work>,
    /// Pages at the last checkpoint.
    last: AtomicUsize,
}

enum Work {
    Checkpoint { pages: usize },
    Stop,
}

impl Checkpoints {
    pub(super) fn start(own: Connection, writer: Arc<Mutex<Option<Connection>>>) -> Result<Self, Error> {
        let (work, orders) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(own, &writer, &orders))
            .map_err(|error| Error::Config(error.to_string()))?;
        Ok(Self { work, last: AtomicUsize::new(0) })
    }

    /// Says how many pages the WAL has.
    pub(super) fn grown(&self, pages: usize) {
        let last = self.last.load(Ordering::Relaxed);
        if pages < last {
            // It began anew.
            self.last.store(0, Ordering::Relaxed);
        } else if pages >= last + STEP && self.work.try_send(Work::Checkpoint { pages }).is_ok() {
            self.last.store(pages, Ordering::Relaxed);
        }
    }

    /// Lets the thread end.
    pub(super) fn stop(&self) {
        self.work.try_send(Work::Stop).ok();
    }
}

fn run(own: Connection, writer: &Mutex<Option<Connection>>, orders: &Receiver<Work>) {
    while let Ok(Work::Checkpoint { pages }) = orders.recv() {
        let result = checkpoint(&own, "pragma wal_checkpoint(passive)").and_then(|()| {
            if pages < LIMIT {
                return Ok(());
            }
            let _nobody_writes = writer.blocking_lock();
            own.busy_timeout(READERS)?;
            checkpoint(&own, "pragma wal_checkpoint(restart)")
        });
        if let Err(error) = result {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
        }
    }
}

fn checkpoint(own: &Connection, text: &str) -> rusqlite::Result<()> {
    own.query_row(text, [], |_| Ok(()))
}
