//! Users.

use ::store::Tx;
use domain::{Principal, UserId, principal::Role};
use serde_json::{Map, Value, json};
use web::{Fields, Language, Listing, Page, Rule};

use super::{admin, leader, login_name, pattern, random_password, taken};
use crate::{
    Accounts, Error, Session, User,
    model::{StoredLanguage, StoredRole},
    password::rules,
    store,
};

#[derive(Clone, Debug)]
pub struct NewUser {
    pub username: String,
    /// Made and returned if none. Whoever it is given by, the user chooses another at the first sign-in to the console.
    pub password: Option<String>,
    pub role: Role,
    pub team_id: Option<i64>,
    pub extension: Option<String>,
    pub email: Option<String>,
    pub language: Option<Language>,
}

impl Default for NewUser {
    /// Returns an agent without a name.
    fn default() -> Self {
        Self {
            username: String::new(),
            password: None,
            role: Role::Agent,
            team_id: None,
            extension: None,
            email: None,
            language: None,
        }
    }
}

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
    pub language: Option<Option<Language>>,
}

impl Accounts {
    /// Makes a user; returns the password too if it was made here.
    pub async fn create_user(&self, who: &Principal, new: NewUser) -> Result<(User, Option<String>), Error> {
        admin(who)?;
        let mut fields = Fields::new();
        if let Some(password) = &new.password {
            rules::check(&mut fields, "password", password, &new.username);
        }
        let wish = Wish::of(&new, &mut fields);
        let Some(wish) = wish.filter(|_| fields.is_empty()) else { return Err(fields.into()) };
        let made = new.password.is_none().then(random_password);
        let password = new.password.or_else(|| made.clone()).unwrap_or_default();
        let hash = self.inner.passwords.hash(password).await?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let user = insert(&mut tx, who, wish, &hash, "user.create").await?;
        tx.commit().await?;
        Ok((user, made))
    }

