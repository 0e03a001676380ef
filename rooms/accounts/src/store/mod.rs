//! Every SQL statement of the room.

pub(crate) mod audit;
pub(crate) mod idempotency;
pub(crate) mod links;
pub(crate) mod origins;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod teams;
pub(crate) mod tokens;
pub(crate) mod users;

use domain::TenantId;
use store::{Error, Tx, sql};
use uuid::Uuid;

use crate::model::Account;

pub(crate) struct AccountRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) client_id: Uuid,
    pub(crate) host: Option<&'a str>,
    pub(crate) timezone: &'a str,
    pub(crate) region: &'a str,
}

pub(crate) async fn any_tenant_insert_account(tx: &mut Tx, row: AccountRow<'_>) -> Result<TenantId, Error> {
    let now = tx.now();
    let text = "insert into tenant (name, client_id, host, timezone, region, settings, created_at) \
                values ($1, $2, $3, $4, $5, '{}', $6) returning id";
    let query = sql(text).bind(row.name).bind(row.client_id).bind(row.host).bind(row.timezone).bind(row.region);
    query.bind(now).one::<(TenantId,)>(tx).await.map(|row| row.0)
}

pub(crate) async fn any_tenant_accounts(tx: &mut Tx) -> Result<Vec<Account>, Error> {
    sql("select id, name, client_id, host, timezone, region, settings, created_at from tenant order by id")
        .all(tx)
        .await
}

pub(crate) async fn account(tx: &mut Tx, tenant: TenantId) -> Result<Option<Account>, Error> {
    sql("select id, name, client_id, host, timezone, region, settings, created_at from tenant where id = $1")
        .bind(tenant)
        .first(tx)
        .await
}

/// Keeps everybody else from changing the account and who its admins are until the transaction ends.
pub(crate) async fn lock_account(tx: &mut Tx, tenant: TenantId) -> Result<u64, Error> {
    sql("update tenant set name = name where id = $1").bind(tenant).run(tx).await
}

/// Changes what admins may change of the account.
pub(crate) async fn update_account(tx: &mut Tx, tenant: TenantId, account: &Account) -> Result<u64, Error> {
    sql("update tenant set name = $2, timezone = $3, region = $4, settings = $5 where id = $1")
        .bind(tenant)
        .bind(&account.name)
        .bind(&account.timezone)
        .bind(&account.region)
        .bind(&account.settings)
        .run(tx)
        .await
}
