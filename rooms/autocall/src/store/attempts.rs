//! The ledger of attempts, as it is read. The engine writes it.

use domain::{CallId, TenantId, Timestamp};
use store::{Error, Query, Tx, sql};

use crate::model::{Attempt, AttemptResult};

/// Which attempts a list shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) campaign: Option<i64>,
    pub(crate) lead: Option<i64>,
    /// Part of the E.164 number.
    pub(crate) digits: Option<String>,
    pub(crate) result: Option<AttemptResult>,
    /// Dialled at or after.
    pub(crate) from: Option<Timestamp>,
    /// Dialled before.
    pub(crate) to: Option<Timestamp>,
}

impl Filter {
    fn bound(&self, tenant: TenantId, query: Query) -> Query {
        let digits = self.digits.as_ref().map(|digits| format!("%{digits}%"));
        query
            .bind(tenant)
            .bind(self.campaign)
            .bind(self.lead)
            .bind(digits)
            .bind(self.result)
            .bind(self.from)
            .bind(self.to)
    }
}

// A macro, because a statement is one literal and the conditions are the same in all of them. The campaign's condition
// stands apart: where one is named, its index is used.
macro_rules! matching {
    ($head:literal, $campaign:literal, $tail:literal) => {
        sql(concat!(
            $head,
            " from autocall_attempt where tenant_id = $1 ",
            $campaign,
            " and (cast($3 as bigint) is null or lead_id = $3)
             and (cast($4 as text) is null or phone like $4) and (cast($5 as text) is null or result = $5)
             and (cast($6 as bigint) is null or dialled_at >= $6) and (cast($7 as bigint) is null or dialled_at < $7) ",
            $tail
        ))
    };
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, filter: &Filter) -> Result<i64, Error> {
    let query = match filter.campaign {
        Some(_) => matching!("select count(*)", "and campaign_id = $2", ""),
        None => matching!("select count(*)", "and cast($2 as bigint) is null", ""),
    };
    filter.bound(tenant, query).one::<(i64,)>(tx).await.map(|row| row.0)
}

/// Returns one page, the newest first.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<Vec<Attempt>, Error> {
    let query = match filter.campaign {
        Some(_) => matching!(
            "select call_uuid, campaign_id, lead_id, script_id, attempt_number, phone, caller_id, trunk_name,
                dialled_at, answered_at, ended_at, result, hangup_cause, sip_status, billsec, digits, transferred_to,
                transferred_at, transfer_agent, transfer_answered_at, recording_path",
            "and campaign_id = $2",
            "order by dialled_at desc, id desc limit $8 offset $9"
        ),
        None => matching!(
            "select call_uuid, campaign_id, lead_id, script_id, attempt_number, phone, caller_id, trunk_name,
                dialled_at, answered_at, ended_at, result, hangup_cause, sip_status, billsec, digits, transferred_to,
                transferred_at, transfer_agent, transfer_answered_at, recording_path",
            "and cast($2 as bigint) is null",
            "order by dialled_at desc, id desc limit $8 offset $9"
        ),
    };
    filter.bound(tenant, query).bind(limit).bind(offset).all(tx).await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<Option<Attempt>, Error> {
    sql("select call_uuid, campaign_id, lead_id, script_id, attempt_number, phone, caller_id, trunk_name,
            dialled_at, answered_at, ended_at, result, hangup_cause, sip_status, billsec, digits, transferred_to,
            transferred_at, transfer_agent, transfer_answered_at, recording_path
         from autocall_attempt where tenant_id = $1 and call_uuid = $2")
    .bind(tenant)
    .bind(call)
    .first(tx)
    .await
}

/// Returns the attempts of a lead, the first first.
pub(crate) async fn of_lead(tx: &mut Tx, tenant: TenantId, lead: i64) -> Result<Vec<Attempt>, Error> {
    sql("select call_uuid, campaign_id, lead_id, script_id, attempt_number, phone, caller_id, trunk_name,
            dialled_at, answered_at, ended_at, result, hangup_cause, sip_status, billsec, digits, transferred_to,
            transferred_at, transfer_agent, transfer_answered_at, recording_path
         from autocall_attempt where tenant_id = $1 and lead_id = $2 order by attempt_number")
    .bind(tenant)
    .bind(lead)
    .all(tx)
    .await
}

/// Returns whether anybody of the campaign was dialled.
pub(crate) async fn any(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<bool, Error> {
    let found: Option<(i64,)> =
        sql("select id from autocall_attempt where tenant_id = $1 and campaign_id = $2 limit 1")
            .bind(tenant)
            .bind(campaign)
            .first(tx)
            .await?;
    Ok(found.is_some())
}

#[cfg(test)]
pub(crate) mod testing {
    use domain::Timestamp;

    use super::*;
    use crate::store::reports::QUARTER;

    pub(crate) async fn insert_tenant(tx: &mut Tx, name: &str) -> Result<TenantId, Error> {
        sql("insert into tenant (name, client_id, timezone, region, settings, created_at)
             values ($1, $1, 'Asia/Ho_Chi_Minh', 'VN', '{}', 0) returning id")
        .bind(name)
        .one::<(TenantId,)>(tx)
        .await
        .map(|row| row.0)
    }

    /// What is told apart of attempts in tests.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Over<'a> {
        pub(crate) lead: i64,
        pub(crate) number: i64,
        pub(crate) at: Timestamp,
        pub(crate) result: Option<AttemptResult>,
        pub(crate) cause: &'a str,
        pub(crate) billsec: i64,
        pub(crate) digits: &'a str,
        pub(crate) transferred: bool,
        pub(crate) connected: bool,
    }

    pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, campaign: i64, over: Over<'_>) -> Result<u64, Error> {
        let at = over.at;
        sql("insert into autocall_attempt (tenant_id, call_uuid, campaign_id, lead_id, script_id, attempt_number, phone,
                boot_id, dialled_at, quarter, result, hangup_cause, billsec, digits, transferred_at,
                transfer_answered_at)
             values ($1, $2, $3, $4, 1, $5, '84987654321', 'boot', $6, $7, $8, $9, $10, $11, $12, $13)")
        .bind(tenant)
        .bind(uuid::Uuid::now_v7())
        .bind(campaign)
        .bind(over.lead)
        .bind(over.number)
        .bind(at)
        .bind(at.millis().div_euclid(QUARTER))
        .bind(over.result)
        .bind(over.cause)
        .bind(over.billsec)
        .bind(over.digits)
        .bind(over.transferred.then_some(at))
        .bind(over.connected.then_some(at))
        .run(tx)
        .await
    }
}
