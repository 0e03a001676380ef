//! One-time links: invitations and new passwords.

use std::time::Duration;

use ::store::{Bind, Cell, Column, Kind, Tx, Value};
use domain::{Principal, TenantId, Timestamp, UserId};
use serde_json::json;
use web::{Fields, Language};

use super::{
    admin, is_secret,
    login::principal,
    login_name, random_secret,
    users::{Wish, insert},
};
use crate::{Accounts, Error, NewUser, User, Visit, cookies, password::rules, store, store::links::LinkRow};

/// How long a link is good that an admin made.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// How long a link is good that a user asked for.
const ASKED_LIFETIME: Duration = Duration::from_secs(3_600);
/// How long whoever forgot a password has to wait for another letter: nobody's mailbox is filled by strangers.
const BETWEEN_LETTERS: Duration = Duration::from_secs(600);

/// A link to be mailed, or shown once to the admin who made it. Only a hash of it is stored.
#[derive(Clone)]
pub struct Link {
    /// `/invite/<token>` or `/reset/<token>`.
    pub url_path: String,
    pub kind: LinkKind,
    /// 24 hours after it was made, or one if its user asked for it.
    pub expires_at: Timestamp,
    pub username: String,
    /// Where it can be mailed to.
    pub email: Option<String>,
    /// What the letter should speak.
    pub language: Option<Language>,
    pub tenant: TenantId,
    pub tenant_name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Invitation,
    Reset,
}

impl LinkKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }
}

/// Whom a link that is still good belongs to, for the page that asks for the new password.
#[derive(Clone, Debug)]
pub struct LinkInfo {
    pub kind: LinkKind,
    pub username: String,
    pub tenant_name: String,
    pub language: Option<Language>,
    pub expires_at: Timestamp,
}

impl Accounts {
    /// Makes a user without a password and the link by which they choose one.
    pub async fn invite_user(&self, who: &Principal, new: NewUser) -> Result<(User, Link), Error> {
        admin(who)?;
        let mut fields = Fields::new();
        let wish = Wish::of(&new, &mut fields);
        let Some(wish) = wish.filter(|_| fields.is_empty()) else { return Err(fields.into()) };
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let user = insert(&mut tx, who, wish, "", "user.invite").await?;
        let link = self.make_link(&mut tx, &user, LinkKind::Invitation, LIFETIME).await?;
        tx.commit().await?;
        Ok((user, link))
    }

    /// Makes another invitation for a user who has not accepted the first, which then opens nothing.
    pub async fn invite(&self, who: &Principal, user: UserId) -> Result<Link, Error> {
        self.renew_link(who, user, LinkKind::Invitation).await
    }

    /// Makes the link by which a user chooses another password. The old one stays good until then.
    pub async fn reset_password(&self, who: &Principal, user: UserId) -> Result<Link, Error> {
        self.renew_link(who, user, LinkKind::Reset).await
    }

