//! What the room can do. Permission, transaction, store, audit, commit.

pub(crate) mod audit;
pub(crate) mod links;
pub(crate) mod origins;
pub(crate) mod second_factor;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod teams;
pub(crate) mod tokens;
pub(crate) mod users;

use std::net::IpAddr;

use domain::{
    Permission, Principal, TenantId, Timestamp, UserId,
    ids::TokenId,
    principal::{Actor, Role},
};
use ipnet::IpNet;
use rand::distr::{Alphanumeric, SampleString};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use web::{Fields, Rule};

use crate::{
    Account, Accounts, Error, Scopes, Token, TokenKind, User,
    model::{Networks, StoredRole},
    store,
};

/// Random characters of a token; 62 kinds each make 285 bits.
const SECRET_LENGTH: usize = 48;
/// Random characters of a password that is made here.
const PASSWORD_LENGTH: usize = 20;
/// Shortest password that a user may be given.
const SHORTEST_PASSWORD: usize = 8;
/// Longest password; every character counts, none is cut.
const LONGEST_PASSWORD: usize = 1024;
/// Most tokens of a user; sign-in beyond that ends the oldest.
const TOKENS_PER_USER: i64 = 100;
/// Where an account is unless it says otherwise.
const DEFAULT_TIMEZONE: &str = "Asia/Ho_Chi_Minh";
const DEFAULT_REGION: &str = "VN";
/// The account that the first start makes.
const FIRST_ACCOUNT: &str = "default";

#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    pub name: String,
    pub host: Option<String>,
    /// An IANA name; Asia/Ho_Chi_Minh if none.
    pub timezone: Option<String>,
    /// Two letters; VN if none.
    pub region: Option<String>,
}

#[derive(Clone, Debug)]
pub struct NewUser {
    pub username: String,
    /// Made and returned if none.
    pub password: Option<String>,
    pub role: Role,
    pub team_id: Option<i64>,
    pub extension: Option<String>,
    pub email: Option<String>,
}

#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    /// Whose; `None` makes a machine token.
    pub user: Option<UserId>,
    /// What it may; `None` only for a user token: all that the user may.
    pub scopes: Option<Vec<Permission>>,
    pub ip_allow: Option<Vec<IpNet>>,
    pub expires_at: Option<Timestamp>,
}

/// Who the first admin is.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub username: String,
    /// Made if none.
    pub password: Option<String>,
}

/// What the first start made. `password` is set only if it was made here: print it once.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    pub tenant: TenantId,
    pub username: String,
    pub password: Option<String>,
}

/// What a login gives.
pub(crate) struct LoggedIn {
    pub(crate) user: User,
    pub(crate) token: String,
}

