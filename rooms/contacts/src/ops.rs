//! What the room can do.

use ::store::Error;
use domain::{Principal, number::Region};

use crate::{Contacts, store};

/// A person with the numbers as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: i64,
    pub full_name: String,
    pub phones: Vec<String>,
    pub customer_id: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct NewContact {
    pub full_name: String,
    /// What is no number in the account's region is left out.
    pub phones: Vec<String>,
    pub customer_id: Option<i64>,
}

impl Contacts {
    /// Finds who has a number, written in any way the account's region knows; of several people the newest.
    pub async fn lookup(&self, who: &Principal, number: &str) -> Result<Option<Contact>, Error> {
        let mut tx = self.db.read(who.tenant).await?;
        let region = store::region(&mut tx, who.tenant).await?;
        let Some(e164) = Region::of(&region).e164(number) else { return Ok(None) };
        let Some(row) = store::contact_by_number(&mut tx, who.tenant, &e164).await? else { return Ok(None) };
        let phones = store::phones(&mut tx, who.tenant, row.id).await?;
        Ok(Some(Contact { id: row.id, full_name: row.full_name, phones, customer_id: row.customer_id }))
    }

    /// Keeps a person; returns the id.
    pub async fn create(&self, who: &Principal, new: &NewContact) -> Result<i64, Error> {
        let mut tx = self.db.begin(who.tenant).await?;
        let region = store::region(&mut tx, who.tenant).await?;
        let region = Region::of(&region);
        let phones: Vec<_> =
            new.phones.iter().filter_map(|phone| Some((region.e164(phone)?, phone.as_str()))).collect();
        let id = store::insert_contact(&mut tx, who.tenant, &new.full_name, new.customer_id).await?;
        store::insert_phones(&mut tx, who.tenant, id, phones).await?;
        tx.commit().await?;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use domain::{TenantId, Timestamp};

    use super::*;

    #[tokio::test]
    async fn a_number_is_found_however_it_is_written_and_only_in_its_own_account() {
        let db = ::store::testing::test_db().await;
        let mut tx = db.begin_any_tenant().await.unwrap();
        let one = store::testing::insert_tenant(&mut tx, "one", Timestamp(0)).await.unwrap();
        let two = store::testing::insert_tenant(&mut tx, "two", Timestamp(0)).await.unwrap();
        tx.commit().await.unwrap();
        let contacts = Contacts::open(db.clone());
        let who = |tenant: TenantId| Principal::system(tenant);
        let new = |name: &str, phones: &[&str]| NewContact {
            full_name: name.to_owned(),
            phones: phones.iter().map(|phone| (*phone).to_owned()).collect(),
            customer_id: Some(7),
        };
        let id =
            contacts.create(&who(one), &new("Lan", &["0987 654 321", "+84 24 3825 0000", "front desk"])).await.unwrap();

        let lan = Contact {
            id,
            full_name: "Lan".to_owned(),
            phones: vec!["0987 654 321".to_owned(), "+84 24 3825 0000".to_owned()],
            customer_id: Some(7),
        };
        for number in ["0987654321", "84987654321", "+84987654321", "02438250000"] {
            assert_eq!(contacts.lookup(&who(one), number).await.unwrap().as_ref(), Some(&lan), "{number}");
        }
        for number in ["0987654322", "1001", "nobody", ""] {
            assert_eq!(contacts.lookup(&who(one), number).await.unwrap(), None, "{number}");
        }
        assert_eq!(contacts.lookup(&who(two), "0987654321").await.unwrap(), None);

        let newer = contacts.create(&who(one), &new("Minh", &["0987654321"])).await.unwrap();
        let found = contacts.lookup(&who(one), "0987654321").await.unwrap();
        assert_eq!(found.map(|contact| contact.id), Some(newer));
    }
}
