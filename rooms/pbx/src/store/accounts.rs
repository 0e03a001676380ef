//! What calls need to know of the accounts themselves.

use domain::{TenantId, UserId, app::Language, ids::TrunkId, number::Region};
use serde::Deserialize;
use store::{FromRow, Tx, sql};

use super::Result;

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) host: Option<String>,
    pub(crate) region: String,
    pub(crate) timezone: String,
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Tenant>> {
    sql("select id, host, region, timezone from tenant order by id").all(tx).await
}

/// Returns the account's own domain, if it has one: the realm of its logins.
pub(crate) async fn domain(tx: &mut Tx, tenant: TenantId) -> Result<Option<String>> {
    let found = sql("select host from tenant where id = $1").bind(tenant).first::<(Option<String>,)>(tx).await?;
    Ok(found.and_then(|(host,)| host).map(|host| host.to_ascii_lowercase()))
}

/// Returns what language the callers of every account are spoken to in: the account's, else the region's.
pub(crate) async fn any_tenant_languages(tx: &mut Tx) -> Result<Vec<(TenantId, Language)>> {
    let found = sql("select id, region, settings from tenant").all::<(TenantId, String, String)>(tx).await?;
    let language = |region: &str, settings: &str| {
        let chosen = serde_json::from_str::<Voice>(settings).ok().and_then(|own| own.language);
        let usual = if region.eq_ignore_ascii_case("VN") { Language::Vi } else { Language::En };
        chosen.and_then(|code| Language::parse(&code)).unwrap_or(usual)
    };
    Ok(found.into_iter().map(|(id, region, settings)| (id, language(&region, &settings))).collect())
}

#[derive(Deserialize)]
struct Voice {
    language: Option<String>,
}

/// Returns the users of every account who may not sign in.
pub(crate) async fn any_tenant_disabled_users(tx: &mut Tx) -> Result<Vec<(TenantId, UserId)>> {
    sql("select tenant_id, id from users where disabled = true").all(tx).await
}

/// Returns the active caller IDs of every account, each with its id and the trunk that it is bound to.
pub(crate) async fn any_tenant_caller_ids(tx: &mut Tx) -> Result<Vec<(TenantId, i64, String, Option<TrunkId>)>> {
    sql("select tenant_id, id, number, trunk_id from caller_id where status = 'active'").all(tx).await
}

/// How an account wants its records read.
#[derive(Clone, Debug)]
pub(crate) struct AccountSettings {
    /// An IANA name.
    pub(crate) timezone: String,
    pub(crate) region: Region,
    /// Longest period of one list of records.
    pub(crate) cdr_max_days: i64,
}

/// Longest period of one list of records, unless the account has another.
const CDR_MAX_DAYS: i64 = 30;

impl Default for AccountSettings {
    fn default() -> Self {
        Self { timezone: "Asia/Ho_Chi_Minh".to_owned(), region: Region::of("VN"), cdr_max_days: CDR_MAX_DAYS }
    }
}

/// The part of an account's settings that is this room's.
#[derive(Deserialize)]
struct Own {
    cdr_max_days: Option<i64>,
    cdr_keep_days: Option<i64>,
}

/// Returns for how many days each account keeps its records; `None` for ever.
pub(crate) async fn any_tenant_keep_days(tx: &mut Tx) -> Result<Vec<(TenantId, Option<i64>)>> {
    let rows = sql("select id, settings from tenant order by id").all::<(TenantId, String)>(tx).await?;
    let days = |settings: &str| serde_json::from_str::<Own>(settings).ok()?.cdr_keep_days.filter(|days| *days > 0);
    Ok(rows.into_iter().map(|(tenant, settings)| (tenant, days(&settings))).collect())
}

/// Returns the account's settings, the defaults where it has none.
pub(crate) async fn settings(tx: &mut Tx, tenant: TenantId) -> Result<AccountSettings> {
    let found = sql("select timezone, region, settings from tenant where id = $1")
        .bind(tenant)
        .first::<(String, String, String)>(tx)
        .await?;
    let Some((timezone, region, settings)) = found else { return Ok(AccountSettings::default()) };
    let own = serde_json::from_str::<Own>(&settings).ok();
    let cdr_max_days = own.and_then(|own| own.cdr_max_days).filter(|days| *days > 0).unwrap_or(CDR_MAX_DAYS);
    Ok(AccountSettings { timezone, region: Region::of(&region), cdr_max_days })
}

/// Tells whether the account has that team.
pub(crate) async fn has_team(tx: &mut Tx, tenant: TenantId, team: i64) -> Result<bool> {
    let found = sql("select id from team where tenant_id = $1 and id = $2").bind(tenant).bind(team);
    Ok(found.first::<(i64,)>(tx).await?.is_some())
}

/// Makes a team, as the accounts room does, and returns its id.
#[cfg(test)]
pub(crate) async fn add_team(tx: &mut Tx, tenant: TenantId, name: &str) -> Result<i64> {
    let text = "insert into team (tenant_id, name, name_key, created_at) values ($1, $2, $2, 0) returning id";
    Ok(sql(text).bind(tenant).bind(name).one::<(i64,)>(tx).await?.0)
}

/// Makes an account, as the accounts room does; the first one has the id 1.
#[cfg(test)]
pub(crate) async fn any_tenant_add(tx: &mut Tx, name: &str) -> Result<u64> {
    let text = "insert into tenant (name, client_id, timezone, region, settings, created_at) \
                values ($1, $1, 'Asia/Ho_Chi_Minh', 'VN', '{}', 0)";
    sql(text).bind(name).run(tx).await
}
