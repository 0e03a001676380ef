//! Sums over the ledger of one campaign, of attempts dialled within a time and over by now. Each reads one index in its
//! order: the inner sums need no sorting, and the outer ones have few rows.

use domain::{TenantId, Timestamp};
use store::{Error, FromRow, Query, Tx, sql};

use crate::model::AttemptResult;

/// Milliseconds of a quarter of an hour.
pub(crate) const QUARTER: i64 = 900_000;

/// Attempts of one result.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct ResultSum {
    pub(crate) result: AttemptResult,
    pub(crate) count: i64,
    /// Seconds.
    pub(crate) talk: i64,
    pub(crate) transferred: i64,
    pub(crate) transfer_answered: i64,
}

/// Attempts of one result that were dialled within one quarter of an hour.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct QuarterSum {
    /// Quarters of an hour since 1970.
    pub(crate) quarter: i64,
    pub(crate) result: AttemptResult,
    pub(crate) count: i64,
    /// Seconds.
    pub(crate) talk: i64,
    pub(crate) transferred: i64,
    pub(crate) transfer_answered: i64,
}

/// How many leads came how far.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub(crate) struct Reached {
    pub(crate) dialed: i64,
    pub(crate) answered: i64,
    pub(crate) pressed: i64,
    pub(crate) transferred: i64,
    pub(crate) connected: i64,
}

/// The time over which is summed: from the first, before the second.
pub(crate) type Span = (Timestamp, Timestamp);

/// Binds account, campaign, time, and the quarters that the time touches.
fn bound(query: Query, tenant: TenantId, campaign: i64, span: Span) -> Query {
    let quarter = |at: Timestamp| at.millis().div_euclid(QUARTER);
    query.bind(tenant).bind(campaign).bind(span.0).bind(span.1).bind(quarter(span.0)).bind(quarter(span.1))
}

pub(crate) async fn by_result(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    span: Span,
) -> Result<Vec<ResultSum>, Error> {
    let query = sql("select q.result, cast(sum(q.count) as bigint) as count, cast(sum(q.talk) as bigint) as talk,
            cast(sum(q.transferred) as bigint) as transferred,
            cast(sum(q.transfer_answered) as bigint) as transfer_answered
         from (select quarter, result, count(*) as count, sum(billsec) as talk, count(transferred_at) as transferred,
                 count(transfer_answered_at) as transfer_answered
               from autocall_attempt
               where tenant_id = $1 and campaign_id = $2 and dialled_at >= $3 and dialled_at < $4
                 and quarter >= $5 and quarter <= $6 and result is not null
               group by quarter, result) q
         group by q.result");
    bound(query, tenant, campaign, span).all(tx).await
}

/// Returns the sums in the order of time.
pub(crate) async fn by_quarter(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    span: Span,
) -> Result<Vec<QuarterSum>, Error> {
    let query = sql("select quarter, result, count(*) as count, cast(sum(billsec) as bigint) as talk,
            count(transferred_at) as transferred, count(transfer_answered_at) as transfer_answered
         from autocall_attempt
         where tenant_id = $1 and campaign_id = $2 and dialled_at >= $3 and dialled_at < $4
           and quarter >= $5 and quarter <= $6 and result is not null
         group by quarter, result order by quarter, result");
    bound(query, tenant, campaign, span).all(tx).await
}

/// Returns how many answered attempts began with each key; an empty text for those without any.
pub(crate) async fn by_first_key(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    span: Span,
) -> Result<Vec<(String, i64)>, Error> {
    let query = sql("select substr(q.digits, 1, 1), cast(sum(q.count) as bigint)
         from (select quarter, result, digits, count(*) as count from autocall_attempt
               where tenant_id = $1 and campaign_id = $2 and dialled_at >= $3 and dialled_at < $4
                 and quarter >= $5 and quarter <= $6 and result in ('answered', 'machine', 'abandoned')
               group by quarter, result, digits) q
         group by substr(q.digits, 1, 1) order by substr(q.digits, 1, 1)");
    bound(query, tenant, campaign, span).all(tx).await
}

/// Returns how many attempts ended with each cause and result.
pub(crate) async fn by_cause(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    span: Span,
) -> Result<Vec<(Option<String>, AttemptResult, i64)>, Error> {
    let query = sql("select q.hangup_cause, q.result, cast(sum(q.count) as bigint)
         from (select quarter, result, digits, hangup_cause, count(*) as count from autocall_attempt
               where tenant_id = $1 and campaign_id = $2 and dialled_at >= $3 and dialled_at < $4
                 and quarter >= $5 and quarter <= $6 and result is not null
               group by quarter, result, digits, hangup_cause) q
         group by q.hangup_cause, q.result");
    bound(query, tenant, campaign, span).all(tx).await
}

/// Returns how many leads were dialled, answered, pressed a key, were handed over and met an agent.
pub(crate) async fn reached(tx: &mut Tx, tenant: TenantId, campaign: i64, span: Span) -> Result<Reached, Error> {
    sql("select count(*) as dialed, coalesce(cast(sum(l.answered) as bigint), 0) as answered,
            count(l.pressed) as pressed, count(l.transferred) as transferred, count(l.connected) as connected
         from (select max(case when result in ('answered', 'machine', 'abandoned') then 1 else 0 end) as answered,
                 max(nullif(digits, '')) as pressed, max(transferred_at) as transferred,
                 max(transfer_answered_at) as connected
               from autocall_attempt
               where tenant_id = $1 and campaign_id = $2 and dialled_at >= $3 and dialled_at < $4
                 and result is not null
               group by lead_id) l")
    .bind(tenant)
    .bind(campaign)
    .bind(span.0)
    .bind(span.1)
    .one(tx)
    .await
}

/// Returns how many attempts of a campaign are up.
pub(crate) async fn up(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<i64, Error> {
    sql("select count(*) from autocall_attempt where tenant_id = $1 and campaign_id = $2 and result is null")
        .bind(tenant)
        .bind(campaign)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}
