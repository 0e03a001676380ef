//! The account's own settings.

use std::time::Duration;

use domain::Principal;
use serde_json::{Map, Value, json};
use web::{Fields, Language, Rule};

use super::{
    accounts::{is_region, is_timezone},
    admin, taken,
    users::differences,
};
use crate::{Account, AccountSettings, Accounts, ChangeSettings, Error, store};

/// What holds for an account that chose nothing else.
const CDR_MAX_DAYS: i64 = 30;
const SESSION_IDLE_MINUTES: i64 = 30;
const SESSION_HOURS: i64 = 12;

/// Returns after which time without a request, and after which time at all, a session of the account ends.
pub(crate) fn session_times(account: &Account) -> (Duration, Duration) {
    let settings = AccountSettings::of(account);
    let seconds = |value: i64, unit: u64| Duration::from_secs(u64::try_from(value).unwrap_or(1) * unit);
    (seconds(settings.session_idle_minutes, 60), seconds(settings.session_hours, 3_600))
}

impl Accounts {
    /// Returns the account's settings. Everybody of the account may know them.
    pub async fn settings(&self, who: &Principal) -> Result<AccountSettings, Error> {
        Ok(AccountSettings::of(&self.account(who.tenant).await?))
    }

    /// Changes the settings that are given. Admins only.
    pub async fn change_settings(&self, who: &Principal, change: ChangeSettings) -> Result<AccountSettings, Error> {
        admin(who)?;
        let mut fields = Fields::new();
        if let Some(name) = &change.name {
            fields.require_text("name", Some(name), 1, 100);
        }
        let region = change.region.map(|region| region.trim().to_ascii_uppercase());
        fields.check("timezone", change.timezone.as_deref().is_none_or(is_timezone), Rule::Selected);
        fields.check("region", region.as_deref().is_none_or(is_region), Rule::Format);
        let language = change.language.as_deref();
        let known = language.is_none_or(|tag| tag.is_empty() || Language::parse(tag).is_some());
        fields.check("language", known, Rule::Selected);
        fields.number("cdr_max_days", change.cdr_max_days, 1, 366);
        fields.number("cdr_keep_days", change.cdr_keep_days, 0, 3_650);
        fields.number("session_idle_minutes", change.session_idle_minutes, 5, 720);
        fields.number("session_hours", change.session_hours, 1, 168);
        if !fields.is_empty() {
            return Err(fields.into());
        }

        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::lock_account(&mut tx, who.tenant).await?;
        let before = store::account(&mut tx, who.tenant).await?.ok_or(Error::NotFound("account"))?;
        // Keys of other rooms stay as they are.
        let mut settings: Map<String, Value> = serde_json::from_str(&before.settings).unwrap_or_default();
        let numbers = [
            ("cdr_max_days", change.cdr_max_days),
            ("cdr_keep_days", change.cdr_keep_days),
            ("session_idle_minutes", change.session_idle_minutes),
            ("session_hours", change.session_hours),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                settings.insert(key.to_owned(), json!(value));
            }
        }
        match language {
            Some("") => drop(settings.remove("language")),
            Some(tag) => drop(settings.insert("language".to_owned(), json!(tag))),
            None => {}
        }
        let after = Account {
            name: change.name.map_or_else(|| before.name.clone(), |name| name.trim().to_owned()),
            timezone: change.timezone.unwrap_or_else(|| before.timezone.clone()),
            region: region.unwrap_or_else(|| before.region.clone()),
            settings: Value::Object(settings).to_string(),
            ..before.clone()
        };
        match store::update_account(&mut tx, who.tenant, &after).await {
            Err(error) if error.is_unique() => return Err(taken("name")),
            result => result?,
        };
        let (before, after) = (AccountSettings::of(&before), AccountSettings::of(&after));
        let (old, new) = differences(&shown(&before), &shown(&after));
        let detail = json!({"before": old, "after": new});
        ::store::audit(&mut tx, who, "account.change", &format!("account:{}", who.tenant), detail).await?;
        tx.commit().await?;
        self.forget();
        Ok(after)
    }
}

impl AccountSettings {
    pub(crate) fn of(account: &Account) -> Self {
        let chosen = account.chosen();
        let positive = |value: Option<i64>, default| value.filter(|value| *value > 0).unwrap_or(default);
        Self {
            name: account.name.clone(),
            host: account.host.clone(),
            client_id: account.client_id,
            timezone: account.timezone.clone(),
            region: account.region.clone(),
            language: chosen.language.as_deref().and_then(Language::parse),
            cdr_max_days: positive(chosen.cdr_max_days, CDR_MAX_DAYS),
            cdr_keep_days: positive(chosen.cdr_keep_days, 0),
            session_idle_minutes: positive(chosen.session_idle_minutes, SESSION_IDLE_MINUTES),
            session_hours: positive(chosen.session_hours, SESSION_HOURS),
            created_at: account.created_at,
        }
    }
}

fn shown(settings: &AccountSettings) -> Map<String, Value> {
    let value = json!({
        "name": settings.name,
        "timezone": settings.timezone,
        "region": settings.region,
        "language": settings.language.map(Language::as_str),
        "cdr_max_days": settings.cdr_max_days,
        "cdr_keep_days": settings.cdr_keep_days,
        "session_idle_minutes": settings.session_idle_minutes,
        "session_hours": settings.session_hours,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
