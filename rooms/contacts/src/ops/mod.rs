//! What the room can do. Everybody of an account may look; users of the role `read_only` may not write.

mod import;

use ::store::{Tx, audit};
use domain::{
    Principal, TenantId, Timestamp,
    number::Region,
    principal::{Actor, Role},
};
use serde_json::json;
use web::{Fields, Listing, Page, Rule};

use crate::{Contacts, Error, Order, store};

pub use import::{COLUMNS, Duplicates, Imported};

/// Longest name in characters.
const LONGEST_NAME: usize = 200;
/// Most numbers of a contact.
const MOST_PHONES: usize = 20;
/// Longest number as it is written, with blanks and brackets.
const LONGEST_PHONE: usize = 40;

/// A person with the numbers as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: i64,
    pub full_name: String,
    pub phones: Vec<String>,
    pub customer_id: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What is to change of a contact; what is `None` stays. `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub full_name: Option<String>,
    pub phones: Option<Vec<String>>,
    pub customer_id: Option<Option<i64>>,
}

#[derive(Clone, Debug)]
pub struct NewContact {
    pub full_name: String,
    /// Each is a number of the account's region or an international one, written in any way.
    pub phones: Vec<String>,
    pub customer_id: Option<i64>,
}

/// A contact that was checked, its numbers as E.164 and as they were given.
struct Checked {
    full_name: String,
    phones: Vec<(String, String)>,
    customer_id: Option<i64>,
}

impl Contacts {
    /// Finds who has a number, written in any way the account's region knows; of several people the newest.
    pub async fn lookup(&self, who: &Principal, number: &str) -> Result<Option<Contact>, Error> {
        let mut tx = self.db.read(who.tenant).await?;
        let region = store::region(&mut tx, who.tenant).await?;
        let Some(e164) = Region::of(&region).e164(number) else { return Ok(None) };
        let Some(row) = store::contact_by_number(&mut tx, who.tenant, &e164).await? else { return Ok(None) };
        Ok(Some(whole(&mut tx, who.tenant, row).await?))
    }

    /// Lists contacts with `text` in their name or, if it is digits, in one of their numbers.
    pub async fn list(
        &self,
        who: &Principal,
        text: Option<&str>,
        order: Order,
        page: Page,
    ) -> Result<Listing<Contact>, Error> {
        let mut tx = self.db.read(who.tenant).await?;
        let region = store::region(&mut tx, who.tenant).await?;
        let digits = text.and_then(|text| digits_of(text, Region::of(&region)));
        let filter = store::Filter { text, digits: digits.as_deref() };
        let total = store::count(&mut tx, who.tenant, &filter).await?;
        let (limit, offset) = (page.limit(), page.offset());
        let rows = store::list(&mut tx, who.tenant, &filter, order, limit, offset).await?;
        let mut phones = store::phones_of_list(&mut tx, who.tenant, &filter, order, limit, offset).await?;
        let contacts = rows.into_iter().map(|row| {
            let own = phones.extract_if(.., |(contact, _)| *contact == row.id).map(|(_, phone)| phone).collect();
            contact_of(row, own)
        });
        Ok(Listing::new(page, contacts.collect(), total))
    }

    pub async fn show(&self, who: &Principal, id: i64) -> Result<Contact, Error> {
        let mut tx = self.db.read(who.tenant).await?;
        let row = store::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        whole(&mut tx, who.tenant, row).await
    }

    /// Keeps a person; returns the id.
    ///
    /// # Errors
    /// `Invalid` names `full_name`, `phones` and `customer_id`.
    pub async fn create(&self, who: &Principal, new: &NewContact) -> Result<i64, Error> {
        self.add(who, new, Fields::new()).await
    }

    /// Keeps a person; `fields` are mistakes that were found before. Returns the id.
    pub async fn add(&self, who: &Principal, new: &NewContact, fields: Fields) -> Result<i64, Error> {
        may_write(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        let checked = checked(&mut tx, who.tenant, new, fields).await?;
        let id = store::insert_contact(&mut tx, who.tenant, &checked.full_name, checked.customer_id).await?;
        store::insert_phones(&mut tx, who.tenant, id, &checked.phones).await?;
        note(&mut tx, who, "contact.create", id, &checked).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Puts a person in the place of another.
    pub async fn replace(&self, who: &Principal, id: i64, new: &NewContact) -> Result<(), Error> {
        let NewContact { full_name, phones, customer_id } = new.clone();
        let changes = Changes { full_name: Some(full_name), phones: Some(phones), customer_id: Some(customer_id) };
        self.change(who, id, changes, Fields::new()).await.map(drop)
    }

    /// Changes what is given; `fields` are mistakes that were found before. Returns the contact as it is now.
    ///
    /// # Errors
    /// `Invalid` names `full_name`, `phones` and `customer_id`.
    pub async fn change(&self, who: &Principal, id: i64, changes: Changes, fields: Fields) -> Result<Contact, Error> {
        may_write(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        let row = store::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        let known = whole(&mut tx, who.tenant, row).await?;
        let new = NewContact {
            full_name: changes.full_name.unwrap_or(known.full_name),
            phones: changes.phones.unwrap_or(known.phones),
            customer_id: changes.customer_id.unwrap_or(known.customer_id),
        };
        let checked = checked(&mut tx, who.tenant, &new, fields).await?;
        store::update_contact(&mut tx, who.tenant, id, &checked.full_name, checked.customer_id).await?;
        store::delete_phones(&mut tx, who.tenant, id).await?;
        store::insert_phones(&mut tx, who.tenant, id, &checked.phones).await?;
        note(&mut tx, who, "contact.update", id, &checked).await?;
        let row = store::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        let contact = whole(&mut tx, who.tenant, row).await?;
        tx.commit().await?;
        Ok(contact)
    }

    pub async fn delete(&self, who: &Principal, id: i64) -> Result<(), Error> {
        may_write(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        store::delete_phones(&mut tx, who.tenant, id).await?;
        if !store::delete_contact(&mut tx, who.tenant, id).await? {
            return Err(Error::NotFound);
        }
        audit(&mut tx, who, "contact.delete", &format!("contact:{id}"), json!({})).await?;
        Ok(tx.commit().await?)
    }
}

fn may_write(who: &Principal) -> Result<(), Error> {
    match who.actor {
        Actor::User { role: Role::ReadOnly, .. } => Err(Error::Denied),
        _ => Ok(()),
    }
}

async fn whole(tx: &mut Tx, tenant: TenantId, row: store::ContactRow) -> Result<Contact, Error> {
    let phones = store::phones(tx, tenant, row.id).await?;
    Ok(contact_of(row, phones))
}

fn contact_of(row: store::ContactRow, phones: Vec<String>) -> Contact {
    let store::ContactRow { id, full_name, customer_id, created_at, updated_at } = row;
    Contact { id, full_name, phones, customer_id, created_at, updated_at }
}

async fn checked(tx: &mut Tx, tenant: TenantId, new: &NewContact, mut fields: Fields) -> Result<Checked, Error> {
    let region = store::region(tx, tenant).await?;
    check(new, Region::of(&region), &mut fields).ok_or(Error::Invalid(fields))
}

/// Checks a contact; `None` if there is anything in `fields` at the end.
fn check(new: &NewContact, region: Region, fields: &mut Fields) -> Option<Checked> {
    let full_name = fields.require_text("full_name", Some(&new.full_name), 1, LONGEST_NAME);
    fields.check("phones", !new.phones.is_empty(), Rule::Required);
    fields.check("phones", new.phones.len() <= MOST_PHONES, Rule::Entries(1, MOST_PHONES));
    let mut phones = Vec::with_capacity(new.phones.len().min(MOST_PHONES));
    for phone in new.phones.iter().take(MOST_PHONES) {
        match region.e164(phone).filter(|_| phone.len() <= LONGEST_PHONE) {
            Some(e164) => phones.push((e164, phone.clone())),
            None => fields.add("phones", Rule::Format),
        }
    }
    fields.check("customer_id", new.customer_id.is_none_or(|id| id > 0), Rule::Between(1, i64::MAX));
    let full_name = full_name.filter(|_| fields.is_empty())?;
    Some(Checked { full_name, phones, customer_id: new.customer_id })
}

/// Writes into the audit log; names and numbers of customers do not belong there.
async fn note(
    tx: &mut Tx,
    who: &Principal,
    action: &'static str,
    id: i64,
    checked: &Checked,
) -> Result<(), ::store::Error> {
    let detail = json!({ "phones": checked.phones.len(), "customer_id": checked.customer_id });
    audit(tx, who, action, &format!("contact:{id}"), detail).await
}

/// Returns the digits to look for in numbers, if the text is part of one: without the prefix that E.164 has not.
fn digits_of(text: &str, region: Region) -> Option<String> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || "+-.() ".contains(c));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !is_number || digits.is_empty() {
        return None;
    }
    let bare = region.e164(text).unwrap_or_else(|| digits.trim_start_matches('0').to_owned());
    Some(bare).filter(|bare| !bare.is_empty())
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
        let id = contacts.create(&who(one), &new("Lan", &["0987 654 321", "+84 24 3825 0000"])).await.unwrap();

        let lan = Contact {
            id,
            full_name: "Lan".to_owned(),
            phones: vec!["0987 654 321".to_owned(), "+84 24 3825 0000".to_owned()],
            customer_id: Some(7),
            ..contacts.show(&who(one), id).await.unwrap()
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

    #[tokio::test]
    async fn contacts_are_listed_changed_and_deleted_in_their_own_account_only() {
        let db = ::store::testing::test_db().await;
        let mut tx = db.begin_any_tenant().await.unwrap();
        let one = store::testing::insert_tenant(&mut tx, "one", Timestamp(0)).await.unwrap();
        let two = store::testing::insert_tenant(&mut tx, "two", Timestamp(0)).await.unwrap();
        tx.commit().await.unwrap();
        let contacts = Contacts::open(db.clone());
        let (one, two) = (Principal::system(one), Principal::system(two));
        let new = |name: &str, phones: &[&str]| NewContact {
            full_name: name.to_owned(),
            phones: phones.iter().map(|phone| (*phone).to_owned()).collect(),
            customer_id: None,
        };
        let lan = contacts.create(&one, &new("Lan", &["0987654321", "02438250000"])).await.unwrap();
        let minh = contacts.create(&one, &new("Minh 100%", &["0912345678"])).await.unwrap();
        contacts.create(&two, &new("Hoa", &["0987654321"])).await.unwrap();

        let found = async |who: &Principal, text: Option<&str>| {
            let listing = contacts.list(who, text, Order::Newest, Page::default()).await.unwrap();
            assert_eq!(i64::try_from(listing.data.len()).unwrap(), listing.total);
            listing.data.into_iter().map(|contact| contact.full_name).collect::<Vec<_>>()
        };
        assert_eq!(found(&one, None).await, ["Minh 100%", "Lan"]);
        for (text, names) in [
            ("lan", &["Lan"][..]),
            ("100%", &["Minh 100%"]),
            ("0987 654 321", &["Lan"]),
            ("+84987", &["Lan"]),
            ("4321", &["Lan"]),
            ("09", &["Minh 100%", "Lan"]),
            ("Hoa", &[]),
        ] {
            assert_eq!(found(&one, Some(text)).await, names, "{text}");
        }
        let second = contacts.list(&one, None, Order::Newest, Page { page: 2, per_page: 1 }).await.unwrap();
        assert_eq!(
            (second.data[0].phones.as_slice(), second.total),
            (&["0987654321", "02438250000"].map(str::to_owned)[..], 2)
        );

        contacts.create(&one, &new("hoa", &["0911111111"])).await.unwrap();
        let by_name = contacts.list(&one, None, Order::Name, Page { page: 1, per_page: 2 }).await.unwrap();
        let people: Vec<_> =
            by_name.data.iter().map(|contact| (contact.full_name.as_str(), contact.phones.len())).collect();
        assert_eq!(people, [("hoa", 1), ("Lan", 2)]);

        contacts.replace(&one, lan, &new("Lan Anh", &["0900000001"])).await.unwrap();
        let shown = contacts.show(&one, lan).await.unwrap();
        assert_eq!((shown.full_name.as_str(), shown.phones), ("Lan Anh", vec!["0900000001".to_owned()]));
        assert_eq!(contacts.lookup(&one, "0987654321").await.unwrap(), None);
        for outcome in [
            contacts.show(&two, lan).await.map(drop),
            contacts.replace(&two, lan, &new("X", &["0900000001"])).await,
            contacts.delete(&two, lan).await,
        ] {
            assert!(matches!(outcome, Err(Error::NotFound)));
        }
        contacts.delete(&one, minh).await.unwrap();
        assert!(matches!(contacts.delete(&one, minh).await, Err(Error::NotFound)));

        let Err(Error::Invalid(fields)) = contacts.create(&one, &new(" ", &["front desk"])).await else { panic!() };
        assert_eq!(fields.names().collect::<Vec<_>>(), ["full_name", "phones"]);
        let viewer = Principal {
            actor: Actor::User {
                id: domain::UserId(1),
                username: "viewer".to_owned(),
                role: Role::ReadOnly,
                team: None,
                extension: None,
            },
            ..one.clone()
        };
        assert!(matches!(contacts.delete(&viewer, lan).await, Err(Error::Denied)));
    }
}
