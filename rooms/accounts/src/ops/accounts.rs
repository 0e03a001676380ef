//! Accounts, and the first of them.

use domain::{Principal, TenantId, principal::Role};
use serde_json::json;
use uuid::Uuid;
use web::{Fields, Rule};

use super::{login_name, random_password};
use crate::{Account, Accounts, Error, model::StoredRole, password::rules, store};

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

impl Accounts {
    /// Makes the first account and its admin if there is no account yet.
    pub async fn bootstrap(&self, first: &Bootstrap) -> Result<Option<Bootstrapped>, Error> {
        let mut tx = self.inner.db.read_any_tenant().await?;
        if !store::any_tenant_accounts(&mut tx).await?.is_empty() {
            return Ok(None);
        }
        drop(tx);
        let mut fields = Fields::new();
        if let Some(password) = &first.password {
            rules::check(&mut fields, "bootstrap.admin_password", password, &first.username);
        }
        if !fields.is_empty() {
            return Err(fields.into());
        }
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
        let row = store::users::UserRow {
            username: &first.username,
            login: &login_name(&first.username),
            password_hash: &hash,
            // Whoever started the server may have seen it, and so may whoever reads its first output.
            must_change_password: true,
            role: StoredRole(Role::Admin),
            team_id: None,
            extension: None,
            email: None,
            language: None,
        };
        store::users::insert(&mut tx, tenant, row).await?;
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
        fields.check("timezone", is_timezone(timezone), Rule::Selected);
        fields.check("region", is_region(&region), Rule::Format);
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

    /// Returns how many accounts a database has, without opening the room.
    pub async fn count(db: &::store::Db) -> Result<usize, Error> {
        let mut tx = db.read_any_tenant().await?;
        Ok(store::any_tenant_accounts(&mut tx).await?.len())
    }

    pub async fn account(&self, tenant: TenantId) -> Result<Account, Error> {
        let mut tx = self.inner.db.read(tenant).await?;
        store::account(&mut tx, tenant).await?.ok_or(Error::NotFound("account"))
    }
}

pub(super) fn is_timezone(name: &str) -> bool {
    jiff::tz::TimeZone::get(name).is_ok()
}

pub(super) fn is_region(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_uppercase())
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
