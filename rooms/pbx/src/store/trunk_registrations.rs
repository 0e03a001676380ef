//! Trunks that sign in at their carrier.

use domain::{TenantId, ids::TrunkId};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::TrunkRegistration;

impl FromRow for TrunkRegistration {
    fn from_row(row: &Row) -> Result<Self> {
        let registrars: String = row.get("registrars")?;
        Ok(Self {
            tenant: row.get("tenant_id")?,
            trunk: row.get("trunk_id")?,
            registrars: serde_json::from_str(&registrars).map_err(|_| unreadable("registrars", registrars))?,
            expires: row.get("expires")?,
        })
    }
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, trunk: TrunkId) -> Result<Option<TrunkRegistration>> {
    sql("select tenant_id, trunk_id, registrars, expires from trunk_registration where tenant_id = $1 and trunk_id = $2")
        .bind(tenant)
        .bind(trunk)
        .first(tx)
        .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<TrunkRegistration>> {
    sql("select tenant_id, trunk_id, registrars, expires from trunk_registration order by tenant_id, trunk_id")
        .all(tx)
        .await
}

/// Lets a trunk register, or changes how it does.
pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, registration: &TrunkRegistration) -> Result<()> {
    let registrars = serde_json::to_string(&registration.registrars).expect("texts always serialise");
    let now = tx.now();
    sql("insert into trunk_registration (tenant_id, trunk_id, registrars, expires, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict (tenant_id, trunk_id) do update
         set registrars = excluded.registrars, expires = excluded.expires, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(registration.trunk)
    .bind(registrars)
    .bind(registration.expires)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Lets a trunk register no more. Returns whether it did.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, trunk: TrunkId) -> Result<bool> {
    let rows = sql("delete from trunk_registration where tenant_id = $1 and trunk_id = $2")
        .bind(tenant)
        .bind(trunk)
        .run(tx)
        .await?;
    Ok(rows > 0)
}
