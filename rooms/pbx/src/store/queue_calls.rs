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

/// Returns the promises of a queue that were neither kept nor given up, the oldest first.
pub(crate) async fn promises(tx: &mut Tx, tenant: TenantId, queue: i64, from: Timestamp) -> Result<Vec<Promise>> {
    sql("select call_uuid, caller_number, at, waited_ms
         from queue_call c
         where tenant_id = $1 and queue_id = $2 and at >= $3 and day >= $4 and kind = 'callback'
           and not exists (select 1 from queue_call later
                           where later.tenant_id = c.tenant_id and later.queue_id = c.queue_id and later.at >= $3
                             and later.kind in ('callback_done', 'callback_failed')
                             and later.call_uuid = c.call_uuid)
         order by at")
    .bind(tenant)
    .bind(queue)
    .bind(from)
    .bind(from.day())
    .all(tx)
    .await
}