impl Accounts {
    /// Makes the first account and its admin if there is no account yet.
    pub async fn bootstrap(&self, first: &Bootstrap) -> Result<Option<Bootstrapped>, Error> {
        let mut tx = self.inner.db.read_any_tenant().await?;
        if !store::any_tenant_accounts(&mut tx).await?.is_empty() {
            return Ok(None);
        }
        drop(tx);
        let password = first.password.clone().unwrap_or_else(random_password);
        let hash = self.inner.passwords.hash(password.clone()).await?;
        let mut tx = self.inner.db.begin_any_tenant().await?;
        let row = store::AccountRow {
            name: FIRST_ACCOUNT,
            client_id: Uuid::new_v4(),
            host: None,
            timezone: DEFAULT_TIMEZONE,
            region: DEFAULT_REGION,
        };
        let tenant = match store::any_tenant_insert_account(&mut tx, row).await {
            Ok(tenant) => tenant,
            // Another node was first.
            Err(error) if error.is_unique() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let row = store::UserRow {
            username: &first.username,
            login: &login_name(&first.username),
            password_hash: &hash,
            role: StoredRole(Role::Admin),
            team_id: None,
            extension: None,
            email: None,
        };
        store::insert_user(&mut tx, tenant, row).await?;
        let system = Principal::system(tenant);
        ::store::audit(&mut tx, &system, "account.create", FIRST_ACCOUNT, json!({"admin": first.username})).await?;
        tx.commit().await?;
        self.inner.bearers.forget();
        tracing::info!(tenant.id = %tenant, "made the first account and its admin");
        let password = first.password.is_none().then_some(password);
        Ok(Some(Bootstrapped { tenant, username: first.username.clone(), password }))
    }

    /// Makes an account. Only the host's own tools may.
    pub async fn create_account(&self, new: &NewAccount) -> Result<Account, Error> {
        let host = new.host.as_deref().map(|host| host.trim().to_ascii_lowercase());
        let timezone = new.timezone.as_deref().unwrap_or(DEFAULT_TIMEZONE);
        let region = new.region.as_deref().unwrap_or(DEFAULT_REGION).to_ascii_uppercase();
        let mut fields = Fields::new();
        let name = fields.require_text("name", Some(&new.name), 1, 100);
        fields.check("host", host.as_deref().is_none_or(is_host), Rule::Format);
        fields.check("timezone", jiff::tz::TimeZone::get(timezone).is_ok(), Rule::Selected);
        fields.check("region", region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase()), Rule::Format);
        let Some(name) = name.filter(|_| fields.is_empty()) else { return Err(fields.into()) };

        let mut tx = self.inner.db.begin_any_tenant().await?;
        let taken = store::any_tenant_accounts(&mut tx).await?;
        fields.check("name", taken.iter().all(|account| account.name != name), Rule::Taken);
        fields.check("host", host.is_none() || taken.iter().all(|account| account.host != host), Rule::Taken);
        if !fields.is_empty() {
            return Err(fields.into());
        }
        let client_id = Uuid::new_v4();
        let row = store::AccountRow { name: &name, client_id, host: host.as_deref(), timezone, region: &region };
        let tenant = store::any_tenant_insert_account(&mut tx, row).await?;
        let system = Principal::system(tenant);
        ::store::audit(&mut tx, &system, "account.create", &name, json!({"host": host})).await?;
        let account = store::account(&mut tx, tenant).await?.ok_or(Error::NotFound("account"))?;
        tx.commit().await?;
        self.inner.bearers.forget();
        Ok(account)
    }

