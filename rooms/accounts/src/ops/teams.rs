//! Teams: who works together and may see each other's calls.

use domain::{Principal, Timestamp, UserId};
use web::{Listing, Page};

use crate::{Accounts, Error};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub id: i64,
    pub name: String,
    pub members: i64,
    pub created_at: Timestamp,
}

impl Accounts {
    /// Returns a page of the teams whose names contain `search`, by name. Admins and supervisors.
    pub async fn teams(&self, who: &Principal, page: Page, search: Option<&str>) -> Result<Listing<Team>, Error> {
        let _ = (who, page, search);
        Err(Error::Denied)
    }

    pub async fn team(&self, who: &Principal, id: i64) -> Result<Team, Error> {
        let _ = (who, id);
        Err(Error::Denied)
    }

    pub async fn create_team(&self, who: &Principal, name: &str) -> Result<Team, Error> {
        let _ = (who, name);
        Err(Error::Denied)
    }

    pub async fn rename_team(&self, who: &Principal, id: i64, name: &str) -> Result<Team, Error> {
        let _ = (who, id, name);
        Err(Error::Denied)
    }

    /// Removes a team; its members are then in none.
    pub async fn delete_team(&self, who: &Principal, id: i64) -> Result<(), Error> {
        let _ = (who, id);
        Err(Error::Denied)
    }

    /// Puts exactly these users into the team; a user is in one team at most.
    pub async fn set_team_members(&self, who: &Principal, id: i64, members: &[UserId]) -> Result<Team, Error> {
        let _ = (who, id, members);
        Err(Error::Denied)
    }
}
