//! The rules against toll fraud, the books of the last hour, feature codes and emergency numbers.

use domain::{
    TenantId, Timestamp,
    guard::{Line, Minute, Policy},
    routing::FeatureCodes,
};
use store::{Tx, Value, many, sql};

use super::{Result, unreadable};
use crate::model::toll;

/// Returns the account's own rules; `None` if it has the defaults.
pub(crate) async fn policy(tx: &mut Tx, tenant: TenantId) -> Result<Option<Policy>> {
    let found = sql("select policy from toll_policy where tenant_id = $1").bind(tenant).first::<(String,)>(tx).await?;
    found.map(|(text,)| toll::read(&text).ok_or_else(|| unreadable("policy", text))).transpose()
}

pub(crate) async fn any_tenant_policies(tx: &mut Tx) -> Result<Vec<(TenantId, Policy)>> {
    let rows = sql("select tenant_id, policy from toll_policy").all::<(TenantId, String)>(tx).await?;
    let read = |(tenant, text): (TenantId, String)| {
        toll::read(&text).map(|policy| (tenant, policy)).ok_or_else(|| unreadable("policy", text))
    };
    rows.into_iter().map(read).collect()
}

/// Returns the account's rules and keeps others from writing them until the transaction ends.
pub(crate) async fn hold_policy(tx: &mut Tx, tenant: TenantId) -> Result<Policy> {
    let now = tx.now();
    let (text,) = sql("insert into toll_policy (tenant_id, policy, updated_at) values ($1, $2, $3)
         on conflict (tenant_id) do update set updated_at = excluded.updated_at returning policy")
    .bind(tenant)
    .bind(toll::write(&Policy::default()))
    .bind(now)
    .one::<(String,)>(tx)
    .await?;
    toll::read(&text).ok_or_else(|| unreadable("policy", text))
}

pub(crate) async fn put_policy(tx: &mut Tx, tenant: TenantId, policy: &Policy) -> Result<u64> {
    let now = tx.now();
    sql("insert into toll_policy (tenant_id, policy, updated_at) values ($1, $2, $3)
         on conflict (tenant_id) do update set policy = excluded.policy, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(toll::write(policy))
    .bind(now)
    .run(tx)
    .await
}

/// What was used, of every account, from that minute on.
pub(crate) async fn any_tenant_minutes(tx: &mut Tx, since: i64) -> Result<Vec<(TenantId, Line)>> {
    let rows = sql("select tenant_id, extension_number, minute, calls, talk, cost from toll_minute where minute >= $1")
        .bind(since)
        .all::<(TenantId, String, i64, i64, i64, i64)>(tx)
        .await?;
    let line = |(tenant, extension, at, calls, talk, cost): (TenantId, String, i64, i64, i64, i64)| {
        let extension = Some(extension).filter(|extension| !extension.is_empty());
        (tenant, Line { extension, minute: Minute { at, calls, talk, cost } })
    };
    Ok(rows.into_iter().map(line).collect())
}

pub(crate) async fn any_tenant_write_minutes(tx: &mut Tx, lines: &[(TenantId, Line)]) -> Result<u64> {
    let row = |(tenant, line): &(TenantId, Line)| {
        vec![
            Value::from(*tenant),
            Value::from(line.extension.as_deref().unwrap_or_default()),
            Value::from(line.minute.at),
            Value::from(line.minute.calls),
            Value::from(line.minute.talk),
            Value::from(line.minute.cost),
        ]
    };
    let rows = lines.iter().map(row).collect();
    many(
        tx,
        "insert into toll_minute (tenant_id, extension_number, minute, calls, talk, cost) values",
        "on conflict (tenant_id, extension_number, minute) do update
            set calls = excluded.calls, talk = excluded.talk, cost = excluded.cost",
        rows,
    )
    .await
}

pub(crate) async fn any_tenant_delete_old_minutes(tx: &mut Tx, before: i64) -> Result<u64> {
    sql("delete from toll_minute where minute < $1").bind(before).run(tx).await
}

/// Feature codes and emergency numbers of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialling {
    pub(crate) codes: FeatureCodes,
    /// Empty means those of the region.
    pub(crate) emergency: Vec<String>,
}

impl Dialling {
    fn read(codes: String, emergency: String) -> Result<Self> {
        Ok(Self {
            codes: serde_json::from_str(&codes).map_err(|_| unreadable("codes", codes))?,
            emergency: serde_json::from_str(&emergency).map_err(|_| unreadable("emergency", emergency))?,
        })
    }
}

/// Returns the account's codes and emergency numbers, the defaults where it has none.
pub(crate) async fn dialling(tx: &mut Tx, tenant: TenantId) -> Result<Dialling> {
    let found = sql("select codes, emergency from dialling where tenant_id = $1")
        .bind(tenant)
        .first::<(String, String)>(tx)
        .await?;
    found.map_or_else(|| Ok(Dialling::default()), |(codes, emergency)| Dialling::read(codes, emergency))
}

pub(crate) async fn any_tenant_dialling(tx: &mut Tx) -> Result<Vec<(TenantId, Dialling)>> {
    let rows = sql("select tenant_id, codes, emergency from dialling").all::<(TenantId, String, String)>(tx).await?;
    rows.into_iter().map(|(tenant, codes, emergency)| Ok((tenant, Dialling::read(codes, emergency)?))).collect()
}

pub(crate) async fn put_dialling(tx: &mut Tx, tenant: TenantId, dialling: &Dialling, now: Timestamp) -> Result<u64> {
    sql("insert into dialling (tenant_id, codes, emergency, updated_at) values ($1, $2, $3, $4)
         on conflict (tenant_id) do update
            set codes = excluded.codes, emergency = excluded.emergency, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(serde_json::to_string(&dialling.codes).expect("texts and numbers always serialise"))
    .bind(serde_json::to_string(&dialling.emergency).expect("texts always serialise"))
    .bind(now)
    .run(tx)
    .await
}
