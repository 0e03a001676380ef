//! Passwords at the door: the same check for the API's login and the console's sign-in.

use std::net::IpAddr;

use domain::{Principal, TenantId, UserId, ids::TokenId, principal::Actor};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{login_name, random_secret};
use crate::{
    Accounts, Error, TokenKind, User,
    ops::second_factor::Taken,
    store::{self, users::Credential},
};

/// Most tokens of a user; sign-in beyond that ends the oldest.
const TOKENS_PER_USER: i64 = 100;

/// One try to sign in.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) host: Option<&'a str>,
    pub(crate) address: IpAddr,
    pub(crate) request_id: &'a str,
}

/// What a login gives.
pub(crate) struct LoggedIn {
    pub(crate) user: User,
    pub(crate) token: String,
}

impl Accounts {
    /// Checks a password, and the code of a user who has a second factor, and makes a token. `device` is its label.
    pub(crate) async fn login(
        &self,
        attempt: Attempt<'_>,
        code: Option<&str>,
        device: &str,
    ) -> Result<LoggedIn, Error> {
        let known = self.check_password(attempt).await?;
        let tenant = known.tenant_id;
        if known.has_second_factor {
            let code = code.ok_or(Error::CodeNeeded)?;
            let mut tx = self.inner.db.begin(tenant).await?;
            let taken = self.take_code(&mut tx, tenant, known.id, code).await?;
            tx.commit().await?;
            if matches!(taken, Taken::No { .. }) {
                self.audit_refusal(attempt, tenant, Some(known.id), "code").await?;
                return Err(Error::Code);
            }
        }
        let secret = random_secret();
        let mut tx = self.inner.db.begin(tenant).await?;
        let row = store::tokens::TokenRow {
            user_id: Some(known.id),
            kind: TokenKind::User,
            name: device,
            hash: &Sha256::digest(secret.as_bytes()),
            scopes: None,
            ip_allow: None,
            expires_at: None,
            parent_id: None,
        };
        let id = store::tokens::insert(&mut tx, tenant, row).await?;
        let ended = store::tokens::trim_of_user(&mut tx, tenant, known.id, TOKENS_PER_USER).await?;
        let user = store::users::find(&mut tx, tenant, known.id).await?.ok_or(Error::SignIn)?;
        let who = principal(&user, Some(id), attempt.address, attempt.request_id);
        ::store::audit(&mut tx, &who, "auth.login", &format!("token:{id}"), json!({"device": device})).await?;
        tx.commit().await?;
        if ended > 0 {
            self.inner.bearers.forget();
        }
        metrics::counter!("auth_logins_total", "result" => "ok").increment(1);
        Ok(LoggedIn { user, token: format!("{id}|{secret}") })
    }

    /// Ends the caller's own token. A machine's is not ended this way.
    pub(crate) async fn logout(&self, who: &Principal) -> Result<(), Error> {
        match (&who.actor, who.token) {
            (Actor::User { .. }, Some(id)) => self.end_token(who, id, "auth.logout").await,
            _ => Err(Error::Denied),
        }
    }

    /// Finds the user whose password it is. Every refusal is the same and takes as long, whether or not the user exists.
    pub(crate) async fn check_password(&self, attempt: Attempt<'_>) -> Result<Credential, Error> {
        let now = tokio::time::Instant::now().into_std();
        let login = login_name(attempt.username);
        self.inner.guard.check(attempt.address, &login, now).map_err(Error::TooMany)?;
        let owner = self.directory().await?.owner(attempt.host);
        let found = self.find_login(owner, &login).await?;
        // Whoever was invited has no password yet: as good as unknown.
        let hash = found.as_ref().map(|user| user.password_hash.clone()).filter(|hash| !hash.is_empty());
        let matches = self.inner.passwords.verify(attempt.password.to_owned(), hash).await?;
        let tenant = found.as_ref().map(|user| user.tenant_id).or(owner);
        let user = found.as_ref().map(|user| user.id);
        if let Some(known) = found.filter(|user| matches && !user.disabled) {
            self.inner.guard.succeeded(attempt.address, &login, now);
            return Ok(known);
        }
        metrics::counter!("auth_logins_total", "result" => "refused").increment(1);
        self.inner.guard.failed(&login, now);
        if let Some(tenant) = tenant {
            self.audit_refusal(attempt, tenant, user, if matches { "disabled" } else { "password" }).await?;
        }
        Err(Error::SignIn)
    }

    /// Records that somebody was not let in. A name that nobody has is not written down: it may be a password in the
    /// wrong field.
    pub(crate) async fn audit_refusal(
        &self,
        attempt: Attempt<'_>,
        tenant: TenantId,
        user: Option<UserId>,
        reason: &'static str,
    ) -> Result<(), Error> {
        let who = Principal {
            permissions: Vec::new(),
            address: Some(attempt.address),
            request_id: attempt.request_id.to_owned(),
            ..Principal::system(tenant)
        };
        let target = user.map_or_else(|| "user:unknown".to_owned(), |id| format!("user:{id}"));
        let detail = match user {
            Some(_) => json!({"username": attempt.username.trim(), "reason": reason}),
            None => json!({"reason": "unknown user"}),
        };
        let mut tx = self.inner.db.begin(tenant).await?;
        ::store::audit(&mut tx, &who, "auth.refused", &target, detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Finds a user by name: in the host's account, or, on a host that is nobody's, the only one of that name.
    pub(super) async fn find_login(&self, owner: Option<TenantId>, login: &str) -> Result<Option<Credential>, Error> {
        match owner {
            Some(tenant) => {
                let mut tx = self.inner.db.read(tenant).await?;
                Ok(store::users::credential(&mut tx, tenant, login).await?)
            }
            None => {
                let mut tx = self.inner.db.read_any_tenant().await?;
                let mut found = store::users::any_tenant_credentials(&mut tx, login).await?;
                Ok(if found.len() == 1 { found.pop() } else { None })
            }
        }
    }
}

/// Returns the user as the audit log names them; it opens nothing.
pub(crate) fn principal(user: &User, token: Option<TokenId>, address: IpAddr, request_id: &str) -> Principal {
    Principal {
        tenant: user.tenant_id,
        actor: user.actor(),
        token,
        permissions: Vec::new(),
        address: Some(address),
        request_id: request_id.to_owned(),
    }
}
