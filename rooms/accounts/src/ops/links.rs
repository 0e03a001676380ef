//! One-time links: invitations and new passwords.

use domain::{Principal, Timestamp, UserId};
use web::Language;

use crate::{Accounts, Error, NewUser, User, Visit};

/// A link to be mailed, or shown once to the admin who made it. Only a hash of it is stored.
#[derive(Clone)]
pub struct Link {
    /// `/invite/<token>` or `/reset/<token>`.
    pub url_path: String,
    pub kind: LinkKind,
    /// 24 hours after it was made.
    pub expires_at: Timestamp,
    pub username: String,
    /// Where it can be mailed to.
    pub email: Option<String>,
    /// What the letter should speak.
    pub language: Option<Language>,
    pub tenant_name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Invitation,
    Reset,
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
        let _ = (who, new);
        Err(Error::Denied)
    }

    /// Makes another invitation for a user who has not accepted the first, which then opens nothing.
    pub async fn invite(&self, who: &Principal, user: UserId) -> Result<Link, Error> {
        let _ = (who, user);
        Err(Error::Denied)
    }

    /// Makes the link by which a user chooses another password. The old one stays good until then.
    pub async fn reset_password(&self, who: &Principal, user: UserId) -> Result<Link, Error> {
        let _ = (who, user);
        Err(Error::Denied)
    }

    /// Returns whose link it is; `None` for one that is unknown, used or too old.
    pub async fn link(&self, token: &str, visit: &Visit) -> Result<Option<LinkInfo>, Error> {
        let _ = (token, visit);
        Err(Error::Denied)
    }

    /// Uses a link up: sets the password and ends all sessions of the user, who then signs in.
    pub async fn accept(&self, token: &str, new_password: &str, visit: &Visit) -> Result<(), Error> {
        let _ = (token, new_password, visit);
        Err(Error::Denied)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("kind", &self.kind).field("username", &self.username).finish_non_exhaustive()
    }
}
