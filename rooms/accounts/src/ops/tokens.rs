//! Tokens, and what a token can be limited to.

use domain::{Permission, Principal, Timestamp, UserId, ids::TokenId};
use ipnet::IpNet;
use serde_json::json;
use sha2::{Digest, Sha256};
use web::{Fields, Listing, Page, Rule, Text};

use super::{admin, pattern, random_secret, user_of};
use crate::{Accounts, Error, Scopes, Token, TokenKind, model::Networks, store};

/// Most machine tokens of an account, and most tokens of a user, that open something.
const MOST_TOKENS: i64 = 1_000;
/// Most networks of an allowlist.
const MOST_NETWORKS: usize = 100;

const IN_THE_PAST: Text = Text::new("The expiry must be in the future.", "Thời điểm hết hạn phải ở tương lai.");
const TOO_MANY_NETWORKS: Text = Text::new("There are too many networks.", "Có quá nhiều dải mạng.");
const TOO_MANY_TOKENS: Text =
    Text::new("There are too many tokens. Revoke some first.", "Có quá nhiều token. Hãy thu hồi bớt trước.");

#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    /// Whose; `None` makes a machine token.
    pub user: Option<UserId>,
    /// What it may; `None` only for a user token: all that the user may.
    pub scopes: Option<Vec<Permission>>,
    pub ip_allow: Option<Vec<IpNet>>,
    pub expires_at: Option<Timestamp>,
}

/// Which tokens are asked for; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    pub kind: Option<TokenKind>,
    /// Part of the token's or the user's name.
    pub search: Option<String>,
    pub user: Option<UserId>,
    /// Those that open something at this moment, or only those that do not.
    pub valid: Option<bool>,
}

/// A token with the name of its user.
#[derive(Clone, Debug)]
pub struct TokenLine {
    pub token: Token,
    pub username: Option<String>,
}

/// One of the scopes that a token can be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub permission: Permission,
    /// `pbx`, `telesales` or `autocall`.
    pub group: &'static str,
}

