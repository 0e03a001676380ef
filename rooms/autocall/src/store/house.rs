//! What other rooms keep and this one asks for: the account, queues, caller-ID groups, trunks, sound.

use domain::TenantId;
use store::{Error, FromRow, Tx, sql};

/// A queue that callees may be handed to.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct QueueName {
    pub(crate) name: String,
    pub(crate) queue_number: String,
    pub(crate) status: String,
}

/// Returns where the account's numbers belong (two letters) and its time zone.
pub(crate) async fn region_and_zone(tx: &mut Tx, tenant: TenantId) -> Result<(String, String), Error> {
    sql("select region, timezone from tenant where id = $1").bind(tenant).one(tx).await
}

/// Returns the account's queues by name.
pub(crate) async fn queues(tx: &mut Tx, tenant: TenantId) -> Result<Vec<QueueName>, Error> {
    sql("select name, queue_number, status from queue where tenant_id = $1 order by name").bind(tenant).all(tx).await
}

/// Returns the status of a caller-ID group and how many active numbers it has.
pub(crate) async fn caller_id_group(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<(String, i64)>, Error> {
    sql("select g.status, (select count(*) from caller_id_group_member m
             join caller_id c on c.tenant_id = m.tenant_id and c.id = m.caller_id_id
             where m.tenant_id = $1 and m.group_id = g.id and c.status = 'active')
         from caller_id_group g where g.tenant_id = $1 and g.id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns how many trunks of the account may be used.
pub(crate) async fn active_trunks(tx: &mut Tx, tenant: TenantId) -> Result<i64, Error> {
    sql("select count(*) from trunk where tenant_id = $1 and status = 'active'")
        .bind(tenant)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

/// Returns the paths of all sound that scripts may name.
pub(crate) async fn sound_paths(tx: &mut Tx, tenant: TenantId) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sql("select file_path from prompt where tenant_id = $1 and file_path is not null").bind(tenant).all(tx).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