    /// Returns every account. Only the host's own tools may.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let mut tx = self.inner.db.read_any_tenant().await?;
        Ok(store::any_tenant_accounts(&mut tx).await?)
    }

    pub async fn account(&self, tenant: TenantId) -> Result<Account, Error> {
        let mut tx = self.inner.db.read(tenant).await?;
        store::account(&mut tx, tenant).await?.ok_or(Error::NotFound("account"))
    }

    /// Makes a user; returns the password too if it was made here.
    pub async fn create_user(&self, who: &Principal, new: NewUser) -> Result<(User, Option<String>), Error> {
        admin(who)?;
        let mut fields = Fields::new();
        let username = fields.require_text("username", Some(&new.username), 1, 100);
        let email = fields.text("email", new.email.as_deref(), 3, 254);
        let extension = fields.text("extension", new.extension.as_deref(), 1, 32);
        let length = new.password.as_ref().map(|password| password.chars().count());
        let fits = length.is_none_or(|length| (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&length));
        fields.check("password", fits, Rule::Length(SHORTEST_PASSWORD, LONGEST_PASSWORD));
        let Some(username) = username.filter(|_| fields.is_empty()) else { return Err(fields.into()) };

        let made = new.password.is_none().then(random_password);
        let password = new.password.or_else(|| made.clone()).unwrap_or_default();
        let hash = self.inner.passwords.hash(password).await?;
        let login = login_name(&username);
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::credential(&mut tx, who.tenant, &login).await?.is_some() {
            return Err(taken("username"));
        }
        let row = store::UserRow {
            username: &username,
            login: &login,
            password_hash: &hash,
            role: StoredRole(new.role),
            team_id: new.team_id,
            extension: extension.as_deref(),
            email: email.as_deref(),
        };
        let id = match store::insert_user(&mut tx, who.tenant, row).await {
            Err(error) if error.is_unique() => return Err(taken("username")),
            result => result?,
        };
        let detail = json!({"username": username, "role": new.role.as_str()});
        ::store::audit(&mut tx, who, "user.create", &format!("user:{id}"), detail).await?;
        let user = store::user(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
        tx.commit().await?;
        Ok((user, made))
    }

    pub async fn users(&self, who: &Principal) -> Result<Vec<User>, Error> {
        admin(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        Ok(store::users(&mut tx, who.tenant).await?)
    }

    /// Disables a user, whose tokens then open nothing, or enables the user again.
    pub async fn set_user_disabled(&self, who: &Principal, id: UserId, disabled: bool) -> Result<User, Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::set_disabled(&mut tx, who.tenant, id, disabled).await? == 0 {
            return Err(Error::NotFound("user"));
        }
        let action = if disabled { "user.disable" } else { "user.enable" };
        ::store::audit(&mut tx, who, action, &format!("user:{id}"), json!({})).await?;
        let user = store::user(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("user"))?;
        tx.commit().await?;
        self.inner.bearers.forget();
        Ok(user)
    }

    /// Gives a user another password, or a made one, which is returned. Tokens stay.
    pub async fn set_password(
        &self,
        who: &Principal,
        id: UserId,
        password: Option<String>,
    ) -> Result<Option<String>, Error> {
        admin(who)?;
        let made = password.is_none().then(random_password);
        let password = password.or_else(|| made.clone()).unwrap_or_default();
        let mut fields = Fields::new();
        let fits = (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.chars().count());
        fields.check("password", fits, Rule::Length(SHORTEST_PASSWORD, LONGEST_PASSWORD));
        if !fields.is_empty() {
            return Err(fields.into());
        }
        let hash = self.inner.passwords.hash(password).await?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::set_password(&mut tx, who.tenant, id, &hash).await? == 0 {
            return Err(Error::NotFound("user"));
        }
        ::store::audit(&mut tx, who, "user.password", &format!("user:{id}"), json!({})).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Makes a token; the text, which is returned beside it, is shown this once.
    pub async fn create_token(&self, who: &Principal, new: NewToken) -> Result<(Token, String), Error> {
        admin(who)?;
        let mut fields = Fields::new();
        let name = fields.require_text("name", Some(&new.name), 1, 100);
        fields.check("scopes", new.user.is_some() || new.scopes.is_some(), Rule::Required);
        fields.check(
            "expires_at",
            new.expires_at.is_none_or(|end| end > self.inner.db.now()),
            "The expiry must be in the future.",
        );
        let Some(name) = name.filter(|_| fields.is_empty()) else { return Err(fields.into()) };

        let mut tx = self.inner.db.begin(who.tenant).await?;
        if let Some(user) = new.user {
            store::user(&mut tx, who.tenant, user).await?.ok_or(Error::NotFound("user"))?;
        }
        let secret = random_secret();
        let row = store::TokenRow {
            user_id: new.user,
            kind: if new.user.is_some() { TokenKind::User } else { TokenKind::Machine },
            name: &name,
            hash: &Sha256::digest(secret.as_bytes()),
            scopes: new.scopes.map(Scopes),
            ip_allow: new.ip_allow.map(Networks),
            expires_at: new.expires_at,
        };
        let id = store::insert_token(&mut tx, who.tenant, row).await?;
        ::store::audit(&mut tx, who, "token.create", &format!("token:{id}"), json!({"name": name})).await?;
        let tokens = store::tokens(&mut tx, who.tenant).await?;
        let token = tokens.into_iter().find(|token| token.id == id).ok_or(Error::NotFound("token"))?;
        tx.commit().await?;
        Ok((token, format!("{id}|{secret}")))
    }

    pub async fn tokens(&self, who: &Principal) -> Result<Vec<Token>, Error> {
        admin(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        Ok(store::tokens(&mut tx, who.tenant).await?)
    }

    /// Ends a token at once here, and within two seconds in other processes.
    pub async fn revoke_token(&self, who: &Principal, id: TokenId) -> Result<(), Error> {
        admin(who)?;
        self.end_token(who, id, "token.revoke").await
    }

    /// Ends the caller's own token. A machine's is not ended this way.
    pub(crate) async fn logout(&self, who: &Principal) -> Result<(), Error> {
        match (&who.actor, who.token) {
            (Actor::User { .. }, Some(id)) => self.end_token(who, id, "auth.logout").await,
            _ => Err(Error::Denied),
        }
    }

    async fn end_token(&self, who: &Principal, id: TokenId, action: &'static str) -> Result<(), Error> {
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::revoke_token(&mut tx, who.tenant, id).await? == 0 {
            return Err(Error::NotFound("token"));
        }
        ::store::audit(&mut tx, who, action, &format!("token:{id}"), json!({})).await?;
        tx.commit().await?;
        self.inner.bearers.forget();
        Ok(())
    }

    /// Checks a password and makes a token. Every refusal is the same and takes as long, whether or not the user exists.
    pub(crate) async fn login(&self, attempt: Attempt<'_>) -> Result<LoggedIn, Error> {
        let login = login_name(attempt.username);
        let found = self.find_login(attempt.host, &login).await?;
        let hash = found.as_ref().map(|user| user.password_hash.clone());
        let matches = self.inner.passwords.verify(attempt.password.to_owned(), hash).await?;
        let Some(known) = found.filter(|user| matches && !user.disabled) else {
            metrics::counter!("auth_logins_total", "result" => "refused").increment(1);
            return Err(Error::SignIn);
        };
        let tenant = known.tenant_id;
        let secret = random_secret();
        let mut tx = self.inner.db.begin(tenant).await?;
        let row = store::TokenRow {
            user_id: Some(known.id),
            kind: TokenKind::User,
            name: attempt.device,
            hash: &Sha256::digest(secret.as_bytes()),
            scopes: None,
            ip_allow: None,
            expires_at: None,
        };
        let id = store::insert_token(&mut tx, tenant, row).await?;
        let ended = store::trim_tokens(&mut tx, tenant, known.id, TOKENS_PER_USER).await?;
        let user = store::user(&mut tx, tenant, known.id).await?.ok_or(Error::SignIn)?;
        let who = Principal {
            tenant,
            actor: user.actor(),
            token: Some(id),
            permissions: Vec::new(),
            address: Some(attempt.address),
            request_id: attempt.request_id.to_owned(),
        };
        ::store::audit(&mut tx, &who, "auth.login", &format!("token:{id}"), json!({"device": attempt.device})).await?;
        tx.commit().await?;
        if ended > 0 {
            self.inner.bearers.forget();
        }
        metrics::counter!("auth_logins_total", "result" => "ok").increment(1);
        Ok(LoggedIn { user, token: format!("{id}|{secret}") })
    }

    /// Finds a user by name: in the host's account, or, on a host that is nobody's, the only one of that name.
    async fn find_login(&self, host: Option<&str>, login: &str) -> Result<Option<store::Credential>, Error> {
        match self.directory().await?.owner(host) {
            Some(tenant) => {
                let mut tx = self.inner.db.read(tenant).await?;
                Ok(store::credential(&mut tx, tenant, login).await?)
            }
            None => {
                let mut tx = self.inner.db.read_any_tenant().await?;
                let mut found = store::any_tenant_credentials(&mut tx, login).await?;
                Ok(if found.len() == 1 { found.pop() } else { None })
            }
        }
    }

    pub(crate) async fn write_last_used(&self) -> Result<(), Error> {
        let used = self.inner.bearers.take_last_used();
        if used.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut tx = self.inner.db.begin_any_tenant().await?;
            store::any_tenant_write_last_used(&mut tx, used.clone()).await?;
            tx.commit().await
        };
        written.await.map_err(|error| {
            self.inner.bearers.return_last_used(used.clone());
            error.into()
        })
    }
}

/// One try to sign in.
pub(crate) struct Attempt<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    /// The label that distinguishes tokens.
    pub(crate) device: &'a str,
    pub(crate) host: Option<&'a str>,
    pub(crate) address: IpAddr,
    pub(crate) request_id: &'a str,
}

/// Refuses everybody but the account's admins and the host's own tools.
fn admin(who: &Principal) -> Result<(), Error> {
    match who.actor {
        Actor::User { role: Role::Admin, .. } | Actor::System => Ok(()),
        _ => Err(Error::Denied),
    }
}

fn taken(field: &str) -> Error {
    let mut fields = Fields::new();
    fields.add(field, Rule::Taken);
    Error::Invalid(fields)
}

/// Returns what a username is compared by.
fn login_name(username: &str) -> String {
    username.trim().to_lowercase()
}

fn random_secret() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), SECRET_LENGTH)
}

fn random_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH)
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}
