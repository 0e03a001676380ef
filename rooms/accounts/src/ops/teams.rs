//! Teams: who works together and may see each other's calls.

use ::store::FromRow;
use domain::{Principal, Timestamp, UserId};
use serde_json::json;
use web::{Fields, Listing, Page, Rule, Text};

use super::{admin, leader, pattern, taken};
use crate::{Accounts, Error, store};

/// Most teams of an account.
const MOST_TEAMS: i64 = 1_000;
/// Most members that are set at once.
const MOST_MEMBERS: usize = 5_000;

const TOO_MANY: Text = Text::new("There are too many teams.", "Có quá nhiều nhóm.");
const TOO_MANY_MEMBERS: Text = Text::new("There are too many members.", "Có quá nhiều thành viên.");

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Team {
    pub id: i64,
    pub name: String,
    pub members: i64,
    pub created_at: Timestamp,
}

impl Accounts {
    /// Returns a page of the teams whose names contain `search`, by name. Admins and supervisors.
    pub async fn teams(&self, who: &Principal, page: Page, search: Option<&str>) -> Result<Listing<Team>, Error> {
        leader(who)?;
        let pattern = pattern(search);
        let mut tx = self.inner.db.read(who.tenant).await?;
        let total = store::teams::count(&mut tx, who.tenant, &pattern).await?;
        let teams = store::teams::page(&mut tx, who.tenant, &pattern, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, teams, total))
    }

    /// Returns the team of that number. Admins and supervisors.
    pub async fn team(&self, who: &Principal, id: i64) -> Result<Team, Error> {
        leader(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        store::teams::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("team"))
    }

    /// Makes a team without members. Admins only, as all that follows.
    pub async fn create_team(&self, who: &Principal, name: &str) -> Result<Team, Error> {
        admin(who)?;
        let name = checked_name(name)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::teams::count(&mut tx, who.tenant, "").await? >= MOST_TEAMS {
            return Err(Error::Invalid([("name", TOO_MANY)].into_iter().collect()));
        }
        let id = match store::teams::insert(&mut tx, who.tenant, &name, &name.to_lowercase()).await {
            Err(error) if error.is_unique() => return Err(taken("name")),
            result => result?,
        };
        ::store::audit(&mut tx, who, "team.create", &format!("team:{id}"), json!({"after": {"name": name}})).await?;
        let team = store::teams::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("team"))?;
        tx.commit().await?;
        Ok(team)
    }

    pub async fn rename_team(&self, who: &Principal, id: i64, name: &str) -> Result<Team, Error> {
        admin(who)?;
        let name = checked_name(name)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let before = store::teams::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("team"))?;
        match store::teams::rename(&mut tx, who.tenant, id, &name, &name.to_lowercase()).await {
            Err(error) if error.is_unique() => return Err(taken("name")),
            result => result?,
        };
        let detail = json!({"before": {"name": before.name}, "after": {"name": name}});
        ::store::audit(&mut tx, who, "team.change", &format!("team:{id}"), detail).await?;
        tx.commit().await?;
        Ok(Team { name, ..before })
    }

    /// Removes a team; its members are then in none.
    pub async fn delete_team(&self, who: &Principal, id: i64) -> Result<(), Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let team = store::teams::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("team"))?;
        store::teams::clear(&mut tx, who.tenant, id).await?;
        store::teams::delete(&mut tx, who.tenant, id).await?;
        let detail = json!({"before": {"name": team.name, "members": team.members}});
        ::store::audit(&mut tx, who, "team.delete", &format!("team:{id}"), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(())
    }

    /// Puts exactly these users into the team; a user is in one team at most.
    pub async fn set_team_members(&self, who: &Principal, id: i64, members: &[UserId]) -> Result<Team, Error> {
        admin(who)?;
        if members.len() > MOST_MEMBERS {
            return Err(Error::Invalid([("members", TOO_MANY_MEMBERS)].into_iter().collect()));
        }
        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::teams::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("team"))?;
        store::teams::clear(&mut tx, who.tenant, id).await?;
        for user in members {
            if store::teams::join(&mut tx, who.tenant, id, *user).await? == 0 {
                return Err(Error::Invalid([("members", Rule::Selected)].into_iter().collect()));
            }
        }
        let detail = json!({"after": {"members": members}});
        ::store::audit(&mut tx, who, "team.members", &format!("team:{id}"), detail).await?;
        let team = store::teams::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("team"))?;
        tx.commit().await?;
        self.forget();
        Ok(team)
    }
}

fn checked_name(name: &str) -> Result<String, Error> {
    let mut fields = Fields::new();
    let name = fields.require_text("name", Some(name), 1, 100);
    name.ok_or(Error::Invalid(fields))
}
