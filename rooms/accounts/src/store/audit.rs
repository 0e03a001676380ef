//! The audit log, to be read.

use domain::{TenantId, Timestamp};
use store::{Error, FromRow, Tx, sql};

/// Which lines: `None` and empty patterns do not narrow.
pub(crate) struct Wanted {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) actor: Option<String>,
    /// The beginning of the action with `!` before each mark, or empty.
    pub(crate) action: String,
    pub(crate) target: Option<String>,
    pub(crate) text: String,
    /// Only lines below this number.
    pub(crate) before: Option<i64>,
}

#[derive(FromRow)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) actor_kind: String,
    pub(crate) actor: String,
    pub(crate) token_id: Option<i64>,
    pub(crate) address: Option<String>,
    pub(crate) request_id: String,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) detail: String,
}

pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    wanted: &Wanted,
    limit: i64,
    offset: i64,
) -> Result<Vec<Line>, Error> {
    sql("select id, at, actor_kind, actor, token_id, address, request_id, action, target, detail from audit_log \
         where tenant_id = $1 and (at >= $2 or $2 is null) and (at < $3 or $3 is null) \
         and (actor = $4 or $4 is null) and ($5 = '' or action like $5 escape '!') \
         and (target = $6 or $6 is null) and ($7 = '' or lower(detail) like $7 escape '!' \
         or lower(target) like $7 escape '!' or lower(request_id) like $7 escape '!') \
         and (id < $8 or $8 is null) order by id desc limit $9 offset $10")
    .bind(tenant)
    .bind(wanted.from)
    .bind(wanted.to)
    .bind(wanted.actor.clone())
    .bind(&wanted.action)
    .bind(wanted.target.clone())
    .bind(&wanted.text)
    .bind(wanted.before)
    .bind(limit)
    .bind(offset)
    .all(tx)
    .await
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, wanted: &Wanted) -> Result<i64, Error> {
    sql("select count(*) from audit_log \
         where tenant_id = $1 and (at >= $2 or $2 is null) and (at < $3 or $3 is null) \
         and (actor = $4 or $4 is null) and ($5 = '' or action like $5 escape '!') \
         and (target = $6 or $6 is null) and ($7 = '' or lower(detail) like $7 escape '!' \
         or lower(target) like $7 escape '!' or lower(request_id) like $7 escape '!') and (id < $8 or $8 is null)")
    .bind(tenant)
    .bind(wanted.from)
    .bind(wanted.to)
    .bind(wanted.actor.clone())
    .bind(&wanted.action)
    .bind(wanted.target.clone())
    .bind(&wanted.text)
    .bind(wanted.before)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

pub(crate) async fn actions(tx: &mut Tx, tenant: TenantId) -> Result<Vec<String>, Error> {
    let rows = sql("select distinct action from audit_log where tenant_id = $1 order by action limit 500")
        .bind(tenant)
        .all::<(String,)>(tx)
        .await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Tells whether a request of that token left a line since `since`: then it did what it was asked.
pub(crate) async fn has_line_of(
    tx: &mut Tx,
    tenant: TenantId,
    token: i64,
    request_id: &str,
    since: Timestamp,
) -> Result<bool, Error> {
    let found = sql("select 1 from audit_log where tenant_id = $1 and at >= $2 and token_id = $3 and request_id = $4 \
                     limit 1")
    .bind(tenant)
    .bind(since)
    .bind(token)
    .bind(request_id)
    .first::<(i64,)>(tx)
    .await?;
    Ok(found.is_some())
}
