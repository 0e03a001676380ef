//! The account's own settings.

use domain::Principal;

use crate::{AccountSettings, Accounts, ChangeSettings, Error};

impl Accounts {
    pub async fn settings(&self, who: &Principal) -> Result<AccountSettings, Error> {
        let _ = who;
        Err(Error::Denied)
    }

    pub async fn change_settings(&self, who: &Principal, change: ChangeSettings) -> Result<AccountSettings, Error> {
        let _ = (who, change);
        Err(Error::Denied)
    }
}
