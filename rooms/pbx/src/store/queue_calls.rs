//! The ledger of queues: written once, counted from ever after.

use domain::{TenantId, Timestamp};
use store::{FromRow, Row, Tx, sql};

use super::Result;
use crate::model::{Abandoned, QueueFigures, QueueLine};

/// Appends a line. The same line twice, after a commit of which nobody heard, is one.
pub(crate) async fn append(tx: &mut Tx, tenant: TenantId, line: &QueueLine) -> Result<()> {
    sql("insert into queue_call
            (day, id, tenant_id, queue_id, call_uuid, kind, at, caller_number, extension_number, waited_ms, talked_ms,
             reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (id, day) do nothing")
    .bind(line.at.day())
    .bind(&line.id)
    .bind(tenant)
    .bind(line.queue)
    .bind(&line.call)
    .bind(line.kind)
    .bind(line.at)
    .bind(&line.caller_number)
    .bind(line.extension.as_deref())
    .bind(line.waited_ms)
    .bind(line.talked_ms)
    .bind(line.reason.as_deref())
    .run(tx)
    .await?;
    Ok(())
}

impl FromRow for QueueFigures {
    fn from_row(row: &Row) -> Result<Self> {
        let (waits, talks): (i64, i64) = (row.get("waits")?, row.get("talks")?);
        let (answered, ended): (i64, i64) = (row.get("answered")?, row.get("ended")?);
        Ok(Self {
            offered: row.get("offered")?,
            answered,
            answered_in_time: row.get("answered_in_time")?,
            abandoned: row.get("abandoned")?,
            overflowed: row.get("overflowed")?,
            callbacks_asked: row.get("callbacks_asked")?,
            callbacks_done: row.get("callbacks_done")?,
            callbacks_failed: row.get("callbacks_failed")?,
            average_wait_ms: if answered > 0 { waits / answered } else { 0 },
            longest_wait_ms: row.get("longest_wait")?,
            average_talk_ms: if ended > 0 { talks / ended } else { 0 },
        })
    }
}

/// Returns the figures of a queue from `from` on.
pub(crate) async fn figures(
    tx: &mut Tx,
    tenant: TenantId,
    queue: i64,
    from: Timestamp,
    level_ms: i64,
) -> Result<QueueFigures> {
    sql("select
            count(case when kind = 'joined' then 1 end) as offered,
            count(case when kind = 'answered' then 1 end) as answered,
            count(case when kind = 'answered' and waited_ms <= $5 then 1 end) as answered_in_time,
            count(case when kind = 'abandoned' then 1 end) as abandoned,
            count(case when kind = 'overflowed' then 1 end) as overflowed,
            count(case when kind = 'callback' then 1 end) as callbacks_asked,
            count(case when kind = 'callback_done' then 1 end) as callbacks_done,
            count(case when kind = 'callback_failed' then 1 end) as callbacks_failed,
            count(case when kind = 'ended' then 1 end) as ended,
            cast(coalesce(sum(case when kind = 'answered' then waited_ms end), 0) as bigint) as waits,
            cast(coalesce(sum(case when kind = 'ended' then talked_ms end), 0) as bigint) as talks,
            coalesce(max(case when kind in ('answered', 'abandoned', 'overflowed') then waited_ms end), 0)
                as longest_wait
         from queue_call
         where tenant_id = $1 and queue_id = $2 and at >= $3 and day >= $4")
    .bind(tenant)
    .bind(queue)
    .bind(from)
    .bind(from.day())
    .bind(level_ms)
    .one(tx)
    .await
}

impl FromRow for Abandoned {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            call: row.get("call_uuid")?,
            caller_number: row.get("caller_number")?,
            at: row.get("at")?,
            waited_ms: row.get("waited_ms")?,
        })
    }
}

/// Returns who hung up while waiting from `from` on and was not answered since, the last first.
pub(crate) async fn abandoned(
    tx: &mut Tx,
    tenant: TenantId,
    queue: i64,
    from: Timestamp,
    most: i64,
) -> Result<Vec<Abandoned>> {
    sql("select call_uuid, caller_number, at, waited_ms
         from queue_call c
         where tenant_id = $1 and queue_id = $2 and at >= $3 and day >= $4 and kind = 'abandoned'
           and not exists (select 1 from queue_call later
                           where later.tenant_id = c.tenant_id and later.queue_id = c.queue_id and later.at > c.at
                             and later.kind in ('answered', 'callback_done')
                             and later.caller_number = c.caller_number)
         order by at desc, id desc limit $5")
    .bind(tenant)
    .bind(queue)
    .bind(from)
    .bind(from.day())
    .bind(most)
    .all(tx)
    .await
}

/// Somebody who was promised a call.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Promise {
    pub(crate) call_uuid: String,
    pub(crate) caller_number: String,
    pub(crate) at: Timestamp,
    pub(crate) waited_ms: i64,
}

