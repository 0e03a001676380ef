//! The nouns as stored.

pub(crate) mod session;
pub(crate) mod settings;

use std::net::IpAddr;

use ::store::{Bind, Cell, Column, FromRow, Kind, Value};
use domain::{
    Permission, TenantId, Timestamp, UserId,
    ids::TokenId,
    principal::{Actor, Role},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use web::{AccountLimits, Language};

/// One customer. `tenant` in tables and on the wire.
#[derive(Clone, Debug, FromRow)]
pub struct Account {
    pub id: TenantId,
    pub name: String,
    /// Sent by clients of the incoming-call webhooks as `X-Client-Id`.
    pub client_id: Uuid,
    /// The domain whose requests belong to this account; `None` for an account without one of its own.
    pub host: Option<String>,
    /// An IANA name, such as `Asia/Ho_Chi_Minh`.
    pub timezone: String,
    /// Two letters: where numbers without a country code belong.
    pub region: String,
    /// What an admin may change at run time, as a JSON object.
    pub settings: String,
    pub created_at: Timestamp,
}

impl Account {
    /// Returns the limits that differ for this account: `{"limits": {"pbx": 120}}` in its settings.
    pub(crate) fn limits(&self) -> AccountLimits {
        let limits = self.chosen().limits;
        AccountLimits {
            click_to_call: limits.click_to_call,
            pbx: limits.pbx,
            telesales: limits.telesales,
            autocall: limits.autocall,
            other: limits.other,
        }
    }

    /// Returns what of the settings is this room's.
    pub(crate) fn chosen(&self) -> Chosen {
        serde_json::from_str(&self.settings).unwrap_or_default()
    }
}

/// The part of an account's settings that is this room's; other rooms have keys beside these.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    limits: ChosenLimits,
    pub(crate) language: Option<String>,
    pub(crate) cdr_max_days: Option<i64>,
    pub(crate) cdr_keep_days: Option<i64>,
    pub(crate) session_idle_minutes: Option<i64>,
    pub(crate) session_hours: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChosenLimits {
    click_to_call: Option<u32>,
    pbx: Option<u32>,
    telesales: Option<u32>,
    autocall: Option<u32>,
    other: Option<u32>,
}

/// A person who signs in.
#[derive(Clone, Debug, FromRow)]
pub struct User {
    pub id: UserId,
    pub tenant_id: TenantId,
    pub username: String,
    pub(crate) role: StoredRole,
    pub team_id: Option<i64>,
    /// The extension that is this user's phone.
    pub extension: Option<String>,
    pub email: Option<String>,
    pub(crate) language: Option<StoredLanguage>,
    pub disabled: bool,
    /// The next sign-in to the console asks for another password first.
    pub must_change_password: bool,
    pub has_second_factor: bool,
    /// Was invited and has not chosen a password yet.
    pub is_invited: bool,
    /// Into the console; an API login does not count.
    pub last_sign_in_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl User {
    pub fn role(&self) -> Role {
        self.role.0
    }

    /// Returns what the console speaks to the user; `None` for the account's language.
    pub fn language(&self) -> Option<Language> {
        self.language.map(|language| language.0)
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor::User {
            id: self.id,
            username: self.username.clone(),
            role: self.role.0,
            team: self.team_id,
            extension: self.extension.clone(),
        }
    }
}

/// Why a token exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A person's: made by sign-in or by an admin.
    User,
    /// An application's.
    Machine,
}

impl TokenKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Machine => "machine",
        }
    }
}

/// A bearer token as stored: of its secret, only a SHA-256.
#[derive(Clone, Debug, FromRow)]
pub struct Token {
    pub id: TokenId,
    pub tenant_id: TenantId,
    /// Whose it is; `None` for a machine token.
    pub user_id: Option<UserId>,
    pub kind: TokenKind,
    pub name: String,
    pub(crate) hash: Vec<u8>,
    /// What it may; for a user token `None` means all that the user may.
    pub scopes: Option<Scopes>,
    /// Where it may be used from; `None` for anywhere.
    pub ip_allow: Option<Networks>,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    /// The machine token that this access token was made of by `POST /oauth/token`.
    pub parent_id: Option<TokenId>,
}

