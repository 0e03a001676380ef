//! Makes commits last: one `fdatasync` of the WAL for all that wait.

use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use tokio::sync::oneshot;

use crate::{Error, tx::Hook};

type Reply = oneshot::Sender<Result<(), Error>>;

/// The thread that syncs.
pub(super) struct Syncer {
    members: Sender<Member>,
    /// Who comes along with the next sync and asks for none.
    patient: Patient,
    failed: Arc<AtomicBool>,
}

type Patient = Arc<Mutex<Vec<Member>>>;

/// A committed transaction that is not yet known to be on disk.
struct Member {
    hooks: Vec<Hook>,
    reply: Reply,
}

impl Syncer {
    pub(super) fn start(database: &Path) -> Result<Self, Error> {
        let mut wal = database.as_os_str().to_owned();
        wal.push("-wal");
        let (members, waiting) = mpsc::channel();
        let (patient, failed) = (Patient::default(), Arc::new(AtomicBool::new(false)));
        let (wal, along, flag) = (PathBuf::from(wal), Arc::clone(&patient), Arc::clone(&failed));
        thread::Builder::new()
            .name("store-sync".to_owned())
            .spawn(move || run(&wal, &waiting, &along, &flag))
            .map_err(|error| Error::Config(error.to_string()))?;
        Ok(Self { members, patient, failed })
    }

    /// Fails once a sync has failed: what the disk then holds is unknown, and only a restart reads it again.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.failed.load(Ordering::Acquire) { Err(lost()) } else { Ok(()) }
    }

    /// Registers a commit. The answer comes when it is on disk.
    pub(super) fn wait(&self, hooks: Vec<Hook>) -> oneshot::Receiver<Result<(), Error>> {
        let (reply, result) = oneshot::channel();
        self.members.send(Member { hooks, reply }).ok();
        result
    }

    /// Registers a commit that comes along with the next sync. Whoever registers it calls [`Syncer::nudge`] in time.
    pub(super) fn wait_along(&self, hooks: Vec<Hook>) -> oneshot::Receiver<Result<(), Error>> {
        let (reply, result) = oneshot::channel();
        self.patient.lock().unwrap_or_else(PoisonError::into_inner).push(Member { hooks, reply });
        result
    }

    /// Asks for a sync.
    pub(super) fn nudge(&self) {
        drop(self.wait(Vec::new()));
    }

    /// Comes back when everything registered is on disk.
    pub(super) async fn flush(&self) {
        self.wait(Vec::new()).await.ok();
    }
}

fn lost() -> Error {
    Error::Commit("the disk did not take an earlier commit; the server must be restarted".to_owned())
}

fn run(wal: &Path, waiting: &Receiver<Member>, patient: &Mutex<Vec<Member>>, failed: &AtomicBool) {
    let mut file = None;
    while let Ok(first) = waiting.recv() {
        let mut group = std::mem::take(&mut *patient.lock().unwrap_or_else(PoisonError::into_inner));
        group.push(first);
        group.extend(waiting.try_iter());
        metrics::histogram!("store_group_size").record(group.len() as f64);
        let result = match sync(&mut file, wal) {
            _ if failed.load(Ordering::Acquire) => Err(lost()),
            Ok(()) => Ok(()),
            Err(error) => {
                failed.store(true, Ordering::Release);
                tracing::error!(%error, "the database cannot be synced to disk; no write is accepted until a restart");
                Err(lost())
            }
        };
        for member in group {
            if result.is_ok() {
                member.hooks.into_iter().for_each(call);
            }
            member.reply.send(result.clone()).ok();
        }
    }
}

/// A hook that panics ends alone: this thread is everybody's.
fn call(hook: Hook) {
    if catch_unwind(AssertUnwindSafe(hook)).is_err() {
        tracing::error!("what follows a commit panicked");
    }
}

fn sync(file: &mut Option<File>, wal: &Path) -> io::Result<()> {
    match file {
        Some(file) => file.sync_data(),
        None => {
            // It exists as long as a connection is open, so it is opened once. Its name must last too.
            let opened = File::open(wal)?;
            opened.sync_all()?;
            if let Some(folder) = wal.parent() {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                File::open(folder)?.sync_all()?;
            }
            *file = Some(opened);
            Ok(())
        }
    }
}