    async fn renew_link(&self, who: &Principal, id: UserId, kind: LinkKind) -> Result<Link, Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let user = store::users::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
        // Whoever has no password is invited, whatever the button said; and nobody is invited twice.
        let kind = match (kind, user.is_invited) {
            (_, true) => LinkKind::Invitation,
            (LinkKind::Invitation, false) => return Err(Error::NotInvited),
            (LinkKind::Reset, false) => LinkKind::Reset,
        };
        if user.disabled {
            return Err(Error::Disabled);
        }
        let link = self.make_link(&mut tx, &user, kind, LIFETIME).await?;
        let detail = json!({"username": user.username, "expires_at": link.expires_at.rfc3339()});
        let action = if kind == LinkKind::Invitation { "user.invite_again" } else { "user.reset_password" };
        ::store::audit(&mut tx, who, action, &format!("user:{id}"), detail).await?;
        tx.commit().await?;
        Ok(link)
    }

    /// Counts a request for a letter with a new password; to be called before [`Self::forgot_password`].
    ///
    /// # Errors
    /// [`Error::TooMany`] for too many from one address, or for one name.
    pub fn count_forgotten(&self, username: &str, visit: &Visit) -> Result<(), Error> {
        self.inner.limits.count_forgotten(visit.address, username).map_err(Error::TooMany)
    }

    /// Makes the link by which whoever forgot a password chooses another. The old one stays good until then, and a second
    /// factor is asked for as before. `None` if there is nobody of that name, nobody who may sign in, no address to write to,
    /// or a link that is younger than ten minutes; neither the answer nor its time may tell strangers which.
    pub async fn forgot_password(&self, username: &str, visit: &Visit) -> Result<Option<Link>, Error> {
        let owner = self.directory().await?.owner(visit.host.as_deref());
        let Some(found) = self.find_login(owner, &login_name(username)).await? else { return Ok(None) };
        let mut tx = self.inner.db.begin(found.tenant_id).await?;
        let user = store::users::find(&mut tx, found.tenant_id, found.id).await?;
        let Some(user) = user.filter(|user| !user.disabled && !user.is_invited) else { return Ok(None) };
        let latest = store::links::made_at(&mut tx, user.tenant_id, user.id).await?;
        if latest.is_some_and(|at| tx.now() < at.after(BETWEEN_LETTERS)) {
            return Ok(None);
        }
        let who = Principal {
            permissions: Vec::new(),
            address: Some(visit.address),
            request_id: visit.request_id.clone(),
            ..Principal::system(user.tenant_id)
        };
        let link = match &user.email {
            Some(_) => Some(self.make_link(&mut tx, &user, LinkKind::Reset, ASKED_LIFETIME).await?),
            None => None,
        };
        let expires_at = link.as_ref().map(|link| link.expires_at.rfc3339());
        let detail = json!({"username": user.username, "expires_at": expires_at});
        ::store::audit(&mut tx, &who, "user.forgot_password", &format!("user:{}", user.id), detail).await?;
        tx.commit().await?;
        Ok(link)
    }

    async fn make_link(&self, tx: &mut Tx, user: &User, kind: LinkKind, lifetime: Duration) -> Result<Link, Error> {
        let secret = random_secret();
        let expires_at = tx.now().after(lifetime);
        let account = store::account(tx, user.tenant_id).await?.ok_or(Error::NotFound("account"))?;
        store::links::put(tx, user.tenant_id, user.id, kind, &cookies::hash(&secret), expires_at).await?;
        let path = if kind == LinkKind::Invitation { "invite" } else { "reset" };
        Ok(Link {
            url_path: format!("/{path}/{secret}"),
            kind,
            expires_at,
            username: user.username.clone(),
            email: user.email.clone(),
            language: user.language().or_else(|| Language::parse(&account.chosen().language?)),
            tenant: user.tenant_id,
            tenant_name: account.name,
        })
    }

    /// Returns whose link it is; `None` for one that is unknown, used or too old.
    pub async fn link(&self, token: &str, visit: &Visit) -> Result<Option<LinkInfo>, Error> {
        let Some((link, user)) = self.find_link(token, visit).await? else { return Ok(None) };
        let account = self.account(link.tenant_id).await?;
        Ok(Some(LinkInfo {
            kind: link.kind,
            language: user.language().or_else(|| Language::parse(&account.chosen().language?)),
            username: user.username,
            tenant_name: account.name,
            expires_at: link.expires_at,
        }))
    }

    /// Uses a link up: sets the password and ends all sessions of the user, who then signs in. [`Error::Link`] if the link
    /// is not good any more, and the fields' error, with the link still good, if the password is not.
    pub async fn accept(&self, token: &str, new_password: &str, visit: &Visit) -> Result<(), Error> {
        let (link, user) = self.find_link(token, visit).await?.ok_or(Error::Link)?;
        let mut fields = Fields::new();
        rules::check(&mut fields, "password", new_password, &user.username);
        if !fields.is_empty() {
            return Err(fields.into());
        }
        let hash = self.inner.passwords.hash(new_password.to_owned()).await?;
        let tenant = link.tenant_id;
        let mut tx = self.inner.db.begin(tenant).await?;
        if store::links::take(&mut tx, tenant, link.id, &cookies::hash(token)).await? == 0 {
            return Err(Error::Link);
        }
        store::users::set_password(&mut tx, tenant, user.id, &hash, false).await?;
        store::sessions::delete_of_user(&mut tx, tenant, user.id, None).await?;
        let who = principal(&user, None, visit.address, &visit.request_id);
        let detail = json!({"kind": link.kind.as_str()});
        ::store::audit(&mut tx, &who, "user.accept_link", &format!("user:{}", user.id), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(())
    }

    async fn find_link(&self, token: &str, visit: &Visit) -> Result<Option<(LinkRow, User)>, Error> {
        if !is_secret(token) {
            return Ok(None);
        }
        let mut tx = self.inner.db.read_any_tenant().await?;
        let Some(link) = store::links::any_tenant_find(&mut tx, &cookies::hash(token)).await? else { return Ok(None) };
        let user = store::users::find(&mut tx, link.tenant_id, link.user_id).await?;
        drop(tx);
        let owner = self.directory().await?.owner(visit.host.as_deref());
        let elsewhere = owner.is_some_and(|owner| owner != link.tenant_id);
        let user = user.filter(|user| !user.disabled && !elsewhere && self.inner.db.now() < link.expires_at);
        Ok(user.map(|user| (link, user)))
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("kind", &self.kind).field("username", &self.username).finish_non_exhaustive()
    }
}

impl Column for LinkKind {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        match cell.text()? {
            "invitation" => Ok(Self::Invitation),
            "reset" => Ok(Self::Reset),
            other => Err(format!("unknown kind {other:?}")),
        }
    }
}

impl Bind for LinkKind {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        self.as_str().into_value()
    }
}
