//! Who asks, and what they may.

use std::net::IpAddr;

use crate::{TenantId, UserId, ids::TokenId};

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// A scope that a token or role carries; the names are the contract's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $($(#[$doc])* $variant),* }

        impl Permission {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

// A macro, so that the name, the parser and the list cannot drift apart.
permissions! {
    /// Every `/api/pbx/*` endpoint.
    PbxApiAccess = "pbx_api_access",
    TelesalesApiAccess = "telesales_api_access",
    AutocallApiAccess = "autocall_api_access",
    AutocallExportReport = "autocall_export_report",
    ManageCallerIds = "manage_caller_ids",
    ManageRecordings = "manage_recordings",
    /// CDRs of the whole account.
    ViewAllCdr = "view_all_cdr",
    /// CDRs of the own team.
    ViewTeamCdr = "view_team_cdr",
    TelesalesCreateLead = "telesales_create_lead",
}

/// What a user is to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Supervisor,
    Agent,
    ReadOnly,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Supervisor => "supervisor",
            Self::Agent => "agent",
            Self::ReadOnly => "read_only",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Admin, Self::Supervisor, Self::Agent, Self::ReadOnly].into_iter().find(|role| role.as_str() == name)
    }

    /// Returns what the role may by itself; a token's scopes can only narrow it.
    pub fn permissions(self) -> Vec<Permission> {
        use Permission::{AutocallApiAccess, PbxApiAccess, TelesalesApiAccess, ViewTeamCdr};
        match self {
            Self::Admin => Permission::ALL.to_vec(),
            Self::Supervisor => Permission::ALL.iter().copied().filter(|p| *p != Permission::ManageCallerIds).collect(),
            Self::Agent => vec![PbxApiAccess, TelesalesApiAccess],
            Self::ReadOnly => vec![PbxApiAccess, TelesalesApiAccess, AutocallApiAccess, ViewTeamCdr],
        }
    }
}

/// The bearer of a token, as far as rules need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    User {
        id: UserId,
        username: String,
        role: Role,
        team: Option<i64>,
        extension: Option<String>,
    },
    /// A machine token: an application, not a person.
    Machine {
        name: String,
    },
    /// The host's own command line or a background job.
    System,
}

/// An authenticated caller of one account. Put into each request by the server's sign-in layer.
#[derive(Clone, Debug)]
pub struct Principal {
    pub tenant: TenantId,
    pub actor: Actor,
    pub token: Option<TokenId>,
    pub permissions: Vec<Permission>,
    pub address: Option<IpAddr>,
    /// `X-Request-Id` of the request, for the audit log.
    pub request_id: String,
}

/// The permission that was missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("permission {} is missing", .0.as_str())]
pub struct Denied(pub Permission);

/// What a request does to the account's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

impl Principal {
    /// Returns the principal of background work in `tenant`, which may everything.
    pub fn system(tenant: TenantId) -> Self {
        Self {
            tenant,
            actor: Actor::System,
            token: None,
            permissions: Permission::ALL.to_vec(),
            address: None,
            request_id: String::new(),
        }
    }

    /// Checks that the permission is held, and for a write that the user is not `read_only`.
    pub fn may(&self, permission: Permission, access: Access) -> Result<(), Denied> {
        let read_only = matches!(self.actor, Actor::User { role: Role::ReadOnly, .. });
        if !self.permissions.contains(&permission) || (access == Access::Write && read_only) {
            return Err(Denied(permission));
        }
        Ok(())
    }

    pub fn holds(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Returns the name that the audit log records: the username or the application's name.
    pub fn name(&self) -> &str {
        match &self.actor {
            Actor::User { username, .. } => username,
            Actor::Machine { name } => name,
            Actor::System => "system",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_user_may_read_but_not_write() {
        let who = Principal {
            actor: Actor::User {
                id: UserId(1),
                username: "viewer".to_owned(),
                role: Role::ReadOnly,
                team: None,
                extension: None,
            },
            ..Principal::system(TenantId(1))
        };
        assert!(who.may(Permission::PbxApiAccess, Access::Read).is_ok());
        assert_eq!(who.may(Permission::PbxApiAccess, Access::Write), Err(Denied(Permission::PbxApiAccess)));
    }
}
