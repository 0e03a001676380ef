//! Leads, and why they were not dialled.

use domain::TenantId;
use store::{Bind, Error, Query, Tx, insert_many, many_returning, sql};

use crate::model::{Lead, LeadStatus, Refused};

/// A lead that was checked.
#[derive(Clone, Debug)]
pub(crate) struct NewLead {
    pub(crate) phone: String,
    pub(crate) phone_original: String,
    pub(crate) external_ref: Option<String>,
    /// JSON object.
    pub(crate) payload: String,
}

/// Which leads of a campaign a list shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) status: Option<LeadStatus>,
    /// Part of the E.164 number.
    pub(crate) digits: Option<String>,
    pub(crate) external_ref: Option<String>,
}

impl Filter {
    fn bound(&self, tenant: TenantId, campaign: i64, query: Query) -> Query {
        let digits = self.digits.as_ref().map(|digits| format!("%{digits}%"));
        query.bind(tenant).bind(campaign).bind(self.status).bind(digits).bind(self.external_ref.clone())
    }
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, campaign: i64, filter: &Filter) -> Result<i64, Error> {
    let query = sql("select count(*) from autocall_lead where tenant_id = $1 and campaign_id = $2
         and (cast($3 as text) is null or status = $3) and (cast($4 as text) is null or phone like $4)
         and (cast($5 as text) is null or external_ref = $5)");
    filter.bound(tenant, campaign, query).one::<(i64,)>(tx).await.map(|row| row.0)
}

/// Returns one page, in the order of the import.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<Vec<Lead>, Error> {
    let query = sql("select id, campaign_id, phone, phone_original, external_ref, payload, status, attempts, next_at,
            last_result, created_at, updated_at
         from autocall_lead where tenant_id = $1 and campaign_id = $2
         and (cast($3 as text) is null or status = $3) and (cast($4 as text) is null or phone like $4)
         and (cast($5 as text) is null or external_ref = $5)
         order by id limit $6 offset $7");
    filter.bound(tenant, campaign, query).bind(limit).bind(offset).all(tx).await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Lead>, Error> {
    sql("select id, campaign_id, phone, phone_original, external_ref, payload, status, attempts, next_at,
            last_result, created_at, updated_at
         from autocall_lead where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns how many leads of a campaign are in each state.
pub(crate) async fn by_status(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<Vec<(LeadStatus, i64)>, Error> {
    sql("select status, count(*) from autocall_lead where tenant_id = $1 and campaign_id = $2 group by status")
        .bind(tenant)
        .bind(campaign)
        .all(tx)
        .await
}

/// Keeps the leads whose numbers the campaign has not; returns their ids, numbers and references.
pub(crate) async fn insert_new(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    leads: &[NewLead],
) -> Result<Vec<(i64, String, Option<String>)>, Error> {
    let now = tx.now();
    let rows = leads.iter().map(|lead| {
        vec![
            tenant.into_value(),
            campaign.into_value(),
            lead.phone.clone().into_value(),
            lead.phone_original.clone().into_value(),
            lead.external_ref.clone().into_value(),
            lead.payload.clone().into_value(),
            LeadStatus::Pending.into_value(),
            now.into_value(),
            now.into_value(),
        ]
    });
    many_returning(
        tx,
        "insert into autocall_lead (tenant_id, campaign_id, phone, phone_original, external_ref, payload, status, created_at, updated_at) values",
        " on conflict (tenant_id, campaign_id, phone) do nothing returning id, phone, external_ref",
        rows.collect(),
    )
    .await
}

/// Puts other values into leads that wait; those that were called stay as they are. Returns how many changed.
pub(crate) async fn update_waiting(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    leads: &[NewLead],
) -> Result<u64, Error> {
    let now = tx.now();
    let rows = leads.iter().map(|lead| {
        vec![
            tenant.into_value(),
            campaign.into_value(),
            lead.phone.clone().into_value(),
            lead.phone_original.clone().into_value(),
            lead.external_ref.clone().into_value(),
            lead.payload.clone().into_value(),
            LeadStatus::Pending.into_value(),
            now.into_value(),
            now.into_value(),
        ]
    });
    insert_many(
        tx,
        "insert into autocall_lead (tenant_id, campaign_id, phone, phone_original, external_ref, payload, status, created_at, updated_at) values",
        " on conflict (tenant_id, campaign_id, phone) do update set payload = excluded.payload, external_ref = coalesce(excluded.external_ref, autocall_lead.external_ref), updated_at = excluded.updated_at where autocall_lead.status = 'pending'",
        rows.collect(),
    )
    .await
}

/// Returns how many leads a campaign has.
pub(crate) async fn total(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<i64, Error> {
    sql("select count(*) from autocall_lead where tenant_id = $1 and campaign_id = $2")
        .bind(tenant)
        .bind(campaign)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

/// Deletes a lead that no call is under way to; 0 if one is.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from autocall_lead where tenant_id = $1 and id = $2 and status not in ('reserved', 'dialing')")
        .bind(tenant)
        .bind(id)
        .run(tx)
        .await
}

pub(crate) async fn delete_all(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<u64, Error> {
    sql("delete from autocall_lead where tenant_id = $1 and campaign_id = $2").bind(tenant).bind(campaign).run(tx).await
}

/// Returns what the gate said of a lead, the latest first.
pub(crate) async fn refusals(tx: &mut Tx, tenant: TenantId, lead: i64) -> Result<Vec<Refused>, Error> {
    sql("select rule, rule_version, until_at, refused_at, times from autocall_refusal
         where tenant_id = $1 and lead_id = $2 order by refused_at desc, rule")
    .bind(tenant)
    .bind(lead)
    .all(tx)
    .await
}

/// Forgets what the gate said of a lead.
pub(crate) async fn delete_refusals(tx: &mut Tx, tenant: TenantId, lead: i64) -> Result<u64, Error> {
    sql("delete from autocall_refusal where tenant_id = $1 and lead_id = $2").bind(tenant).bind(lead).run(tx).await
}

pub(crate) async fn delete_all_refusals(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<u64, Error> {
    sql("delete from autocall_refusal where tenant_id = $1 and campaign_id = $2")
        .bind(tenant)
        .bind(campaign)
        .run(tx)
        .await
}

/// Returns how many leads each rule holds back.
pub(crate) async fn held_back(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<Vec<(String, i64)>, Error> {
    sql("select r.rule, count(*) from autocall_refusal r
         join autocall_lead l on l.tenant_id = r.tenant_id and l.id = r.lead_id
         where r.tenant_id = $1 and r.campaign_id = $2 and l.status = 'pending' and l.next_at > $3
         group by r.rule order by r.rule")
    .bind(tenant)
    .bind(campaign)
    .bind(tx.now())
    .all(tx)
    .await
}