impl Accounts {
    /// Makes a token; the text, which is returned beside it, is shown this once. Admins, and everybody for themselves.
    pub async fn create_token(&self, who: &Principal, new: NewToken) -> Result<(Token, String), Error> {
        if new.user.is_none() || user_of(who) != new.user {
            admin(who)?;
        }
        let mut fields = Fields::new();
        let name = fields.require_text("name", Some(&new.name), 1, 100);
        fields.check("scopes", new.user.is_some() || new.scopes.is_some(), Rule::Required);
        fields.check("expires_at", new.expires_at.is_none_or(|end| end > self.inner.db.now()), IN_THE_PAST);
        let networks = new.ip_allow.as_ref().map_or(0, Vec::len);
        fields.check("ip_allow", networks <= MOST_NETWORKS, TOO_MANY_NETWORKS);
        let Some(name) = name.filter(|_| fields.is_empty()) else { return Err(fields.into()) };

        let kind = if new.user.is_some() { TokenKind::User } else { TokenKind::Machine };
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if let Some(user) = new.user {
            store::users::find(&mut tx, who.tenant, user).await?.ok_or(Error::NotFound("user"))?;
        }
        let (user, pattern) = (new.user, String::new());
        let alive = store::tokens::Wanted { kind: Some(kind), user, pattern, valid: Some(true) };
        if store::tokens::count(&mut tx, who.tenant, &alive).await? >= MOST_TOKENS {
            return Err(Error::Invalid([("name", TOO_MANY_TOKENS)].into_iter().collect()));
        }
        let secret = random_secret();
        let scopes = new.scopes.map(Scopes);
        let detail = json!({
            "name": name,
            "kind": kind.as_str(),
            "user": new.user,
            "scopes": scopes.as_ref().map(Scopes::names),
            "ip_allow": new.ip_allow,
            "expires_at": new.expires_at.map(Timestamp::rfc3339),
        });
        let row = store::tokens::TokenRow {
            user_id: new.user,
            kind,
            name: &name,
            hash: &Sha256::digest(secret.as_bytes()),
            scopes,
            ip_allow: new.ip_allow.filter(|networks| !networks.is_empty()).map(Networks),
            expires_at: new.expires_at,
            parent_id: None,
        };
        let id = store::tokens::insert(&mut tx, who.tenant, row).await?;
        ::store::audit(&mut tx, who, "token.create", &format!("token:{id}"), detail).await?;
        let token = store::tokens::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("token"))?;
        tx.commit().await?;
        Ok((token, format!("{id}|{secret}")))
    }

    /// Returns a page of tokens, newest first: all for admins, one's own for others.
    pub async fn list_tokens(
        &self,
        who: &Principal,
        page: Page,
        filter: &TokenFilter,
    ) -> Result<Listing<TokenLine>, Error> {
        let user = match admin(who) {
            Ok(()) => filter.user,
            Err(denied) => Some(user_of(who).ok_or(denied)?),
        };
        let wanted = store::tokens::Wanted {
            kind: filter.kind,
            user,
            pattern: pattern(filter.search.as_deref()),
            valid: filter.valid,
        };
        let mut tx = self.inner.db.read(who.tenant).await?;
        let total = store::tokens::count(&mut tx, who.tenant, &wanted).await?;
        let tokens = store::tokens::page(&mut tx, who.tenant, &wanted, page.limit(), page.offset()).await?;
        let lines = tokens.into_iter().map(|(mut token, username)| {
            // What was used a moment ago is not written yet.
            token.last_used_at = self.inner.bearers.last_used(token.id).max(token.last_used_at);
            TokenLine { token, username }
        });
        Ok(Listing::new(page, lines.collect(), total))
    }

    /// Ends a token, and the access tokens made of it, at once here and within two seconds in other processes.
    /// Admins any, everybody their own.
    pub async fn revoke_token(&self, who: &Principal, id: TokenId) -> Result<(), Error> {
        if admin(who).is_err() {
            let mut tx = self.inner.db.read(who.tenant).await?;
            let token = store::tokens::find(&mut tx, who.tenant, id).await?;
            let own = token.is_some_and(|token| token.user_id.is_some() && token.user_id == user_of(who));
            if !own {
                return Err(Error::NotFound("token"));
            }
        }
        self.end_token(who, id, "token.revoke").await
    }

    pub(crate) async fn end_token(&self, who: &Principal, id: TokenId, action: &'static str) -> Result<(), Error> {
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::tokens::revoke(&mut tx, who.tenant, id).await? == 0 {
            return Err(Error::NotFound("token"));
        }
        ::store::audit(&mut tx, who, action, &format!("token:{id}"), json!({})).await?;
        tx.commit().await?;
        self.inner.bearers.forget();
        Ok(())
    }

    /// Returns every scope, those of a group together.
    pub fn scopes() -> &'static [Scope] {
        const fn of(group: &'static str, permission: Permission) -> Scope {
            Scope { permission, group }
        }
        const {
            &[
                of("pbx", Permission::PbxApiAccess),
                of("pbx", Permission::ViewAllCdr),
                of("pbx", Permission::ViewTeamCdr),
                of("pbx", Permission::ManageCallerIds),
                of("pbx", Permission::ManageRecordings),
                of("telesales", Permission::TelesalesApiAccess),
                of("telesales", Permission::TelesalesCreateLead),
                of("autocall", Permission::AutocallApiAccess),
                of("autocall", Permission::AutocallExportReport),
            ]
        }
    }

    pub(crate) async fn write_last_used(&self) -> Result<(), Error> {
        let used = self.inner.bearers.take_last_used();
        if used.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut tx = self.inner.db.begin_any_tenant().await?;
            store::tokens::any_tenant_write_last_used(&mut tx, used.clone()).await?;
            tx.commit().await
        };
        written.await.map_err(|error| {
            self.inner.bearers.return_last_used(used.clone());
            error.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_can_be_chosen_once() {
        let mut listed: Vec<_> = Accounts::scopes().iter().map(|scope| scope.permission).collect();
        listed.sort_unstable();
        let mut all = Permission::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(listed, all);
    }
}
