//! What the room can do. Permission, transaction, store, audit, commit.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod links;
pub(crate) mod login;
pub(crate) mod oauth;
pub(crate) mod origins;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod teams;
pub(crate) mod tokens;
pub(crate) mod users;

use domain::{
    Principal, UserId,
    principal::{Actor, Role},
};
use rand::distr::{Alphanumeric, SampleString};
use web::{Fields, Rule};

use crate::Error;

/// Random characters of a token, a cookie or a link; 62 kinds each make 285 bits.
const SECRET_LENGTH: usize = 48;
/// Random characters of a password that is made here.
const PASSWORD_LENGTH: usize = 20;

/// Refuses everybody but the account's admins and the host's own tools.
fn admin(who: &Principal) -> Result<(), Error> {
    match who.actor {
        Actor::User { role: Role::Admin, .. } | Actor::System => Ok(()),
        _ => Err(Error::Denied),
    }
}

/// Refuses everybody but admins, supervisors and the host's own tools.
fn leader(who: &Principal) -> Result<(), Error> {
    match who.actor {
        Actor::User { role: Role::Admin | Role::Supervisor, .. } | Actor::System => Ok(()),
        _ => Err(Error::Denied),
    }
}

/// Returns the user that the principal is.
fn user_of(who: &Principal) -> Option<UserId> {
    match who.actor {
        Actor::User { id, .. } => Some(id),
        _ => None,
    }
}

fn taken(field: &str) -> Error {
    let mut fields = Fields::new();
    fields.add(field, Rule::Taken);
    Error::Invalid(fields)
}

/// Returns what a username is compared by.
fn login_name(username: &str) -> String {
    username.trim().to_lowercase()
}

fn random_secret() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), SECRET_LENGTH)
}

fn random_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH)
}

/// Tells whether a text can be one of [`random_secret`]'s at all.
fn is_secret(text: &str) -> bool {
    text.len() == SECRET_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns the pattern of a search text; the empty one, which finds all, for none.
fn pattern(search: Option<&str>) -> String {
    let text = search.map(str::trim).unwrap_or_default();
    if text.is_empty() { String::new() } else { ::store::containing(&text.to_lowercase()) }
}
