//! Finishing a recording after its call: the record learns of the file, and `pbx.cdr.created` is said.

use audio::wav::{HEADER, Wav};
use std::time::Duration;

use ::store::jobs::{Job, Outcome, Worker};
use domain::{CallId, TenantId};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use super::call::facts;
use crate::{
    Pbx,
    model::{RecordingInfo, RecordingState},
    store,
};

/// Pause of the job while the database is away.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Registers the job that finishes what a driver did not live to finish.
pub(crate) fn job(pbx: &Pbx, worker: Worker) -> Worker {
    let pbx = pbx.clone();
    worker.on(facts::FINISH_RECORDING, move |job: Job, payload: Payload| {
        let pbx = pbx.clone();
        async move {
            match finish(&pbx, job.tenant_id, payload.uuid, None, None).await {
                Ok(()) => Outcome::Done,
                // The database was away: the file stays where it is.
                Err(error) => Outcome::RetryAt(pbx.db.now().after(TRY_AGAIN), error.to_string()),
            }
        }
    })
}

#[derive(Deserialize)]
struct Payload {
    uuid: CallId,
}

/// What the media thread said at the end of a call.
pub(crate) struct Heard {
    pub(crate) mos: Option<f64>,
    /// The legs as JSON, with their figures.
    pub(crate) legs: String,
}

/// Attaches the recording to the record and publishes `pbx.cdr.created`. Does nothing if that was done before,
/// so that the driver, the job and a restart may all try.
pub(crate) async fn finish(
    pbx: &Pbx,
    tenant: TenantId,
    call: CallId,
    found: Option<media::Recorded>,
    heard: Option<Heard>,
) -> Result<(), ::store::Error> {
    let mut tx = pbx.db.begin(tenant).await?;
    let Some(found_record) = store::cdr::find(&mut tx, tenant, call).await? else { return Ok(()) };
    let cdr = found_record.cdr;
    if cdr.recording.state != RecordingState::Pending {
        return Ok(());
    }
    let info = match found {
        Some(recorded) => RecordingInfo {
            state: RecordingState::Available,
            path: cdr.recording.path.clone(),
            duration_ms: i64::try_from(recorded.duration_ms).ok(),
            size_bytes: i64::try_from(recorded.bytes).ok(),
        },
        None => look(pbx, &cdr.recording).await,
    };
    let (mos, legs) = heard.map_or((None, None), |heard| (heard.mos, Some(heard.legs)));
    if !store::recordings::finish(&mut tx, tenant, call, &info, mos, legs.as_deref()).await? {
        return Ok(());
    }
    let Some(attached) = store::cdr::find(&mut tx, tenant, call).await? else { return Ok(()) };
    let event = facts::created(pbx, tenant, &attached.cdr, tx.now());
    pbx.bus.publish(&mut tx, event).await?;
    tx.commit().await
}

/// Looks what a driver that did not live to say so has left in the file.
async fn look(pbx: &Pbx, known: &RecordingInfo) -> RecordingInfo {
    let failed = RecordingInfo { state: RecordingState::Failed, ..known.clone() };
    let Some(path) = &known.path else { return failed };
    let file = pbx.config.recordings_dir.join(path);
    let Ok(meta) = tokio::fs::metadata(&file).await else { return failed };
    let Ok(duration_ms) = duration_ms(&file, meta.len()).await else { return failed };
    RecordingInfo {
        state: RecordingState::Available,
        path: known.path.clone(),
        duration_ms: i64::try_from(duration_ms).ok(),
        size_bytes: i64::try_from(meta.len()).ok(),
    }
}

/// Returns the length in milliseconds of a recording of ours by its header and its size.
async fn duration_ms(file: &std::path::Path, length: u64) -> std::io::Result<u64> {
    let mut head = [0_u8; HEADER];
    tokio::fs::File::open(file).await?.read_exact(&mut head).await?;
    let wav = Wav::parse(&head).map_err(std::io::Error::other)?;
    let bytes_per_second = u64::from(wav.rate) * u64::from(wav.channels) * 2;
    let samples = length.saturating_sub(HEADER as u64);
    Ok(samples.saturating_mul(1000).checked_div(bytes_per_second).unwrap_or(0))
}
