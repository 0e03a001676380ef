//! Recordings whose call is over.

use domain::{CallId, TenantId};
use store::{Tx, sql};

use super::Result;
use crate::model::RecordingInfo;

/// Writes what became of a recording that was pending. Returns whether it was: of several who try, one succeeds.
pub(crate) async fn finish(
    tx: &mut Tx,
    tenant: TenantId,
    uuid: CallId,
    recording: &RecordingInfo,
    mos: Option<f64>,
    legs: Option<&str>,
) -> Result<bool> {
    let rows = sql("update cdr
         set recording_state = $3, recording_path = $4, recording_duration = $5, recording_size_bytes = $6,
             mos = coalesce($7, mos), legs = coalesce($8, legs)
         where tenant_id = $1 and uuid = $2 and recording_state = 'pending'")
    .bind(tenant)
    .bind(uuid)
    .bind(recording.state)
    .bind(recording.path.as_deref())
    .bind(recording.duration_ms)
    .bind(recording.size_bytes)
    .bind(mos)
    .bind(legs)
    .run(tx)
    .await?;
    Ok(rows > 0)
}
