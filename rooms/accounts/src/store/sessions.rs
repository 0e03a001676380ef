//! Sessions of the console.

use domain::{TenantId, Timestamp, UserId};
use store::{Error, FromRow, Tx, Value, many, sql};

use crate::model::session::{SessionId, Stage};

#[derive(Clone, Debug, FromRow)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) stage: Stage,
    pub(crate) created_at: Timestamp,
    pub(crate) seen_at: Timestamp,
    pub(crate) confirmed_at: Option<Timestamp>,
    pub(crate) address: String,
    pub(crate) user_agent: String,
}

pub(crate) struct NewRow<'a> {
    pub(crate) user: UserId,
    pub(crate) hash: &'a [u8],
    pub(crate) stage: Stage,
    pub(crate) address: String,
    pub(crate) user_agent: &'a str,
}

pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, row: NewRow<'_>) -> Result<SessionId, Error> {
    let now = tx.now();
    let text = "insert into session (tenant_id, user_id, hash, stage, created_at, seen_at, confirmed_at, address, \
                user_agent) values ($1, $2, $3, $4, $5, $5, $5, $6, $7) returning id";
    let query = sql(text).bind(tenant).bind(row.user).bind(row.hash).bind(row.stage).bind(now);
    query.bind(row.address).bind(row.user_agent).one::<(SessionId,)>(tx).await.map(|row| row.0)
}

/// Finds a session by its cookie, before it is known whose it is.
pub(crate) async fn any_tenant_find(tx: &mut Tx, hash: &[u8]) -> Result<Option<SessionRow>, Error> {
    sql("select id, tenant_id, user_id, stage, created_at, seen_at, confirmed_at, address, user_agent from session \
         where hash = $1")
    .bind(hash)
    .first(tx)
    .await
}

/// Gives a session another cookie and stage; 0 if it has ended.
pub(crate) async fn rotate(
    tx: &mut Tx,
    tenant: TenantId,
    id: SessionId,
    hash: &[u8],
    stage: Stage,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("update session set hash = $3, stage = $4, seen_at = $5 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(hash)
        .bind(stage)
        .bind(now)
        .run(tx)
        .await
}

pub(crate) async fn confirm(tx: &mut Tx, tenant: TenantId, id: SessionId) -> Result<u64, Error> {
    let now = tx.now();
    sql("update session set confirmed_at = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(now)
        .run(tx)
        .await
}

pub(crate) async fn of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Vec<SessionRow>, Error> {
    sql("select id, tenant_id, user_id, stage, created_at, seen_at, confirmed_at, address, user_agent from session \
         where tenant_id = $1 and user_id = $2 order by id desc")
    .bind(tenant)
    .bind(user)
    .all(tx)
    .await
}

/// Ends a session; of `owner` only, if one is given.
pub(crate) async fn delete(
    tx: &mut Tx,
    tenant: TenantId,
    id: SessionId,
    owner: Option<UserId>,
) -> Result<Option<UserId>, Error> {
    sql("delete from session where tenant_id = $1 and id = $2 and (user_id = $3 or $3 is null) returning user_id")
        .bind(tenant)
        .bind(id)
        .bind(owner)
        .first::<(UserId,)>(tx)
        .await
        .map(|row| row.map(|row| row.0))
}

/// Ends the user's sessions but `kept`.
pub(crate) async fn delete_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    kept: Option<SessionId>,
) -> Result<u64, Error> {
    sql("delete from session where tenant_id = $1 and user_id = $2 and (id <> $3 or $3 is null)")
        .bind(tenant)
        .bind(user)
        .bind(kept)
        .run(tx)
        .await
}

/// Ends the user's oldest sessions beyond the newest `keep`.
pub(crate) async fn trim(tx: &mut Tx, tenant: TenantId, user: UserId, keep: i64) -> Result<u64, Error> {
    sql("delete from session where tenant_id = $1 and user_id = $2 and id not in \
         (select id from session where tenant_id = $1 and user_id = $2 order by id desc limit $3)")
    .bind(tenant)
    .bind(user)
    .bind(keep)
    .run(tx)
    .await
}

/// Writes when sessions were last seen, all in one statement.
pub(crate) async fn any_tenant_write_seen(tx: &mut Tx, seen: Vec<(SessionId, Timestamp)>) -> Result<u64, Error> {
    let rows = seen.into_iter().map(|(id, at)| vec![Value::Int(id.0), Value::Int(at.millis())]).collect();
    many(
        tx,
        "update session set seen_at = v.column2 from (values",
        ") as v where session.id = v.column1 and session.seen_at < v.column2",
        rows,
    )
    .await
}

/// Removes up to `limit` sessions that were last seen before `before`.
pub(crate) async fn any_tenant_purge(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    sql("delete from session where id in (select id from session where seen_at < $1 order by seen_at limit $2)")
        .bind(before)
        .bind(limit)
        .run(tx)
        .await
}
