//! Users, to be listed and changed.

use domain::{Principal, UserId, principal::Role};
use web::{Listing, Page};

use crate::{Accounts, Error, Session, User};

/// Which users are asked for; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Part of the username, the address or the extension.
    pub search: Option<String>,
    pub role: Option<Role>,
    pub team: Option<i64>,
    pub disabled: Option<bool>,
}

/// A change of a user; `None` leaves a value as it is, `Some(None)` takes it away.
#[derive(Clone, Debug, Default)]
pub struct ChangeUser {
    pub username: Option<String>,
    pub role: Option<Role>,
    pub team_id: Option<Option<i64>>,
    pub extension: Option<Option<String>>,
    pub email: Option<Option<String>>,
    pub language: Option<Option<web::Language>>,
}

impl Accounts {
    /// Returns a page of users by name. Admins and supervisors.
    pub async fn list_users(&self, who: &Principal, page: Page, filter: &UserFilter) -> Result<Listing<User>, Error> {
        let _ = (who, page, filter);
        Err(Error::Denied)
    }

    pub async fn user(&self, who: &Principal, id: UserId) -> Result<User, Error> {
        let _ = (who, id);
        Err(Error::Denied)
    }

    /// Changes a user. Another role ends the user's sessions. [`Error::LastAdmin`] if nobody would be admin.
    pub async fn change_user(&self, who: &Principal, id: UserId, change: ChangeUser) -> Result<User, Error> {
        let _ = (who, id, change);
        Err(Error::Denied)
    }

    /// Removes a user with tokens, sessions and links. [`Error::LastAdmin`] if nobody would be admin.
    pub async fn delete_user(&self, who: &Principal, id: UserId) -> Result<(), Error> {
        let _ = (who, id);
        Err(Error::Denied)
    }

    /// Changes what everybody may of themselves: address and language.
    pub async fn change_profile(
        &self,
        session: &Session,
        email: Option<String>,
        language: Option<web::Language>,
    ) -> Result<(), Error> {
        let _ = (session, email, language);
        Err(Error::Denied)
    }
}
