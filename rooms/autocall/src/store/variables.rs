//! Variables that scripts name.

use domain::TenantId;
use store::{Error, Tx, containing, sql};

use crate::model::{Variable, VariableType};

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, text: Option<&str>) -> Result<i64, Error> {
    sql("select count(*) from autocall_variable where tenant_id = $1
         and (cast($2 as text) is null or lower(variable_code) like lower($2) escape '!'
              or lower(label) like lower($2) escape '!')")
    .bind(tenant)
    .bind(text.map(containing))
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Returns one page, by code.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    text: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Variable>, Error> {
    sql("select id, variable_code, label, type, created_at, updated_at from autocall_variable
         where tenant_id = $1 and (cast($2 as text) is null or lower(variable_code) like lower($2) escape '!'
              or lower(label) like lower($2) escape '!')
         order by variable_code limit $3 offset $4")
    .bind(tenant)
    .bind(text.map(containing))
    .bind(limit)
    .bind(offset)
    .all(tx)
    .await
}

/// Returns every variable of the account.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Variable>, Error> {
    sql("select id, variable_code, label, type, created_at, updated_at from autocall_variable
         where tenant_id = $1 order by variable_code")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Variable>, Error> {
    sql("select id, variable_code, label, type, created_at, updated_at from autocall_variable
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns the new id. A taken code violates a unique key.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    code: &str,
    label: &str,
    kind: VariableType,
) -> Result<i64, Error> {
    let now = tx.now();
    sql("insert into autocall_variable (tenant_id, variable_code, label, type, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $5) returning id")
    .bind(tenant)
    .bind(code)
    .bind(label)
    .bind(kind)
    .bind(now)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    code: &str,
    label: &str,
    kind: VariableType,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_variable set variable_code = $3, label = $4, type = $5, updated_at = $6
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .bind(code)
    .bind(label)
    .bind(kind)
    .bind(now)
    .run(tx)
    .await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from autocall_variable where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await
}
