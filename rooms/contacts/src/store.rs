//! Every SQL statement of the room.

use domain::{TenantId, Timestamp};
use store::{Bind, Error, FromRow, Query, Tx, containing, insert_many, sql};

#[derive(FromRow)]
pub(crate) struct ContactRow {
    pub(crate) id: i64,
    pub(crate) full_name: String,
    pub(crate) customer_id: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Returns where the account's numbers belong: two letters.
pub(crate) async fn region(tx: &mut Tx, tenant: TenantId) -> Result<String, Error> {
    sql("select region from tenant where id = $1").bind(tenant).one::<(String,)>(tx).await.map(|row| row.0)
}

/// Finds the newest contact with that number (E.164 without the plus).
pub(crate) async fn contact_by_number(tx: &mut Tx, tenant: TenantId, e164: &str) -> Result<Option<ContactRow>, Error> {
    sql("select c.id, c.full_name, c.customer_id, c.created_at, c.updated_at from contact_phone p join contact c on c.id = p.contact_id \
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

/// Which contacts a list shows.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'a> {
    /// Part of the name, or …
    pub(crate) text: Option<&'a str>,
    /// … of an E.164 number.
    pub(crate) digits: Option<&'a str>,
}

impl Filter<'_> {
    fn bound(&self, tenant: TenantId, query: Query) -> Query {
        let digits = self.digits.map(|digits| format!("%{digits}%"));
        query.bind(tenant).bind(self.text.map(containing)).bind(digits)
    }
}

// A macro, because a statement is one literal and the conditions are the same in three of them.
macro_rules! matching {
    ($head:literal, $tail:literal) => {
        sql(concat!(
            $head,
            " from contact c
              where c.tenant_id = $1
                and ((cast($2 as text) is null and cast($3 as text) is null)
                     or lower(c.full_name) like lower($2) escape '!'
                     or (cast($3 as text) is not null and exists (
                         select 1 from contact_phone n
                         where n.tenant_id = $1 and n.contact_id = c.id and n.e164 like $3))) ",
            $tail
        ))
    };
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, filter: &Filter<'_>) -> Result<i64, Error> {
    filter.bound(tenant, matching!("select count(*)", "")).one::<(i64,)>(tx).await.map(|row| row.0)
}

/// In which order contacts are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// By name, capitals like small letters.
    Name,
}

/// Returns the contacts of one page.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter<'_>,
    order: Order,
    limit: i64,
    offset: i64,
) -> Result<Vec<ContactRow>, Error> {
    let query = match order {
        Order::Newest => matching!(
            "select c.id, c.full_name, c.customer_id, c.created_at, c.updated_at",
            "order by c.id desc limit $4 offset $5"
        ),
        Order::Name => matching!(
            "select c.id, c.full_name, c.customer_id, c.created_at, c.updated_at",
            "order by lower(c.full_name), c.id limit $4 offset $5"
        ),
    };
    filter.bound(tenant, query).bind(limit).bind(offset).all(tx).await
}

/// Returns the numbers of that page's contacts, each with its contact.
pub(crate) async fn phones_of_list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter<'_>,
    order: Order,
    limit: i64,
    offset: i64,
) -> Result<Vec<(i64, String)>, Error> {
    let query = match order {
        Order::Newest => matching!(
            "select p.contact_id, p.original from contact_phone p
             where p.tenant_id = $1 and p.contact_id in (select c.id",
            "order by c.id desc limit $4 offset $5) order by p.contact_id, p.place"
        ),
        Order::Name => matching!(
            "select p.contact_id, p.original from contact_phone p
             where p.tenant_id = $1 and p.contact_id in (select c.id",
            "order by lower(c.full_name), c.id limit $4 offset $5) order by p.contact_id, p.place"
        ),
    };
    filter.bound(tenant, query).bind(limit).bind(offset).all(tx).await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<ContactRow>, Error> {
    sql("select id, full_name, customer_id, created_at, updated_at from contact where tenant_id = $1 and id = $2")
        .bind(tenant)
        .bind(id)
        .first(tx)
        .await
}

/// Returns whether the contact is there.
pub(crate) async fn update_contact(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    full_name: &str,
    customer_id: Option<i64>,
) -> Result<bool, Error> {
    let now = tx.now();
    let rows = sql("update contact set full_name = $3, customer_id = $4, updated_at = $5
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .bind(full_name)
    .bind(customer_id)
    .bind(now)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

/// Returns whether the contact was there.
pub(crate) async fn delete_contact(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool, Error> {
    let rows = sql("delete from contact where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

pub(crate) async fn delete_phones(tx: &mut Tx, tenant: TenantId, contact: i64) -> Result<u64, Error> {
    sql("delete from contact_phone where tenant_id = $1 and contact_id = $2").bind(tenant).bind(contact).run(tx).await
}

/// Keeps the numbers of a contact, each as E.164 and as it was given.
pub(crate) async fn insert_phones(
    tx: &mut Tx,
    tenant: TenantId,
    contact: i64,
    phones: &[(String, String)],
) -> Result<u64, Error> {
    let rows = (0_i64..).zip(phones).map(|(place, (e164, original))| {
        vec![
            tenant.into_value(),
            contact.into_value(),
            place.into_value(),
            e164.clone().into_value(),
            original.clone().into_value(),
        ]
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
