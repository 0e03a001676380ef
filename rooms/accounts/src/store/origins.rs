//! Origins that may frame the webphone.

use domain::TenantId;
use store::{Error, Tx, sql};

use crate::ops::origins::Origin;

pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, origin: &str) -> Result<i64, Error> {
    let now = tx.now();
    sql("insert into frame_origin (tenant_id, origin, created_at) values ($1, $2, $3) returning id")
        .bind(tenant)
        .bind(origin)
        .bind(now)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Origin>, Error> {
    sql("select id, origin, created_at from frame_origin where tenant_id = $1 order by origin")
        .bind(tenant)
        .all(tx)
        .await
}

/// Returns every account's origins, each once.
pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sql("select distinct origin from frame_origin order by origin").all(tx).await?;
    Ok(rows.into_iter().map(|(origin,)| origin).collect())
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<String>, Error> {
    sql("delete from frame_origin where tenant_id = $1 and id = $2 returning origin")
        .bind(tenant)
        .bind(id)
        .first::<(String,)>(tx)
        .await
        .map(|row| row.map(|row| row.0))
}
