//! Live calls, kept so that a crash loses no record.

use domain::{CallId, TenantId, Timestamp};
use store::{FromRow, Row, Tx, sql};

use super::Result;
use crate::model::{Boot, LiveCall};

impl FromRow for LiveCall {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            call: row.get("call_uuid")?,
            tenant: row.get("tenant_id")?,
            boot: row.get("boot_id")?,
            state: row.get("state")?,
            direction: row.get("direction")?,
            source_type: row.get("source_type")?,
            caller_number: row.get("caller_number")?,
            destination_number: row.get("destination_number")?,
            extension: row.get("extension_number")?,
            agent_extension: row.get("agent_extension")?,
            trunk: row.get("trunk_id")?,
            trunk_name: row.get("trunk_name")?,
            queue_name: row.get("queue_name")?,
            campaign: row.get("campaign_id")?,
            lead: row.get("lead_id")?,
            started_at: row.get("started_at")?,
            answered_at: row.get("answered_at")?,
            legs: row.get("legs")?,
            dialogs: row.get("dialogs")?,
            recording_path: row.get("recording_path")?,
            has_cdr: row.get("has_cdr")?,
            transfers: row.get("transfer_count")?,
            heartbeat_at: row.get("heartbeat_at")?,
        })
    }
}

pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, call: &LiveCall) -> Result<()> {
    sql("insert into call
            (call_uuid, tenant_id, boot_id, state, direction, source_type, caller_number, destination_number,
             extension_number, agent_extension, trunk_id, trunk_name, queue_name, campaign_id, lead_id, started_at,
             answered_at, legs, dialogs, recording_path, has_cdr)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)")
    .bind(call.call)
    .bind(tenant)
    .bind(&call.boot)
    .bind(call.state)
    .bind(call.direction)
    .bind(call.source_type)
    .bind(&call.caller_number)
    .bind(&call.destination_number)
    .bind(call.extension.as_deref())
    .bind(call.agent_extension.as_deref())
    .bind(call.trunk)
    .bind(call.trunk_name.as_deref())
    .bind(call.queue_name.as_deref())
    .bind(call.campaign)
    .bind(call.lead)
    .bind(call.started_at)
    .bind(call.answered_at)
    .bind(&call.legs)
    .bind(call.dialogs.as_deref())
    .bind(call.recording_path.as_deref())
    .bind(call.has_cdr)
    .run(tx)
    .await?;
    Ok(())
}

/// What is known of a call once its two sides can talk.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) at: Timestamp,
    /// The extension that answered or dialled.
    pub(crate) extension: Option<String>,
    /// JSON array.
    pub(crate) legs: String,
    /// The journal of both dialogs, from which BYE can be sent after a crash.
    pub(crate) dialogs: String,
    pub(crate) recording_path: Option<String>,
    pub(crate) agent_extension: Option<String>,
}

pub(crate) async fn mark_answered(tx: &mut Tx, tenant: TenantId, call: CallId, answered: &Answered) -> Result<()> {
    sql("update call
         set state = 'answered', answered_at = $3, extension_number = coalesce($4, extension_number), legs = $5,
             dialogs = $6, recording_path = $7, agent_extension = $8
         where tenant_id = $1 and call_uuid = $2")
    .bind(tenant)
    .bind(call)
    .bind(answered.at)
    .bind(answered.extension.as_deref())
    .bind(&answered.legs)
    .bind(&answered.dialogs)
    .bind(answered.recording_path.as_deref())
    .bind(answered.agent_extension.as_deref())
    .run(tx)
    .await?;
    Ok(())
}

/// What is known of a call while it lasts, for its record after a crash.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// JSON array.
    pub(crate) legs: String,
    /// The journal of all dialogs, from which BYE can be sent after a crash.
    pub(crate) dialogs: String,
    pub(crate) extension: Option<String>,
    pub(crate) agent_extension: Option<String>,
    pub(crate) queue_name: Option<String>,
    pub(crate) recording_path: Option<String>,
    pub(crate) transfers: i64,
    /// When an application answered, where nobody else has.
    pub(crate) answered_at: Option<Timestamp>,
}