    /// Returns a page of users by name. Admins and supervisors.
    pub async fn list_users(&self, who: &Principal, page: Page, filter: &UserFilter) -> Result<Listing<User>, Error> {
        leader(who)?;
        let wanted = store::users::Wanted {
            pattern: pattern(filter.search.as_deref()),
            role: filter.role.map(StoredRole),
            team: filter.team,
            disabled: filter.disabled,
        };
        let mut tx = self.inner.db.read(who.tenant).await?;
        let total = store::users::count(&mut tx, who.tenant, &wanted).await?;
        let users = store::users::page(&mut tx, who.tenant, &wanted, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, users, total))
    }

    /// Returns the user of that number. Admins and supervisors.
    pub async fn user(&self, who: &Principal, id: UserId) -> Result<User, Error> {
        leader(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        store::users::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))
    }

    /// Returns the user of that name, however it is written. Admins and supervisors.
    pub async fn user_named(&self, who: &Principal, username: &str) -> Result<User, Error> {
        leader(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        let found = store::users::credential(&mut tx, who.tenant, &login_name(username)).await?;
        let id = found.ok_or(Error::NotFound("user"))?.id;
        store::users::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))
    }

    /// Changes a user. Another role ends the user's sessions. [`Error::LastAdmin`] if nobody would be admin.
    pub async fn change_user(&self, who: &Principal, id: UserId, change: ChangeUser) -> Result<User, Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::lock_account(&mut tx, who.tenant).await?;
        let before = store::users::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
        let mut fields = Fields::new();
        let wish = Wish::of(
            &NewUser {
                username: change.username.unwrap_or_else(|| before.username.clone()),
                password: None,
                role: change.role.unwrap_or_else(|| before.role()),
                team_id: change.team_id.unwrap_or(before.team_id),
                extension: change.extension.unwrap_or_else(|| before.extension.clone()),
                email: change.email.unwrap_or_else(|| before.email.clone()),
                language: change.language.unwrap_or_else(|| before.language()),
            },
            &mut fields,
        );
        let Some(wish) = wish.filter(|_| fields.is_empty()) else { return Err(fields.into()) };
        wish.check_team(&mut tx, who, before.team_id).await?;
        let login = login_name(&wish.username);
        let other = store::users::credential(&mut tx, who.tenant, &login).await?;
        if other.is_some_and(|other| other.id != id) {
            return Err(taken("username"));
        }
        if wish.role != Role::Admin {
            self.keep_an_admin(&mut tx, &before).await?;
        }
        let after = User {
            username: wish.username,
            role: StoredRole(wish.role),
            team_id: wish.team_id,
            extension: wish.extension,
            email: wish.email,
            language: wish.language.map(StoredLanguage),
            ..before.clone()
        };
        store::users::update(&mut tx, who.tenant, &after, &login).await?;
        if after.role() != before.role() {
            store::sessions::delete_of_user(&mut tx, who.tenant, id, None).await?;
        }
        let (old, new) = differences(&shown(&before), &shown(&after));
        let detail = json!({"before": old, "after": new});
        ::store::audit(&mut tx, who, "user.change", &format!("user:{id}"), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(after)
    }

    /// Disables a user, whose sessions and tokens end with it, or enables the user again, who then signs in anew.
    /// [`Error::LastAdmin`] if nobody would be admin.
    pub async fn set_user_disabled(&self, who: &Principal, id: UserId, disabled: bool) -> Result<User, Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::lock_account(&mut tx, who.tenant).await?;
        let before = store::users::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
        if disabled {
            self.keep_an_admin(&mut tx, &before).await?;
            store::sessions::delete_of_user(&mut tx, who.tenant, id, None).await?;
            store::links::delete_of_user(&mut tx, who.tenant, id).await?;
            store::tokens::revoke_of_user(&mut tx, who.tenant, id).await?;
        }
        store::users::set_disabled(&mut tx, who.tenant, id, disabled).await?;
        let action = if disabled { "user.disable" } else { "user.enable" };
        let detail = json!({"username": before.username});
        ::store::audit(&mut tx, who, action, &format!("user:{id}"), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(User { disabled, ..before })
    }

    /// Gives a user another password, or a made one, which is returned; the user chooses another at the next sign-in to
    /// the console. Sessions end, tokens stay.
    pub async fn set_password(
        &self,
        who: &Principal,
        id: UserId,
        password: Option<String>,
    ) -> Result<Option<String>, Error> {
        admin(who)?;
        let user = self.user(who, id).await?;
        let mut fields = Fields::new();
        if let Some(password) = &password {
            rules::check(&mut fields, "password", password, &user.username);
        }
        if !fields.is_empty() {
            return Err(fields.into());
        }
        let made = password.is_none().then(random_password);
        let hash = self.inner.passwords.hash(password.or_else(|| made.clone()).unwrap_or_default()).await?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::users::set_password(&mut tx, who.tenant, id, &hash, true).await? == 0 {
            return Err(Error::NotFound("user"));
        }
        store::sessions::delete_of_user(&mut tx, who.tenant, id, None).await?;
        store::links::delete_of_user(&mut tx, who.tenant, id).await?;
        ::store::audit(&mut tx, who, "user.password", &format!("user:{id}"), json!({})).await?;
        tx.commit().await?;
        self.forget();
        Ok(made)
    }

    /// Removes a user with tokens, sessions and links. [`Error::LastAdmin`] if nobody would be admin.
    pub async fn delete_user(&self, who: &Principal, id: UserId) -> Result<(), Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::lock_account(&mut tx, who.tenant).await?;
        let user = store::users::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
        self.keep_an_admin(&mut tx, &user).await?;
        store::sessions::delete_of_user(&mut tx, who.tenant, id, None).await?;
        store::links::delete_of_user(&mut tx, who.tenant, id).await?;
        store::second_factor::delete_codes(&mut tx, who.tenant, id).await?;
        store::tokens::delete_of_user(&mut tx, who.tenant, id).await?;
        store::users::delete(&mut tx, who.tenant, id).await?;
        let detail = json!({"before": shown(&user)});
        ::store::audit(&mut tx, who, "user.delete", &format!("user:{id}"), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(())
    }

    /// Changes what everybody may of themselves: address and language.
    pub async fn change_profile(
        &self,
        session: &Session,
        email: Option<String>,
        language: Option<Language>,
    ) -> Result<(), Error> {
        session.open()?;
        let who = &session.principal;
        let mut fields = Fields::new();
        let email = checked_email(email.as_deref(), &mut fields);
        if !fields.is_empty() {
            return Err(fields.into());
        }
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let before = store::users::find(&mut tx, who.tenant, session.user).await?.ok_or(Error::NotFound("user"))?;
        let after = User { email, language: language.map(StoredLanguage), ..before.clone() };
        store::users::update(&mut tx, who.tenant, &after, &login_name(&after.username)).await?;
        let (old, new) = differences(&shown(&before), &shown(&after));
        let detail = json!({"before": old, "after": new});
        ::store::audit(&mut tx, who, "user.change", &format!("user:{}", session.user), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(())
    }

    /// Refuses to take the last admin away. The account has to be locked.
    async fn keep_an_admin(&self, tx: &mut Tx, user: &User) -> Result<(), Error> {
        let counts = user.role() == Role::Admin && !user.disabled && !user.is_invited;
        if counts && store::users::other_admins(tx, user.tenant_id, user.id).await? == 0 {
            return Err(Error::LastAdmin);
        }
        Ok(())
    }
}

