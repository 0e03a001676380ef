//! What the room can do. Permission, transaction, store, publish, commit.

mod blacklist;
pub(crate) mod calls;
mod campaigns;
mod import;
mod launch;
mod leads;
pub(crate) mod reports;
mod scripts;
pub(crate) mod spoken;
mod time;
mod variables;
pub(crate) mod voices;

use domain::{
    Permission, Principal, TenantId,
    number::Region,
    principal::{Access, Actor, Role},
};
use web::{Fields, Text};

use crate::{Error, Result};

pub(crate) use campaigns::{CampaignFill, CampaignStats};
pub(crate) use import::{Imported, LeadFill, OnDuplicate};
pub(crate) use launch::Step;
pub(crate) use leads::LeadDetail;
pub(crate) use scripts::ScriptFill;
pub(crate) use variables::VariableFill;

/// Longest name in characters.
const LONGEST_NAME: usize = 255;
/// Longest description in characters.
const LONGEST_DESCRIPTION: usize = 2_000;

/// Checks that the caller may see campaigns.
fn may_read(who: &Principal) -> Result<TenantId> {
    who.may(Permission::AutocallApiAccess, Access::Read)?;
    Ok(who.tenant)
}

/// Checks that the caller may change campaigns.
fn may_write(who: &Principal) -> Result<TenantId> {
    who.may(Permission::AutocallApiAccess, Access::Write)?;
    Ok(who.tenant)
}

/// Returns whether the caller manages the account.
const fn is_admin(who: &Principal) -> bool {
    matches!(who.actor, Actor::System | Actor::User { role: Role::Admin, .. })
}

/// Refuses with every bad field that was found.
fn refuse(fields: Fields) -> Result<()> {
    if fields.is_empty() { Ok(()) } else { Err(Error::Invalid(fields)) }
}

/// Turns the violation of a unique key into a refusal.
fn taken(what: &'static str) -> impl FnOnce(store::Error) -> Error {
    move |error| if error.is_unique() { Error::Taken(what) } else { error.into() }
}

/// Says that an account has as many of something as it may.
fn full(most: impl std::fmt::Display) -> Text {
    Text::of(
        format!("There are {most} already, and no more are kept. Delete one first."),
        format!("Đã có {most}, là mức tối đa. Hãy xóa bớt trước."),
    )
}

/// Returns the digits to look for in E.164 numbers, of a number or a part of one in any writing.
fn digits_of(text: &str, region: Region) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let bare = region.e164(text).unwrap_or_else(|| digits.trim_start_matches('0').to_owned());
    Some(bare).filter(|bare| !bare.is_empty())
}
