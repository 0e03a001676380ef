//! Every SQL statement of the room.

use domain::TenantId;
use store::{Bind, Error, FromRow, Tx, insert_many, sql};

#[derive(FromRow)]
pub(crate) struct ContactRow {
    pub(crate) id: i64,
    pub(crate) full_name: String,
    pub(crate) customer_id: Option<i64>,
}

/// Returns where the account's numbers belong: two letters.
pub(crate) async fn region(tx: &mut Tx, tenant: TenantId) -> Result<String, Error> {
    sql("select region from tenant where id = $1").bind(tenant).one::<(String,)>(tx).await.map(|row| row.0)
}

/// Finds the newest contact with that number (E.164 without the plus).
pub(crate) async fn contact_by_number(tx: &mut Tx, tenant: TenantId, e164: &str) -> Result<Option<ContactRow>, Error> {
    sql("select c.id, c.full_name, c.customer_id from contact_phone p join contact c on c.id = p.contact_id \
         where p.tenant_id = $1 and p.e164 = $2 and c.tenant_id = $1 order by p.contact_id desc limit 1")
    .bind(tenant)
    .bind(e164)
    .first(tx)
    .await
}

pub(crate) async fn phones(tx: &mut Tx, tenant: TenantId, contact: i64) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sql("select original from contact_phone where tenant_id = $1 and contact_id = $2 order by place")
            .bind(tenant)
            .bind(contact)
            .all(tx)
            .await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

pub(crate) async fn insert_contact(
    tx: &mut Tx,
    tenant: TenantId,
    full_name: &str,
    customer_id: Option<i64>,
) -> Result<i64, Error> {
    let now = tx.now();
    sql("insert into contact (tenant_id, full_name, customer_id, created_at, updated_at) values ($1, $2, $3, $4, $4) \
         returning id")
    .bind(tenant)
    .bind(full_name)
    .bind(customer_id)
    .bind(now)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Keeps the numbers of a contact, each as E.164 and as it was given.
pub(crate) async fn insert_phones(
    tx: &mut Tx,
    tenant: TenantId,
    contact: i64,
    phones: Vec<(String, &str)>,
) -> Result<u64, Error> {
    let rows = (0_i64..).zip(phones).map(|(place, (e164, original))| {
        vec![tenant.into_value(), contact.into_value(), place.into_value(), e164.into_value(), original.into_value()]
    });
    insert_many(
        tx,
        "insert into contact_phone (tenant_id, contact_id, place, e164, original) values",
        "",
        rows.collect(),
    )
    .await
}

#[cfg(test)]
pub(crate) mod testing {
    use domain::Timestamp;

    use super::*;

    pub(crate) async fn insert_tenant(tx: &mut Tx, name: &str, now: Timestamp) -> Result<TenantId, Error> {
        sql("insert into tenant (name, client_id, timezone, region, settings, created_at) \
             values ($1, $1, 'Asia/Ho_Chi_Minh', 'VN', '{}', $2) returning id")
        .bind(name)
        .bind(now)
        .one::<(TenantId,)>(tx)
        .await
        .map(|row| row.0)
    }
}
