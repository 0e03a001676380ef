//! What agents want and do.

use domain::{TenantId, Timestamp, agent::Status};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::{Agent, AgentWork};

impl FromRow for Agent {
    fn from_row(row: &Row) -> Result<Self> {
        let status: String = row.get("status")?;
        Ok(Self {
            tenant: row.get("tenant_id")?,
            extension: row.get("extension_number")?,
            status: Status::parse(&status).ok_or_else(|| unreadable("status", &status))?,
            break_reason: row.get("break_reason")?,
            status_since: row.get("status_since")?,
            work: AgentWork {
                activity: row.get("activity")?,
                activity_since: row.get("activity_since")?,
                queue: row.get("queue_id")?,
                call: row.get("call_uuid")?,
                last_offered_at: row.get("last_offered_at")?,
                last_ended_at: row.get("last_ended_at")?,
                calls: row.get("calls")?,
                talk_ms: row.get("talk_ms")?,
                unanswered: row.get("unanswered")?,
            },
        })
    }
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<Option<Agent>> {
    sql("select tenant_id, extension_number, status, break_reason, status_since, activity, activity_since, queue_id,
            call_uuid, last_offered_at, last_ended_at, calls, talk_ms, unanswered
         from agent where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(extension)
    .first(tx)
    .await
}

pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Agent>> {
    sql("select tenant_id, extension_number, status, break_reason, status_since, activity, activity_since, queue_id,
            call_uuid, last_offered_at, last_ended_at, calls, talk_ms, unanswered
         from agent where tenant_id = $1 order by extension_number")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Agent>> {
    sql("select tenant_id, extension_number, status, break_reason, status_since, activity, activity_since, queue_id,
            call_uuid, last_offered_at, last_ended_at, calls, talk_ms, unanswered
         from agent order by tenant_id, extension_number")
    .all(tx)
    .await
}

/// The reason of a break on which an agent was sent by a queue.
pub(crate) const SENT_ON_BREAK: &str = "no_answer";

/// Writes what an agent wants; one who logs in begins to be counted anew.
pub(crate) async fn put_status(
    tx: &mut Tx,
    tenant: TenantId,
    extension: &str,
    status: Status,
    reason: Option<&str>,
) -> Result<()> {
    let now = tx.now();
    sql("insert into agent
            (tenant_id, extension_number, status, break_reason, status_since, activity, activity_since, calls,
             talk_ms, unanswered)
         values ($1, $2, $3, $4, $5, 'waiting', $5, 0, 0, 0)
         on conflict (tenant_id, extension_number) do update set
            calls = case when agent.status = 'logged_out' and excluded.status = 'available' then 0
                         else agent.calls end,
            talk_ms = case when agent.status = 'logged_out' and excluded.status = 'available' then 0
                           else agent.talk_ms end,
            status_since = case when agent.status = excluded.status then agent.status_since
                                else excluded.status_since end,
            status = excluded.status, break_reason = excluded.break_reason")
    .bind(tenant)
    .bind(extension)
    .bind(status.as_str())
    .bind(reason)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Writes what an agent does.
pub(crate) async fn put_work(tx: &mut Tx, tenant: TenantId, extension: &str, work: &AgentWork) -> Result<()> {
    sql("insert into agent
            (tenant_id, extension_number, status, status_since, activity, activity_since, queue_id, call_uuid,
             last_offered_at, last_ended_at, calls, talk_ms, unanswered)
         values ($1, $2, 'available', $4, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (tenant_id, extension_number) do update set
            activity = excluded.activity, activity_since = excluded.activity_since, queue_id = excluded.queue_id,
            call_uuid = excluded.call_uuid, last_offered_at = excluded.last_offered_at,
            last_ended_at = excluded.last_ended_at, calls = excluded.calls, talk_ms = excluded.talk_ms,
            unanswered = excluded.unanswered")
    .bind(tenant)
    .bind(extension)
    .bind(&work.activity)
    .bind(work.activity_since)
    .bind(work.queue)
    .bind(work.call.as_deref())
    .bind(work.last_offered_at)
    .bind(work.last_ended_at)
    .bind(work.calls)
    .bind(work.talk_ms)
    .bind(work.unanswered)
    .run(tx)
    .await?;
    Ok(())
}

/// Writes that an agent who does not answer was sent on a break, unless one is there or gone already.
pub(crate) async fn send_on_break(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<()> {
    let now = tx.now();
    sql("update agent set status = 'on_break', break_reason = $3, status_since = $4
         where tenant_id = $1 and extension_number = $2 and status = 'available'")
    .bind(tenant)
    .bind(extension)
    .bind(SENT_ON_BREAK)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Nobody does anything any more: the calls of the run before are over.
pub(crate) async fn any_tenant_all_idle(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    sql("update agent set activity = 'waiting', activity_since = $1, queue_id = null, call_uuid = null
         where activity <> 'waiting'")
    .bind(now)
    .run(tx)
    .await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<()> {
    sql("delete from agent where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(extension)
        .run(tx)
        .await?;
    Ok(())
}
