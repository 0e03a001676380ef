//! What menus and groups have in common: names, numbers, and what they may lead to.

use domain::{TenantId, number, routing::Destination};
use store::Tx;
use web::{Fields, Rule, Text};

use crate::{
    error::{Error, Result},
    store as rows,
    store::numbers::Holder,
};

/// Longest name in characters.
pub(super) const LONGEST_NAME: usize = 100;

/// A destination as a form names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub kind: String,
    pub target: String,
}

/// Checks that a destination exists, and returns it.
pub(super) async fn destination(
    tx: &mut Tx,
    tenant: TenantId,
    field: &str,
    named: &Named,
    fields: &mut Fields,
) -> Result<Option<Destination>> {
    let Some(destination) = Destination::read(named.kind.trim(), named.target.trim()) else {
        fields.add(field, Rule::Selected);
        return Ok(None);
    };
    let exists = exists(tx, tenant, &destination).await?;
    fields.check(field, exists, Rule::Selected);
    Ok(exists.then_some(destination))
}

/// Says which extension is not there.
pub(super) fn no_extension(number: &str) -> Text {
    Text::of(format!("There is no extension {number}."), format!("Không có máy nhánh {number}."))
}

/// Says which extension is named twice.
pub(super) fn twice(number: &str) -> Text {
    Text::of(format!("{number} is there twice."), format!("{number} bị lặp lại."))
}

/// Returns whether a destination is there.
pub(super) async fn exists(tx: &mut Tx, tenant: TenantId, destination: &Destination) -> Result<bool> {
    Ok(match destination {
        Destination::Extension(number) | Destination::Voicemail(number) => {
            rows::extensions::find(tx, tenant, number).await?.is_some()
        }
        Destination::RingGroup(id) => rows::ring_groups::all(tx, tenant).await?.iter().any(|group| group.id == *id),
        Destination::Menu(id) => rows::menus::all(tx, tenant).await?.iter().any(|menu| menu.id == *id),
        Destination::Announcement(id) => rows::prompts::find(tx, tenant, *id).await?.is_some(),
        // A queue that is not there says so to its caller; it may be made after the menu that leads to it.
        _ => true,
    })
}

/// Checks the number that phones dial: nothing else of the account may have it.
pub(super) async fn number(
    tx: &mut Tx,
    tenant: TenantId,
    given: Option<String>,
    but: &Destination,
    fields: &mut Fields,
) -> Result<Option<String>> {
    let given = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let Some(wanted) = given else { return Ok(None) };
    fields.check("number", number::is_extension(&wanted), Rule::Format);
    let own = match but {
        Destination::Menu(id) => Some(Holder::Menu(*id)),
        Destination::RingGroup(id) => Some(Holder::RingGroup(*id)),
        _ => None,
    };
    fields.check("number", !is_taken(tx, tenant, &wanted, own).await?, Rule::Taken);
    Ok(Some(wanted))
}

/// Returns whether something else of the account than `but` has that number: a number leads to one thing.
pub(super) async fn is_taken(tx: &mut Tx, tenant: TenantId, number: &str, but: Option<Holder>) -> Result<bool> {
    let holders = rows::numbers::holders(tx, tenant, number).await?;
    Ok(holders.into_iter().any(|holder| Some(holder) != but))
}

/// Refuses to delete what others lead to.
pub(super) async fn refuse_if_used(
    tx: &mut Tx,
    tenant: TenantId,
    what: &'static str,
    destination: &Destination,
) -> Result<()> {
    let menus = rows::menus::leading_to(tx, tenant, destination).await?;
    match menus + rows::routes::count_leading_to(tx, tenant, destination).await? {
        0 => Ok(()),
        count => Err(Error::InUse { what, count }),
    }
}