impl Token {
    /// Returns whether it opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    pub(crate) fn allows(&self, address: Option<IpAddr>) -> bool {
        let Some(Networks(allowed)) = &self.ip_allow else { return true };
        address.is_some_and(|address| allowed.iter().any(|network| network.contains(&address.to_canonical())))
    }

    /// Returns what the token may: a user's token never more than the user.
    pub(crate) fn permissions(&self, role: Option<Role>) -> Vec<Permission> {
        let scopes = self.scopes.as_ref().map(|Scopes(list)| list.as_slice());
        match (role, scopes) {
            (Some(role), None) => role.permissions(),
            (Some(role), Some(scopes)) => role.permissions().into_iter().filter(|p| scopes.contains(p)).collect(),
            (None, scopes) => scopes.unwrap_or_default().to_vec(),
        }
    }
}

/// Permissions of a token, stored as a JSON list of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(pub Vec<Permission>);

impl Scopes {
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|permission| permission.as_str()).collect()
    }
}

/// Networks of an allowlist, stored as a JSON list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Networks(pub Vec<IpNet>);

/// [`Role`] as a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredRole(pub(crate) Role);

impl Column for StoredRole {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        Role::parse(cell.text()?).map(Self).ok_or_else(|| "unknown role".to_owned())
    }
}

impl Bind for StoredRole {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        self.0.as_str().into_value()
    }
}

/// [`Language`] as a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredLanguage(pub(crate) Language);

impl Column for StoredLanguage {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        Language::parse(cell.text()?).map(Self).ok_or_else(|| "unknown language".to_owned())
    }
}

impl Bind for StoredLanguage {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        self.0.as_str().into_value()
    }
}

impl Column for TokenKind {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell.text()? {
            "user" => Ok(Self::User),
            "machine" => Ok(Self::Machine),
            other => Err(format!("unknown kind {other:?}")),
        }
    }
}

impl Bind for TokenKind {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        self.as_str().into_value()
    }
}

impl Column for Scopes {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        let names: Vec<String> = serde_json::from_str(cell.text()?).map_err(|error| error.to_string())?;
        // A permission that no longer exists opens nothing.
        Ok(Self(names.iter().filter_map(|name| Permission::parse(name)).collect()))
    }
}

impl Bind for Scopes {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        serde_json::json!(self.names()).to_string().into_value()
    }
}

impl Column for Networks {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        serde_json::from_str(cell.text()?).map_err(|error| error.to_string())
    }
}

impl Bind for Networks {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        serde_json::json!(self).to_string().into_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: Option<Vec<Permission>>) -> Token {
        Token {
            id: TokenId(1),
            tenant_id: TenantId(1),
            user_id: None,
            kind: TokenKind::Machine,
            name: "crm".to_owned(),
            hash: Vec::new(),
            scopes: scopes.map(Scopes),
            ip_allow: None,
            expires_at: None,
            last_used_at: None,
            created_at: Timestamp(0),
            revoked_at: None,
            parent_id: None,
        }
    }

    #[test]
    fn scopes_narrow_a_role_and_never_widen_it() {
        use Permission::{ManageCallerIds, PbxApiAccess, TelesalesApiAccess};
        let narrow = token(Some(vec![PbxApiAccess, ManageCallerIds]));
        assert_eq!(narrow.permissions(Some(Role::Agent)), [PbxApiAccess]);
        assert_eq!(token(None).permissions(Some(Role::Agent)), [PbxApiAccess, TelesalesApiAccess]);
        assert_eq!(narrow.permissions(None), [PbxApiAccess, ManageCallerIds]);
        assert!(token(None).permissions(None).is_empty(), "a machine without scopes may nothing");
    }

    #[test]
    fn a_token_ends_at_its_expiry_to_the_millisecond() {
        let token = Token { expires_at: Some(Timestamp(1_000)), ..token(None) };
        assert!(token.is_valid(Timestamp(999)));
        assert!(!token.is_valid(Timestamp(1_000)));
    }

    #[test]
    fn an_allowlist_knows_ipv4_addresses_in_ipv6_form() {
        let networks = vec!["192.0.2.0/24".parse().unwrap()];
        let token = Token { ip_allow: Some(Networks(networks)), ..token(None) };
        for (address, allowed) in [("192.0.2.7", true), ("::ffff:192.0.2.7", true), ("192.0.3.7", false)] {
            assert_eq!(token.allows(Some(address.parse().unwrap())), allowed, "{address}");
        }
        assert!(!token.allows(None));
    }
}