/// A user as wished for, with every field right by itself.
pub(super) struct Wish {
    pub(super) username: String,
    role: Role,
    team_id: Option<i64>,
    extension: Option<String>,
    pub(super) email: Option<String>,
    pub(super) language: Option<Language>,
}

impl Wish {
    pub(super) fn of(new: &NewUser, fields: &mut Fields) -> Option<Self> {
        let username = fields.require_text("username", Some(&new.username), 1, 100);
        let email = checked_email(new.email.as_deref(), fields);
        let extension = new.extension.as_deref().map(str::trim).filter(|extension| !extension.is_empty());
        let extension = fields.text("extension", extension, 1, 32);
        let (team_id, role, language) = (new.team_id, new.role, new.language);
        Some(Self { username: username?, role, team_id, extension, email, language })
    }

    /// Refuses a team that the account does not have. The one that the user was in is not asked for.
    async fn check_team(&self, tx: &mut Tx, who: &Principal, before: Option<i64>) -> Result<(), Error> {
        let Some(team) = self.team_id.filter(|_| self.team_id != before) else { return Ok(()) };
        if store::teams::find(tx, who.tenant, team).await?.is_none() {
            return Err(Error::Invalid([("team_id", Rule::Selected)].into_iter().collect()));
        }
        Ok(())
    }
}

/// Inserts a user and its audit row.
pub(super) async fn insert(
    tx: &mut Tx,
    who: &Principal,
    wish: Wish,
    hash: &str,
    action: &'static str,
) -> Result<User, Error> {
    wish.check_team(tx, who, None).await?;
    let login = login_name(&wish.username);
    if store::users::credential(tx, who.tenant, &login).await?.is_some() {
        return Err(taken("username"));
    }
    let row = store::users::UserRow {
        username: &wish.username,
        login: &login,
        password_hash: hash,
        must_change_password: true,
        role: StoredRole(wish.role),
        team_id: wish.team_id,
        extension: wish.extension.as_deref(),
        email: wish.email.as_deref(),
        language: wish.language.map(StoredLanguage),
    };
    let id = match store::users::insert(tx, who.tenant, row).await {
        Err(error) if error.is_unique() => return Err(taken("username")),
        result => result?,
    };
    let user = store::users::find(tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
    ::store::audit(tx, who, action, &format!("user:{id}"), json!({"after": shown(&user)})).await?;
    Ok(user)
}

/// Passes an address on that a letter could go to; a blank one is none.
fn checked_email(email: Option<&str>, fields: &mut Fields) -> Option<String> {
    let email = email.map(str::trim).filter(|email| !email.is_empty())?;
    let email = fields.text("email", Some(email), 3, 254)?;
    let halves = email.rsplit_once('@');
    let fits = halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !email.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'));
    fields.check("email", fits, Rule::Format);
    fits.then_some(email)
}

/// Returns the user as the audit log shows it.
fn shown(user: &User) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("username".to_owned(), json!(user.username));
    map.insert("role".to_owned(), json!(user.role().as_str()));
    map.insert("team_id".to_owned(), json!(user.team_id));
    map.insert("extension".to_owned(), json!(user.extension));
    map.insert("email".to_owned(), json!(user.email));
    map.insert("language".to_owned(), json!(user.language().map(Language::as_str)));
    map
}

/// Returns what differs, as it was and as it is.
pub(super) fn differences(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let other = |one: &Map<String, Value>, two: &Map<String, Value>| {
        let kept = one.iter().filter(|(key, value)| two.get(*key) != Some(value));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    (other(before, after), other(after, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_halves_and_no_marks() {
        for (text, good) in [
            ("an@acme.example", true),
            ("an+crm@acme.example", true),
            ("an", false),
            ("@acme.example", false),
            ("an@", false),
            ("an binh@acme.example", false),
            ("<an@acme.example>", false),
            ("a@b,c@d", false),
            ("an@acme.example\r\nBcc: x@y", false),
        ] {
            let mut fields = Fields::new();
            assert_eq!(checked_email(Some(text), &mut fields).is_some(), good, "{text}");
            assert_eq!(fields.is_empty(), good, "{text}");
        }
        assert_eq!(checked_email(Some("  "), &mut Fields::new()), None);
    }
}
