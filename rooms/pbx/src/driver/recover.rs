//! After a crash: the calls of the run before get their records, and their far ends a BYE.

use std::time::Duration;

use domain::{
    Timestamp,
    call::EndedBy,
    cause::{CallResult, Cause},
};
use sip_proto::dialog::DialogRecord;

use super::{
    call::{self, facts},
    queue::left_over,
};
use crate::{
    Pbx,
    model::{Cdr, LiveCall, RecordingInfo, RecordingState},
    store as rows,
};

/// A run that was silent for so long is dead, whatever node it was on.
const SILENT: Duration = Duration::from_secs(30);

/// Writes down that this run is alive; a later run ends our calls at the last such moment.
pub(crate) async fn say_alive(pbx: &Pbx) -> Result<(), store::Error> {
    let mut tx = pbx.db.begin_any_tenant().await?;
    rows::calls::any_tenant_touch_heartbeat(&mut tx, &pbx.boot).await?;
    tx.commit().await
}

/// Closes the books of every call whose run is gone. Returns how many there were.
pub(crate) async fn close_left_over(pbx: &Pbx) -> Result<usize, store::Error> {
    let silent_since = Timestamp(pbx.db.now().millis() - i64::try_from(SILENT.as_millis()).unwrap_or(i64::MAX));
    let left = {
        let mut tx = pbx.db.read_any_tenant().await?;
        rows::calls::any_tenant_left_over(&mut tx, &pbx.boot, silent_since).await?
    };
    for call in &left {
        close(pbx, call).await?;
        for dialog in dialogs(call) {
            let reason = call::reason(Cause::NormalTemporaryFailure).unwrap_or_default();
            pbx.sip.bye_orphan(dialog, reason);
        }
    }
    let mut tx = pbx.db.begin_any_tenant().await?;
    rows::calls::any_tenant_forget_boots(&mut tx, silent_since).await?;
    tx.commit().await?;
    if !left.is_empty() {
        tracing::warn!(calls = left.len(), "calls cut off by the end of an earlier run were closed");
    }
    Ok(left.len())
}

async fn close(pbx: &Pbx, call: &LiveCall) -> Result<(), store::Error> {
    let ended_at = call.heartbeat_at.max(call.answered_at.unwrap_or(call.started_at));
    let cause = Cause::NormalTemporaryFailure;
    let recording = match &call.recording_path {
        Some(path) => RecordingInfo { state: RecordingState::Pending, path: Some(path.clone()), ..RecordingInfo::NONE },
        None => RecordingInfo::NONE,
    };
    let queue = left_over::close(pbx, call, ended_at).await?;
    let cdr = Cdr {
        uuid: call.call,
        tenant: call.tenant,
        direction: call.direction,
        source_type: call.source_type,
        caller_number: call.caller_number.clone(),
        destination_number: call.destination_number.clone(),
        extension: call.extension.clone(),
        agent_extension: call.agent_extension.clone(),
        start_time: call.started_at,
        answer_time: call.answered_at,
        end_time: ended_at,
        duration: seconds(ended_at.since(call.started_at)),
        billsec: call.answered_at.map_or(0, |at| seconds(ended_at.since(at))),
        queue_name: call.queue_name.clone(),
        queue_wait_time: queue.waited,
        trunk: call.trunk,
        trunk_name: call.trunk_name.clone(),
        transfer_count: call.transfers,
        result: match queue.was_waiting && call.answered_at.is_none() {
            true => CallResult::Abandoned,
            false => CallResult::of(call.answered_at.is_some(), cause),
        },
        hangup_cause: cause,
        hangup_cause_q850: cause.q850().map(i64::from),
        sip_status: None,
        hangup_by: EndedBy::System,
        recording,
        disposition: None,
        campaign: call.campaign,
        lead: call.lead,
        tags: Vec::new(),
        mos: None,
        legs: call.legs.clone(),
    };
    let is_recorded = cdr.recording.state == RecordingState::Pending;
    let common = facts::Common::of(call);
    let ended = facts::Fact::Ended { cdr: Box::new(cdr), common, has_cdr: call.has_cdr };
    facts::commit(pbx, call.tenant, &[ended], None).await?;
    if is_recorded && call.has_cdr {
        // Nobody writes to the file any more: its header says how far it got.
        super::recordings::finish(pbx, call.tenant, call.call, None, None).await?;
    }
    Ok(())
}

fn dialogs(call: &LiveCall) -> Vec<DialogRecord> {
    let journal: Vec<String> =
        call.dialogs.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    journal.iter().filter_map(|text| DialogRecord::decode(text).ok()).collect()
}

fn seconds(length: Duration) -> i64 {
    i64::try_from((length.as_millis() + 500) / 1000).unwrap_or(i64::MAX)
}
