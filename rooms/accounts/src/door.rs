//! What the server and other rooms ask of accounts, beside what people do with them.

use domain::{TenantId, UserId};

use crate::{Accounts, Error, store};

impl Accounts {
    /// Returns the account that a host belongs to: the only one, whatever the host; `None` if it is nobody's.
    pub async fn owner_of(&self, host: Option<&str>) -> Result<Option<TenantId>, Error> {
        Ok(self.directory().await?.owner(host))
    }

    /// Tells whether a user is there and not disabled.
    pub async fn is_enabled(&self, tenant: TenantId, user: UserId) -> Result<bool, Error> {
        let mut tx = self.inner.db.read(tenant).await?;
        Ok(store::users::find(&mut tx, tenant, user).await?.is_some_and(|user| !user.disabled))
    }
}