/// Journals a call anew: a leg was answered, or others talk than before.
pub(crate) async fn journal(tx: &mut Tx, tenant: TenantId, call: CallId, journal: &Journal) -> Result<()> {
    sql("update call
         set legs = $3, dialogs = $4, extension_number = coalesce($5, extension_number), agent_extension = $6,
             queue_name = $7, recording_path = coalesce($8, recording_path), transfer_count = $9,
             answered_at = coalesce(answered_at, $10)
         where tenant_id = $1 and call_uuid = $2")
    .bind(tenant)
    .bind(call)
    .bind(&journal.legs)
    .bind(&journal.dialogs)
    .bind(journal.extension.as_deref())
    .bind(journal.agent_extension.as_deref())
    .bind(journal.queue_name.as_deref())
    .bind(journal.recording_path.as_deref())
    .bind(journal.transfers)
    .bind(journal.answered_at)
    .run(tx)
    .await?;
    Ok(())
}

/// Forgets a call; its CDR takes over. Returns whether it was there.
pub(crate) async fn remove(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<bool> {
    let rows = sql("delete from call where tenant_id = $1 and call_uuid = $2").bind(tenant).bind(call).run(tx).await?;
    Ok(rows > 0)
}

/// Returns how many calls of an extension are up.
pub(crate) async fn count_by_extension(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<i64> {
    let (count,) = sql("select count(*) from call
         where tenant_id = $1 and (extension_number = $2 or agent_extension = $2)")
    .bind(tenant)
    .bind(number)
    .one::<(i64,)>(tx)
    .await?;
    Ok(count)
}

/// Returns how many calls of the account are up on each trunk.
pub(crate) async fn count_by_trunk(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(domain::ids::TrunkId, i64)>> {
    sql("select trunk_id, count(*) from call where tenant_id = $1 and trunk_id is not null group by trunk_id")
        .bind(tenant)
        .all(tx)
        .await
}

/// Says that this run is alive: one row for all its calls.
pub(crate) async fn any_tenant_touch_heartbeat(tx: &mut Tx, boot: &Boot) -> Result<()> {
    let now = tx.now();
    sql("insert into pbx_boot (boot_id, node, heartbeat_at) values ($1, $2, $3)
         on conflict (boot_id) do update set heartbeat_at = excluded.heartbeat_at")
    .bind(&boot.id)
    .bind(&boot.node)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Returns the calls whose owner is gone: an earlier run on this node, or a run on another node that has not been
/// heard of since `silent_since`. `heartbeat_at` is when the owner was last alive.
pub(crate) async fn any_tenant_left_over(tx: &mut Tx, boot: &Boot, silent_since: Timestamp) -> Result<Vec<LiveCall>> {
    sql("select c.call_uuid, c.tenant_id, c.boot_id, c.state, c.direction, c.source_type, c.caller_number,
            c.destination_number, c.extension_number, c.agent_extension, c.trunk_id, c.trunk_name, c.queue_name,
            c.campaign_id, c.lead_id, c.started_at, c.answered_at, c.legs, c.dialogs, c.recording_path,
            c.has_cdr, c.transfer_count, coalesce(b.heartbeat_at, c.answered_at, c.started_at) as heartbeat_at
         from call c left join pbx_boot b on b.boot_id = c.boot_id
         where c.boot_id <> $1 and (b.boot_id is null or b.node = $2 or b.heartbeat_at < $3)
         order by c.started_at")
    .bind(&boot.id)
    .bind(&boot.node)
    .bind(silent_since)
    .all(tx)
    .await
}

/// Forgets runs that are over and own no call any more.
pub(crate) async fn any_tenant_forget_boots(tx: &mut Tx, silent_since: Timestamp) -> Result<u64> {
    sql("delete from pbx_boot where heartbeat_at < $1
         and not exists (select 1 from call where call.boot_id = pbx_boot.boot_id)")
    .bind(silent_since)
    .run(tx)
    .await
}
