//! The rules against toll fraud, what was used of them, feature codes and emergency numbers.

use domain::{
    Principal, TenantId,
    guard::{Limits, Policy, Usage},
    number,
    routing::FeatureCodes,
};
use serde_json::json;
use web::{Fields, Rule};

use super::{Desk, Done, may_manage, may_read, refuse};
use crate::{Pbx, TollAlarm, changes::Changed, error::Result, store as rows};

/// Most prefixes of one list.
const MOST_PREFIXES: usize = 500;
/// Most emergency numbers of an account.
const MOST_EMERGENCY: usize = 50;

/// The account's rules and how much of them is used.
#[derive(Clone, Debug)]
pub struct State {
    pub policy: Policy,
    pub account: Usage,
    /// Extensions that called out within the hour, by number.
    pub extensions: Vec<(String, Usage)>,
    /// What was refused within the hour.
    pub alarms: Vec<TollAlarm>,
}

/// Returns the account's rules; the defaults where it has none of its own.
pub async fn policy(desk: &Desk, who: &Principal) -> Result<Policy> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    Ok(rows::guard::policy(&mut tx, tenant).await?.unwrap_or_default())
}

pub async fn state(pbx: &Pbx, who: &Principal) -> Result<State> {
    let policy = policy(&pbx.desk(), who).await?;
    let (account, extensions) = pbx.border.usage(who.tenant);
    let alarms = pbx.border.alarms().into_iter().filter(|alarm| alarm.tenant == who.tenant).collect();
    Ok(State { policy, account, extensions, alarms })
}

/// Puts other rules in their place; whether calls are stopped is [`stop`]'s alone. Calls that are up follow within a second.
pub async fn set_policy(desk: &Desk, who: &Principal, policy: Policy) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut fields = Fields::new();
    for (field, prefixes) in
        [("countries", &policy.countries), ("opened", &policy.opened), ("blocked", &policy.blocked)]
    {
        fields.check(field, prefixes.len() <= MOST_PREFIXES, Rule::Entries(0, MOST_PREFIXES));
        let good = |prefix: &String| {
            let digits = (1..=15).contains(&prefix.len()) && prefix.bytes().all(|digit| digit.is_ascii_digit());
            digits || (field == "countries" && prefix == "*")
        };
        fields.check(field, prefixes.iter().all(good), Rule::Format);
    }
    let amount = |amount: Option<i64>| amount.is_none_or(|amount| amount >= 0);
    fields.check("dearest_minute", amount(policy.dearest_minute), Rule::Format);
    for (whose, limits) in [("extension", &policy.extension), ("account", &policy.account)] {
        fields.check(&format!("{whose}_spend_per_hour"), amount(limits.spend_per_hour), Rule::Format);
    }
    refuse(fields)?;
    let mut tx = desk.write(who).await?;
    let stopped = rows::guard::hold_policy(&mut tx, tenant).await?.stopped;
    let policy = Policy { stopped, ..policy };
    rows::guard::put_policy(&mut tx, tenant, &policy).await?;
    desk.commit(tx, who, done(tenant, "toll.policy", shown(&policy))).await
}

/// Stops every call out but those for help, or lets them out again.
pub async fn stop(desk: &Desk, who: &Principal, stopped: bool) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let policy = rows::guard::hold_policy(&mut tx, tenant).await?;
    rows::guard::put_policy(&mut tx, tenant, &Policy { stopped, ..policy }).await?;
    let action = if stopped { "toll.stop" } else { "toll.release" };
    desk.commit(tx, who, done(tenant, action, json!({}))).await
}

/// Returns the account's feature codes and emergency numbers; none of the latter means those of its region.
pub async fn dialling(desk: &Desk, who: &Principal) -> Result<(FeatureCodes, Vec<String>)> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let dialling = rows::guard::dialling(&mut tx, tenant).await?;
    Ok((dialling.codes, dialling.emergency))
}

pub async fn set_dialling(desk: &Desk, who: &Principal, codes: FeatureCodes, emergency: Vec<String>) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut fields = Fields::new();
    fields.check("codes", codes.is_sound(), Rule::Format);
    let good = |number: &String| {
        number.len() >= 2
            && (number.len() == 2 || number::is_dialable(number))
            && number.len() <= 15
            && number.bytes().all(|digit| digit.is_ascii_digit())
    };
    fields.check("emergency", emergency.len() <= MOST_EMERGENCY && emergency.iter().all(good), Rule::Format);
    refuse(fields)?;
    let mut tx = desk.write(who).await?;
    let now = tx.now();
    let dialling = rows::guard::Dialling { codes, emergency };
    rows::guard::put_dialling(&mut tx, tenant, &dialling, now).await?;
    let detail = json!({ "codes": dialling.codes, "emergency": dialling.emergency });
    desk.commit(tx, who, done(tenant, "dialling.update", detail)).await
}

fn shown(policy: &Policy) -> serde_json::Value {
    let limits = |limits: &Limits| {
        json!({
            "calls_at_once": limits.calls_at_once,
            "calls_per_hour": limits.calls_per_hour,
            "minutes_per_hour": limits.minutes_per_hour,
            "spend_per_hour": limits.spend_per_hour,
        })
    };
    json!({
        "stopped": policy.stopped,
        "countries": policy.countries,
        "opened": policy.opened,
        "blocked": policy.blocked,
        "dearest_minute": policy.dearest_minute,
        "calls_per_number": policy.calls_per_number,
        "extension": limits(&policy.extension),
        "account": limits(&policy.account),
    })
}

fn done<'a>(tenant: TenantId, action: &'static str, detail: serde_json::Value) -> Done<'a> {
    Done { action, target: "toll".into(), detail, changed: Changed::Routes(tenant) }
}
