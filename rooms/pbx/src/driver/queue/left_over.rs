//! What an earlier run was cut off in: its callers wait no longer, its agents talk no longer, and the ledger says so.

use std::collections::BTreeMap;

use domain::{TenantId, Timestamp, cause::Cause};
use uuid::Uuid;

use crate::{
    Pbx,
    model::{LiveCall, QueueLine},
    store::{self as rows, queue_calls::Step},
};

/// What the ledger knows of a call that was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whole seconds until an agent answered, the caller left, or everything ended.
    pub(crate) waited: Option<i64>,
    /// Nobody had answered yet.
    pub(crate) was_waiting: bool,
}

/// Ends in the ledger what a call of an earlier run was doing in queues, at the last moment of that run. Doing so again
/// changes nothing.
pub(crate) async fn close(pbx: &Pbx, call: &LiveCall, ended_at: Timestamp) -> Result<Found, store::Error> {
    let tenant = call.tenant;
    if call.queue_name.is_none() {
        return Ok(Found::default());
    }
    let uuid = call.call.to_string();
    let mut tx = pbx.db.begin(tenant).await?;
    let steps = rows::queue_calls::of_call(&mut tx, tenant, &uuid, call.started_at).await?;
    let (found, lines) = read(&uuid, &steps, ended_at);
    append(&mut tx, tenant, &lines).await?;
    tx.commit().await?;
    Ok(found)
}

async fn append(tx: &mut store::Tx, tenant: TenantId, lines: &[QueueLine]) -> Result<(), store::Error> {
    for line in lines {
        rows::queue_calls::append(tx, tenant, line).await?;
    }
    Ok(())
}

/// Reads a call's steps, and returns the lines that are missing.
fn read(call: &str, steps: &[Step], ended_at: Timestamp) -> (Found, Vec<QueueLine>) {
    let mut last: BTreeMap<i64, &Step> = BTreeMap::new();
    for step in steps.iter().filter(|step| !matches!(step.kind.as_str(), "offered" | "missed")) {
        last.insert(step.queue_id, step);
    }
    let (mut found, mut lines) = (Found::default(), Vec::new());
    for (queue, step) in last {
        let since = i64::try_from(ended_at.since(step.at).as_millis()).unwrap_or(0);
        let (kind, waited_ms, talked_ms) = match step.kind.as_str() {
            "joined" => ("abandoned", step.waited_ms + since, None),
            "answered" => ("ended", step.waited_ms, Some(since)),
            _ => {
                found.waited = Some(step.waited_ms / 1000);
                continue;
            }
        };
        found.was_waiting |= kind == "abandoned";
        found.waited = Some(waited_ms / 1000);
        lines.push(QueueLine {
            id: Uuid::now_v7().to_string(),
            queue,
            call: call.to_owned(),
            kind,
            at: ended_at.max(step.at),
            caller_number: step.caller_number.clone(),
            extension: step.extension_number.clone(),
            waited_ms,
            talked_ms,
            reason: Some(Cause::NormalTemporaryFailure.as_str().to_owned()),
        });
    }
    (found, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(queue_id: i64, kind: &str, at: i64, waited_ms: i64) -> Step {
        let extension_number = (kind == "answered").then(|| "1001".to_owned());
        Step {
            queue_id,
            kind: kind.to_owned(),
            at: Timestamp(at),
            caller_number: "0901".to_owned(),
            extension_number,
            waited_ms,
        }
    }

    #[test]
    fn whoever_waited_or_talked_when_the_run_ended_does_so_no_longer() {
        let seen = |steps: &[Step]| {
            let (found, lines) = read("call", steps, Timestamp(10_000));
            let lines: Vec<_> =
                lines.iter().map(|line| (line.queue, line.kind, line.waited_ms, line.talked_ms)).collect();
            (found.waited, found.was_waiting, lines)
        };
        assert_eq!(seen(&[]), (None, false, vec![]));
        let waits = [step(1, "joined", 4_000, 0), step(1, "offered", 6_000, 2_000)];
        assert_eq!(seen(&waits), (Some(6), true, vec![(1, "abandoned", 6_000, None)]));
        let talks = [step(1, "joined", 4_000, 0), step(1, "answered", 7_000, 3_000)];
        assert_eq!(seen(&talks), (Some(3), false, vec![(1, "ended", 3_000, Some(3_000))]));
        // From one queue into the next: only the last one is cut off.
        let went_on = [step(1, "joined", 1_000, 0), step(1, "overflowed", 3_000, 2_000), step(2, "joined", 3_000, 0)];
        assert_eq!(seen(&went_on), (Some(7), true, vec![(2, "abandoned", 7_000, None)]));
        let over = [step(1, "joined", 1_000, 0), step(1, "abandoned", 3_000, 2_000)];
        assert_eq!(seen(&over), (Some(2), false, vec![]));
        // The last heartbeat was before the caller joined.
        assert_eq!(seen(&[step(1, "joined", 10_500, 0)]), (Some(0), true, vec![(1, "abandoned", 0, None)]));
    }
}