/// Returns the promises of a queue that were neither kept nor given up, the oldest first, at most `most`.
pub(crate) async fn promises(
    tx: &mut Tx,
    tenant: TenantId,
    queue: i64,
    from: Timestamp,
    most: i64,
) -> Result<Vec<Promise>> {
    sql("select call_uuid, caller_number, at, waited_ms
         from queue_call c
         where tenant_id = $1 and queue_id = $2 and at >= $3 and day >= $4 and kind = 'callback'
           and not exists (select 1 from queue_call later
                           where later.tenant_id = c.tenant_id and later.queue_id = c.queue_id and later.at >= $3
                             and later.kind in ('callback_done', 'callback_failed')
                             and later.call_uuid = c.call_uuid)
         order by at limit $5")
    .bind(tenant)
    .bind(queue)
    .bind(from)
    .bind(from.day())
    .bind(most)
    .all(tx)
    .await
}

/// One step of a call, as it was written.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Step {
    pub(crate) queue_id: i64,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) caller_number: String,
    pub(crate) extension_number: Option<String>,
    pub(crate) waited_ms: i64,
}

/// Returns what a call that began then did in the account's queues, the first step first.
pub(crate) async fn of_call(tx: &mut Tx, tenant: TenantId, call: &str, from: Timestamp) -> Result<Vec<Step>> {
    sql("select queue_id, kind, at, caller_number, extension_number, waited_ms
         from queue_call
         where tenant_id = $1 and queue_id in (select id from queue where tenant_id = $1) and at >= $2 and day >= $3
           and call_uuid = $4
         order by at, id")
    .bind(tenant)
    .bind(from)
    .bind(from.day())
    .bind(call)
    .all(tx)
    .await
}

/// Deletes the account's oldest lines that were written before then, at most `most`; returns how many there were.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, before: Timestamp, most: i64) -> Result<u64> {
    sql("delete from queue_call where tenant_id = $1 and (id, day) in (
            select id, day from queue_call where tenant_id = $1 and day < $2 order by day, id limit $3)")
    .bind(tenant)
    .bind(before.day())
    .bind(most)
    .run(tx)
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::CallId;
    use store::testing::{START, TENANT, test_db};
    use uuid::Uuid;

    use super::*;
    use crate::{model, store::queues};

    const OTHER: TenantId = TenantId(2);

    fn line(queue: i64, call: CallId, kind: &'static str, at: Timestamp) -> QueueLine {
        QueueLine {
            id: Uuid::now_v7().to_string(),
            queue,
            call: call.to_string(),
            kind,
            at,
            caller_number: "0901".to_owned(),
            extension: None,
            waited_ms: 0,
            talked_ms: None,
            reason: None,
        }
    }

    #[tokio::test]
    async fn a_calls_steps_are_found_and_old_ones_go_account_by_account() {
        let db = test_db().await;
        let call = CallId(Uuid::now_v7());
        let days = |days: u64| START.after(Duration::from_secs(days * 86_400));
        for tenant in [TENANT, OTHER] {
            let mut tx = db.begin(tenant).await.unwrap();
            let queue = model::Queue {
                name: "support".to_owned(),
                number: "8001".to_owned(),
                ..model::Queue::new(tenant, START)
            };
            let queue = queues::insert(&mut tx, tenant, &queue).await.unwrap();
            for (day, kind) in [(0, "joined"), (1, "offered"), (3, "answered")] {
                append(&mut tx, tenant, &line(queue, call, kind, days(day))).await.unwrap();
            }
            append(&mut tx, tenant, &line(queue, CallId(Uuid::now_v7()), "joined", days(1))).await.unwrap();
            tx.commit().await.unwrap();
        }
        let kinds = async |tenant, from| {
            let mut tx = db.read(tenant).await.unwrap();
            let steps = of_call(&mut tx, tenant, &call.to_string(), from).await.unwrap();
            steps.into_iter().map(|step| step.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(TENANT, START).await, ["joined", "offered", "answered"]);
        assert_eq!(kinds(TENANT, days(2)).await, ["answered"]);
        let mut tx = db.begin(TENANT).await.unwrap();
        assert_eq!(forget(&mut tx, TENANT, days(3), 2).await.unwrap(), 2);
        assert_eq!(forget(&mut tx, TENANT, days(3), 2).await.unwrap(), 1);
        assert_eq!(forget(&mut tx, TENANT, days(3), 2).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(kinds(TENANT, START).await, ["answered"]);
        assert_eq!(kinds(OTHER, START).await.len(), 3, "another account keeps its own");
    }
}
