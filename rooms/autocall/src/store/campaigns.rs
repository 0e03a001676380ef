//! Campaigns.

use domain::{TenantId, Timestamp};
use store::{Error, Query, Tx, containing, sql};

use crate::model::{Campaign, CampaignStatus};

/// Which campaigns a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) status: Option<CampaignStatus>,
    /// Part of the name.
    pub(crate) text: Option<&'a str>,
    pub(crate) script_id: Option<i64>,
}

impl Filter<'_> {
    fn bound(&self, tenant: TenantId, query: Query) -> Query {
        query.bind(tenant).bind(self.status).bind(self.text.map(containing)).bind(self.script_id)
    }
}

// A macro, because a statement is one literal and the columns are the same in all of them.
macro_rules! selecting {
    ($tail:literal) => {
        sql(concat!(
            "select id, name, description, script_id, status, archived_from, caller_id_group_id, max_retries,
                retry_interval_minutes, retry_only_when, max_concurrent, originate_timeout, write_to_main_cdr,
                call_purpose, pdpl_enforce, record_calls, tts_fallback, amd_enabled, start_at, end_at, started_at,
                paused_at, finished_at, created_at, updated_at
             from autocall_campaign ",
            $tail
        ))
    };
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, filter: &Filter<'_>) -> Result<i64, Error> {
    let query = sql("select count(*) from autocall_campaign where tenant_id = $1
         and (cast($2 as text) is null or status = $2)
         and (cast($3 as text) is null or lower(name) like lower($3) escape '!')
         and (cast($4 as bigint) is null or script_id = $4)");
    filter.bound(tenant, query).one::<(i64,)>(tx).await.map(|row| row.0)
}

/// Returns one page, the newest first.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter<'_>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Campaign>, Error> {
    let query = selecting!(
        "where tenant_id = $1 and (cast($2 as text) is null or status = $2)
         and (cast($3 as text) is null or lower(name) like lower($3) escape '!')
         and (cast($4 as bigint) is null or script_id = $4)
         order by id desc limit $5 offset $6"
    );
    filter.bound(tenant, query).bind(limit).bind(offset).all(tx).await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Campaign>, Error> {
    selecting!("where tenant_id = $1 and id = $2").bind(tenant).bind(id).first(tx).await
}

/// Returns the scripts of the campaigns that run or are paused.
pub(crate) async fn scripts_in_use(tx: &mut Tx, tenant: TenantId) -> Result<Vec<i64>, Error> {
    let rows: Vec<(i64,)> = sql("select distinct script_id from autocall_campaign
         where tenant_id = $1 and status in ('running', 'paused')")
    .bind(tenant)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Returns how many campaigns name that script.
pub(crate) async fn of_script(tx: &mut Tx, tenant: TenantId, script: i64) -> Result<i64, Error> {
    sql("select count(*) from autocall_campaign where tenant_id = $1 and script_id = $2")
        .bind(tenant)
        .bind(script)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

/// Stores a campaign, whose id is ignored, and returns its id.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, campaign: &Campaign) -> Result<i64, Error> {
    sql("insert into autocall_campaign (tenant_id, name, description, script_id, status, caller_id_group_id,
            max_retries, retry_interval_minutes, retry_only_when, max_concurrent, originate_timeout,
            write_to_main_cdr, call_purpose, pdpl_enforce, record_calls, tts_fallback, amd_enabled, start_at, end_at,
            created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)
         returning id")
    .bind(tenant)
    .bind(&campaign.name)
    .bind(campaign.description.clone())
    .bind(campaign.script_id)
    .bind(campaign.status)
    .bind(campaign.caller_id_group_id)
    .bind(campaign.max_retries)
    .bind(campaign.retry_interval_minutes)
    .bind(campaign.retry_only_when)
    .bind(campaign.max_concurrent)
    .bind(campaign.originate_timeout)
    .bind(campaign.write_to_main_cdr)
    .bind(campaign.call_purpose)
    .bind(campaign.pdpl_enforce)
    .bind(campaign.record_calls)
    .bind(campaign.tts_fallback)
    .bind(campaign.amd_enabled)
    .bind(campaign.start_at)
    .bind(campaign.end_at)
    .bind(campaign.created_at)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Writes what clients may change.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, campaign: &Campaign) -> Result<u64, Error> {
    sql("update autocall_campaign set name = $3, description = $4, script_id = $5, caller_id_group_id = $6,
            max_retries = $7, retry_interval_minutes = $8, retry_only_when = $9, max_concurrent = $10,
            originate_timeout = $11, write_to_main_cdr = $12, call_purpose = $13, pdpl_enforce = $14,
            record_calls = $15, tts_fallback = $16, amd_enabled = $17, start_at = $18, end_at = $19, updated_at = $20
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(campaign.id)
    .bind(&campaign.name)
    .bind(campaign.description.clone())
    .bind(campaign.script_id)
    .bind(campaign.caller_id_group_id)
    .bind(campaign.max_retries)
    .bind(campaign.retry_interval_minutes)
    .bind(campaign.retry_only_when)
    .bind(campaign.max_concurrent)
    .bind(campaign.originate_timeout)
    .bind(campaign.write_to_main_cdr)
    .bind(campaign.call_purpose)
    .bind(campaign.pdpl_enforce)
    .bind(campaign.record_calls)
    .bind(campaign.tts_fallback)
    .bind(campaign.amd_enabled)
    .bind(campaign.start_at)
    .bind(campaign.end_at)
    .bind(campaign.updated_at)
    .run(tx)
    .await
}

/// Moves a campaign from one state to the next; 0 if it is in another by now.
pub(crate) async fn set_status(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: &Campaign,
    from: CampaignStatus,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_campaign set status = $4, archived_from = $5, started_at = $6, paused_at = $7,
            finished_at = $8, updated_at = $9
         where tenant_id = $1 and id = $2 and status = $3")
    .bind(tenant)
    .bind(campaign.id)
    .bind(from)
    .bind(campaign.status)
    .bind(campaign.archived_from)
    .bind(campaign.started_at)
    .bind(campaign.paused_at)
    .bind(campaign.finished_at)
    .bind(now)
    .run(tx)
    .await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from autocall_campaign where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await
}

/// Returns when the campaign's reports begin: at its start, or when it was made.
pub(crate) fn begins(campaign: &Campaign) -> Timestamp {
    campaign.started_at.unwrap_or(campaign.created_at)
}
