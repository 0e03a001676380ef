//! The audit log, to be read.

use domain::{Principal, Timestamp};
use serde_json::{Value, json};
use web::{Listing, Page};

use super::{admin, pattern};
use crate::{Accounts, Error, store};

/// Lines of one step of an export.
const EXPORT: i64 = 1_000;

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
    pub detail: Value,
}

impl Accounts {
    /// Returns a page of the log, newest first. Admins only.
    pub async fn audit(&self, who: &Principal, filter: &AuditFilter, page: Page) -> Result<Listing<AuditLine>, Error> {
        admin(who)?;
        let wanted = filter.wanted(None);
        let mut tx = self.inner.db.read(who.tenant).await?;
        let total = store::audit::count(&mut tx, who.tenant, &wanted).await?;
        let lines = store::audit::page(&mut tx, who.tenant, &wanted, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, lines.into_iter().map(AuditLine::from).collect(), total))
    }

    /// Returns the next thousand lines before the one of number `before` (`None` at first), newest first; nothing at the
    /// end. That it was exported is itself a line of the log. Admins only.
    pub async fn audit_export(
        &self,
        who: &Principal,
        filter: &AuditFilter,
        before: Option<i64>,
    ) -> Result<Vec<AuditLine>, Error> {
        admin(who)?;
        if before.is_none() {
            let detail = json!({
                "from": filter.from.map(Timestamp::rfc3339),
                "to": filter.to.map(Timestamp::rfc3339),
                "actor": filter.actor,
                "action": filter.action,
                "target": filter.target,
                "text": filter.text,
            });
            let mut tx = self.inner.db.begin(who.tenant).await?;
            ::store::audit(&mut tx, who, "audit.export", "audit_log", detail).await?;
            tx.commit().await?;
        }
        let mut tx = self.inner.db.read(who.tenant).await?;
        let lines = store::audit::page(&mut tx, who.tenant, &filter.wanted(before), EXPORT, 0).await?;
        Ok(lines.into_iter().map(AuditLine::from).collect())
    }

    /// Returns the actions that occur in the log, for a list to choose from. Admins only.
    pub async fn audit_actions(&self, who: &Principal) -> Result<Vec<String>, Error> {
        admin(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        Ok(store::audit::actions(&mut tx, who.tenant).await?)
    }
}

impl AuditFilter {
    fn wanted(&self, before: Option<i64>) -> store::audit::Wanted {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let action = given(&self.action).map(|action| {
            let anywhere = ::store::containing(&action);
            // Only the end may be anything, and only after a full stop.
            let open = anywhere.strip_prefix('%').unwrap_or(&anywhere);
            if action.ends_with('.') { open.to_owned() } else { open.strip_suffix('%').unwrap_or(open).to_owned() }
        });
        store::audit::Wanted {
            from: self.from,
            to: self.to,
            actor: given(&self.actor),
            action: action.unwrap_or_default(),
            target: given(&self.target),
            text: pattern(self.text.as_deref()),
            before,
        }
    }
}

impl From<store::audit::Line> for AuditLine {
    fn from(line: store::audit::Line) -> Self {
        Self {
            id: line.id,
            at: line.at,
            actor_kind: line.actor_kind,
            actor: line.actor,
            token_id: line.token_id,
            address: line.address,
            request_id: line.request_id,
            action: line.action,
            target: line.target,
            detail: serde_json::from_str(&line.detail).unwrap_or(Value::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_meant_exactly_or_up_to_its_full_stop() {
        let pattern = |action: &str| {
            AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() }.wanted(None).action
        };
        assert_eq!(pattern("user.create"), "user.create");
        assert_eq!(pattern("user."), "user.%");
        assert_eq!(pattern("a_%."), "a!_!%.%");
        assert_eq!(pattern("%a%"), "!%a!%");
        assert_eq!(pattern("  "), "");
    }
}
