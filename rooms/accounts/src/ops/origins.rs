//! Web sites that may show the webphone in a frame.

use domain::{Principal, TenantId, Timestamp};

use crate::{Accounts, Error};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub id: i64,
    /// `https://crm.example`, or `http://localhost:3000` for developers.
    pub origin: String,
    pub created_at: Timestamp,
}

impl Accounts {
    /// Returns the account's allowed origins in alphabetical order.
    pub async fn origins(&self, who: &Principal) -> Result<Vec<Origin>, Error> {
        let _ = who;
        Err(Error::Denied)
    }

    /// Allows an origin: scheme, host and port, without a path.
    pub async fn add_origin(&self, who: &Principal, origin: &str) -> Result<Origin, Error> {
        let _ = (who, origin);
        Err(Error::Denied)
    }

    pub async fn remove_origin(&self, who: &Principal, id: i64) -> Result<(), Error> {
        let _ = (who, id);
        Err(Error::Denied)
    }

    /// Returns the origins that may frame the webphone of an account.
    pub async fn allowed_origins(&self, tenant: TenantId) -> Result<Vec<String>, Error> {
        let _ = tenant;
        Err(Error::Denied)
    }
}
