//! Teams.

use domain::{TenantId, UserId};
use store::{Error, Tx, sql};

use crate::ops::teams::Team;

pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, name: &str, key: &str) -> Result<i64, Error> {
    let now = tx.now();
    sql("insert into team (tenant_id, name, name_key, created_at) values ($1, $2, $3, $4) returning id")
        .bind(tenant)
        .bind(name)
        .bind(key)
        .bind(now)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Team>, Error> {
    sql("select id, name, (select count(*) from users u where u.tenant_id = $1 and u.team_id = team.id) as members, \
         created_at from team where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns teams by name; the empty pattern finds all.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    pattern: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<Team>, Error> {
    sql("select id, name, (select count(*) from users u where u.tenant_id = $1 and u.team_id = team.id) as members, \
         created_at from team where tenant_id = $1 and ($2 = '' or name_key like $2 escape '!') \
         order by name_key limit $3 offset $4")
    .bind(tenant)
    .bind(pattern)
    .bind(limit)
    .bind(offset)
    .all(tx)
    .await
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, pattern: &str) -> Result<i64, Error> {
    sql("select count(*) from team where tenant_id = $1 and ($2 = '' or name_key like $2 escape '!')")
        .bind(tenant)
        .bind(pattern)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

pub(crate) async fn rename(tx: &mut Tx, tenant: TenantId, id: i64, name: &str, key: &str) -> Result<u64, Error> {
    sql("update team set name = $3, name_key = $4 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .bind(name)
        .bind(key)
        .run(tx)
        .await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from team where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await
}

/// Takes all members out of a team.
pub(crate) async fn clear(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("update users set team_id = null where tenant_id = $1 and team_id = $2").bind(tenant).bind(id).run(tx).await
}

/// Puts a user into a team; 0 if there is no such user.
pub(crate) async fn join(tx: &mut Tx, tenant: TenantId, id: i64, user: UserId) -> Result<u64, Error> {
    sql("update users set team_id = $3 where tenant_id = $1 and id = $2").bind(tenant).bind(user).bind(id).run(tx).await
}
