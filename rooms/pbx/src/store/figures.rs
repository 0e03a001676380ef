//! Counts for the dashboard.

use domain::{TenantId, Timestamp};
use store::{Tx, sql};

use super::{
    Result,
    cdr_hours::{self, Hours},
};

/// Returns how many calls began in each hour from `from` on and before `until`, and how many of them were answered:
/// hours counted from 0, those without a call left out.
pub(crate) async fn hours(
    tx: &mut Tx,
    tenant: TenantId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(i64, i64, i64)>> {
    // Where days begin at a full hour of UTC, the sums of the hours are there already.
    if let Some(whole) = Hours::within(from, until).filter(|whole| whole.start() == from && whole.end() == until) {
        let hours = cdr_hours::all(tx, tenant, whole).await?;
        return Ok(hours.into_iter().map(|hour| (hour.after(from), hour.calls, hour.answered)).collect());
    }
    sql("select (start_time - $2) / 3600000 as hour, count(*) as calls, count(answer_time) as answered
         from cdr
         where tenant_id = $1 and start_time >= $2 and start_time < $3
         group by (start_time - $2) / 3600000
         order by 1")
    .bind(tenant)
    .bind(from)
    .bind(until)
    .all(tx)
    .await
}

/// Returns how many active extensions there are.
pub(crate) async fn extensions(tx: &mut Tx, tenant: TenantId) -> Result<i64> {
    let (count,) = sql("select count(*) from extension where tenant_id = $1 and status = 'active'")
        .bind(tenant)
        .one::<(i64,)>(tx)
        .await?;
    Ok(count)
}

/// Returns how many active extensions have a phone.
pub(crate) async fn registered(tx: &mut Tx, tenant: TenantId, now: Timestamp) -> Result<i64> {
    let (count,) = sql("select count(*) from extension e
                        where e.tenant_id = $1 and e.status = 'active' and exists (
                            select 1 from registration r
                            where r.tenant_id = e.tenant_id and r.extension_number = e.extension_number
                              and r.expires_at > $2)")
    .bind(tenant)
    .bind(now)
    .one::<(i64,)>(tx)
    .await?;
    Ok(count)
}
