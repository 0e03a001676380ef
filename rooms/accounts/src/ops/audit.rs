//! The audit log, to be read.

use domain::{Principal, Timestamp};
use web::{Listing, Page};

use crate::{Accounts, Error};

/// Which lines are asked for; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Included.
    pub from: Option<Timestamp>,
    /// Not included.
    pub to: Option<Timestamp>,
    /// A username or an application's name, exactly.
    pub actor: Option<String>,
    /// `webhook.create`, or `webhook.` for all that begin so.
    pub action: Option<String>,
    /// `webhook:12`, exactly.
    pub target: Option<String>,
    /// Anywhere in the details, the target or the request's id.
    pub text: Option<String>,
}

#[derive(Clone, Debug)]
pub struct AuditLine {
    pub id: i64,
    pub at: Timestamp,
    /// `user`, `machine` or `system`.
    pub actor_kind: String,
    pub actor: String,
    pub token_id: Option<i64>,
    pub address: Option<String>,
    pub request_id: String,
    pub action: String,
    pub target: String,
    /// JSON; a change has `before` and `after`.
    pub detail: serde_json::Value,
}

impl Accounts {
    /// Returns a page of the log, newest first. Admins only.
    pub async fn audit(&self, who: &Principal, filter: &AuditFilter, page: Page) -> Result<Listing<AuditLine>, Error> {
        let _ = (who, filter, page);
        Err(Error::Denied)
    }

    /// Returns the next thousand lines before the one of number `before` (`None` at first), newest first.
    pub async fn audit_export(
        &self,
        who: &Principal,
        filter: &AuditFilter,
        before: Option<i64>,
    ) -> Result<Vec<AuditLine>, Error> {
        let _ = (who, filter, before);
        Err(Error::Denied)
    }

    /// Returns the actions that occur in the log, for a list to choose from.
    pub async fn audit_actions(&self, who: &Principal) -> Result<Vec<String>, Error> {
        let _ = who;
        Err(Error::Denied)
    }
}
