//! What is left on disk of a mailbox that is gone. Retry: when a file cannot be deleted. Deleting twice changes nothing.

use std::{io::ErrorKind, time::Duration};

use ::store::{
    Error, Tx,
    jobs::{self, Job, Outcome, Worker},
};
use domain::TenantId;
use serde::{Deserialize, Serialize};

use crate::{Pbx, store as rows};

const KIND: &str = "pbx.voicemail_files";
/// Pause before a file is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(300);

#[derive(Serialize, Deserialize)]
struct Payload {
    /// Below the folder of voicemail.
    paths: Vec<String>,
}

/// Deletes the mailbox of an extension with everything in it, its files once the transaction has committed.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<(), Error> {
    let mailbox = rows::voicemail::mailbox(tx, tenant, extension).await?;
    let messages = rows::voicemail::delete_all(tx, tenant, extension).await?;
    rows::voicemail::delete_mailbox(tx, tenant, extension).await?;
    let mut paths: Vec<String> = messages.into_iter().map(|(path,)| path).collect();
    paths.extend(mailbox.and_then(|mailbox| mailbox.greeting_path));
    if !paths.is_empty() {
        let now = tx.now();
        jobs::add(tx, KIND, &Payload { paths }, now).await?;
    }
    Ok(())
}

pub(crate) fn job(pbx: &Pbx, worker: Worker) -> Worker {
    let pbx = pbx.clone();
    worker.on(KIND, move |_job: Job, payload: Payload| {
        let pbx = pbx.clone();
        async move {
            for path in &payload.paths {
                match tokio::fs::remove_file(pbx.config.voicemail_dir.join(path)).await {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Outcome::RetryAt(pbx.db.now().after(TRY_AGAIN), error.to_string()),
                }
            }
            Outcome::Done
        }
    })
}
