//! What tests put into the database and look for in it.

use domain::{TenantId, Timestamp};
use store::{Error, Tx, sql};

use super::ledger::Open;

pub(crate) async fn any_tenant_add(tx: &mut Tx, name: &str) -> Result<u64, Error> {
    sql("insert into tenant (name, client_id, timezone, region, settings, created_at)
         values ($1, $1, 'Asia/Ho_Chi_Minh', 'VN', '{}', 0)")
    .bind(name)
    .run(tx)
    .await
}

/// Returns the names of the account's events, each once, in the order of their first publication.
pub(crate) async fn events(tx: &mut Tx, tenant: TenantId) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sql("select name from event where tenant_id = $1 and name like 'autocall.%' order by id")
            .bind(tenant)
            .all(tx)
            .await?;
    let mut names: Vec<String> = Vec::new();
    for (name,) in rows {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Has an attempt under way in a run that is gone.
pub(crate) async fn leave_open(tx: &mut Tx, tenant: TenantId, open: &Open) -> Result<(), Error> {
    sql("update autocall_lead set status = 'dialing', attempts = $3 where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(open.lead_id)
        .bind(open.attempt_number)
        .run(tx)
        .await?;
    super::ledger::insert(tx, tenant, open, "a run that is gone").await?;
    Ok(())
}

pub(crate) async fn block(tx: &mut Tx, tenant: TenantId, phone: &str, now: Timestamp) -> Result<u64, Error> {
    sql("insert into dnc (tenant_id, phone, phone_original, source, created_by, created_at)
         values ($1, $2, $2, 'manual', 'test', $3)")
    .bind(tenant)
    .bind(phone)
    .bind(now)
    .run(tx)
    .await
}
