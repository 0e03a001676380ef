//! Every SQL statement of the room.

use domain::{TenantId, Timestamp};
use store::{Error, FromRow, Tx, sql};
use web::{Language, Page};

use crate::model::{Incident, IncidentFilter, Kind, Notice, Phase, Reading, Rule};

#[derive(FromRow)]
struct RuleRow {
    kind: String,
    enabled: bool,
    recipients: String,
    language: String,
    threshold: Option<i64>,
    webhook_url: Option<String>,
    updated_at: Timestamp,
}

impl RuleRow {
    fn rule(self) -> Option<Rule> {
        Some(Rule {
            kind: Kind::parse(&self.kind)?,
            enabled: self.enabled,
            recipients: serde_json::from_str(&self.recipients).unwrap_or_default(),
            language: if self.language == "vi" { Language::Vi } else { Language::En },
            threshold: self.threshold,
            webhook_url: self.webhook_url,
            updated_at: Some(self.updated_at),
        })
    }
}

/// Returns the rules that the account has set.
pub(crate) async fn rules(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Rule>, Error> {
    let rows = sql("select kind, enabled, recipients, language, threshold, webhook_url, updated_at from alert_rule \
                    where tenant_id = $1")
    .bind(tenant)
    .all::<RuleRow>(tx)
    .await?;
    Ok(rows.into_iter().filter_map(RuleRow::rule).collect())
}

pub(crate) async fn rule(tx: &mut Tx, tenant: TenantId, kind: Kind) -> Result<Rule, Error> {
    let row = sql("select kind, enabled, recipients, language, threshold, webhook_url, updated_at from alert_rule \
                   where tenant_id = $1 and kind = $2")
    .bind(tenant)
    .bind(kind.as_str())
    .first::<RuleRow>(tx)
    .await?;
    Ok(row.and_then(RuleRow::rule).unwrap_or_else(|| Rule::unset(kind)))
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Limit {
    pub(crate) tenant_id: TenantId,
    pub(crate) enabled: bool,
    pub(crate) threshold: Option<i64>,
}

/// Returns when a kind fires, for the accounts that have set it.
pub(crate) async fn any_tenant_limits(tx: &mut Tx, kind: Kind) -> Result<Vec<Limit>, Error> {
    sql("select tenant_id, enabled, threshold from alert_rule where kind = $1").bind(kind.as_str()).all(tx).await
}

pub(crate) async fn set_rule(tx: &mut Tx, tenant: TenantId, rule: &Rule) -> Result<(), Error> {
    let recipients = serde_json::to_string(&rule.recipients)?;
    let now = tx.now();
    sql("insert into alert_rule (tenant_id, kind, enabled, recipients, language, threshold, webhook_url, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant_id, kind) do update set \
         enabled = excluded.enabled, recipients = excluded.recipients, language = excluded.language, \
         threshold = excluded.threshold, webhook_url = excluded.webhook_url, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(rule.kind.as_str())
    .bind(rule.enabled)
    .bind(recipients)
    .bind(if rule.language == Language::Vi { "vi" } else { "en" })
    .bind(rule.threshold)
    .bind(rule.webhook_url.clone())
    .bind(now)
    .run(tx)
    .await
    .map(|_| ())
}

/// Replaces the sealed secret; `None` removes it.
pub(crate) async fn set_secret(
    tx: &mut Tx,
    tenant: TenantId,
    kind: Kind,
    sealed: Option<Vec<u8>>,
) -> Result<bool, Error> {
    let changed = sql("update alert_rule set webhook_secret = $1 where tenant_id = $2 and kind = $3")
        .bind(sealed)
        .bind(tenant)
        .bind(kind.as_str())
        .run(tx)
        .await?;
    Ok(changed == 1)
}

/// Returns the sealed secret of a rule.
pub(crate) async fn secret(tx: &mut Tx, tenant: TenantId, kind: Kind) -> Result<Option<Vec<u8>>, Error> {
    let row = sql("select webhook_secret from alert_rule where tenant_id = $1 and kind = $2")
        .bind(tenant)
        .bind(kind.as_str())
        .first::<(Option<Vec<u8>>,)>(tx)
        .await?;
    Ok(row.and_then(|row| row.0))
}

/// Finds the account of that name.
pub(crate) async fn any_tenant_account(tx: &mut Tx, name: &str) -> Result<Option<TenantId>, Error> {
    let row = sql("select id from tenant where name = $1 order by id limit 1").bind(name).first::<(TenantId,)>(tx);
    Ok(row.await?.map(|row| row.0))
}

/// Returns an account's name and time zone.
pub(crate) async fn account(tx: &mut Tx, tenant: TenantId) -> Result<(String, String), Error> {
    let row = sql("select name, timezone from tenant where id = $1").bind(tenant).first(tx).await?;
    Ok(row.unwrap_or_else(|| (String::new(), "UTC".to_owned())))
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Open {
    pub(crate) id: i64,
    pub(crate) tenant_id: TenantId,
    pub(crate) subject: String,
    pub(crate) well_since: Option<Timestamp>,
    pub(crate) remind_at: Timestamp,
}

/// Returns the open incidents of a kind that this node looks after, or any node does.
pub(crate) async fn any_tenant_open(tx: &mut Tx, kind: Kind, node: &str) -> Result<Vec<Open>, Error> {
    sql("select id, tenant_id, subject, well_since, remind_at from alert_incident \
         where kind = $1 and node = $2 and resolved_at is null order by id")
    .bind(kind.as_str())
    .bind(node)
    .all(tx)
    .await
}

/// Opens an incident; `None` if the subject has an open one.
pub(crate) async fn open_incident(
    tx: &mut Tx,
    tenant: TenantId,
    kind: Kind,
    node: &str,
    reading: &Reading,
    threshold: Option<i64>,
    remind_at: Timestamp,
) -> Result<Option<i64>, Error> {
    let now = tx.now();
    let row = sql("insert into alert_incident (tenant_id, kind, subject, name, node, value, threshold, opened_at, \
                   remind_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                   on conflict (tenant_id, kind, subject, node) where resolved_at is null do nothing returning id")
    .bind(tenant)
    .bind(kind.as_str())
    .bind(&reading.subject)
    .bind(&reading.name)
    .bind(node)
    .bind(reading.value)
    .bind(threshold)
    .bind(now)
    .bind(remind_at)
    .first::<(i64,)>(tx)
    .await?;
    Ok(row.map(|row| row.0))
}

/// Notes since when an open incident is well, or that it is not.
pub(crate) async fn set_well_since(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    since: Option<Timestamp>,
) -> Result<(), Error> {
    sql("update alert_incident set well_since = $1 where tenant_id = $2 and id = $3 and resolved_at is null")
        .bind(since)
        .bind(tenant)
        .bind(id)
        .run(tx)
        .await
        .map(|_| ())
}

/// Resolves an incident; `false` if it was resolved already.
pub(crate) async fn resolve(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool, Error> {
    let now = tx.now();
    let changed =
        sql("update alert_incident set resolved_at = $1 where tenant_id = $2 and id = $3 and resolved_at is null")
            .bind(now)
            .bind(tenant)
            .bind(id)
            .run(tx)
            .await?;
    Ok(changed == 1)
}

/// Moves the next reminder; `false` if somebody else did.
pub(crate) async fn set_reminder(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    due: Timestamp,
    next: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("update alert_incident set remind_at = $1 \
                       where tenant_id = $2 and id = $3 and remind_at = $4 and resolved_at is null")
    .bind(next)
    .bind(tenant)
    .bind(id)
    .bind(due)
    .run(tx)
    .await?;
    Ok(changed == 1)
}

#[derive(FromRow)]
struct IncidentRow {
    id: i64,
    kind: String,
    subject: String,
    name: String,
    value: i64,
    threshold: Option<i64>,
    opened_at: Timestamp,
    resolved_at: Option<Timestamp>,
}

impl IncidentRow {
    fn incident(self) -> Option<Incident> {
        Some(Incident {
            id: self.id,
            kind: Kind::parse(&self.kind)?,
            subject: self.subject,
            name: self.name,
            value: self.value,
            threshold: self.threshold,
            opened_at: self.opened_at,
            resolved_at: self.resolved_at,
        })
    }
}

pub(crate) async fn incident(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Incident>, Error> {
    let row = sql("select id, kind, subject, name, value, threshold, opened_at, resolved_at from alert_incident \
                   where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first::<IncidentRow>(tx)
    .await?;
    Ok(row.and_then(IncidentRow::incident))
}

/// Returns a page of the account's incidents, newest first.
pub(crate) async fn incidents(
    tx: &mut Tx,
    tenant: TenantId,
    filter: IncidentFilter,
    page: Page,
) -> Result<Vec<Incident>, Error> {
    let rows = sql("select id, kind, subject, name, value, threshold, opened_at, resolved_at from alert_incident \
                    where tenant_id = $1 and ($2 = '' or kind = $2) and ($3 = 0 or resolved_at is null) \
                    order by id desc limit $4 offset $5")
    .bind(tenant)
    .bind(filter.kind.map_or("", Kind::as_str))
    .bind(i64::from(filter.open_only))
    .bind(page.limit())
    .bind(page.offset())
    .all::<IncidentRow>(tx)
    .await?;
    Ok(rows.into_iter().filter_map(IncidentRow::incident).collect())
}

pub(crate) async fn count_incidents(tx: &mut Tx, tenant: TenantId, filter: IncidentFilter) -> Result<i64, Error> {
    let row = sql("select count(*) from alert_incident \
                   where tenant_id = $1 and ($2 = '' or kind = $2) and ($3 = 0 or resolved_at is null)")
    .bind(tenant)
    .bind(filter.kind.map_or("", Kind::as_str))
    .bind(i64::from(filter.open_only))
    .one::<(i64,)>(tx)
    .await?;
    Ok(row.0)
}

pub(crate) async fn notices(tx: &mut Tx, tenant: TenantId, incident: i64) -> Result<Vec<Notice>, Error> {
    sql("select id, phase, channel, target, state, detail, at from alert_notice \
         where tenant_id = $1 and incident_id = $2 order by id")
    .bind(tenant)
    .bind(incident)
    .all(tx)
    .await
}

/// Returns a notice with its incident's id.
pub(crate) async fn notice(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<(i64, Notice)>, Error> {
    let row = sql("select incident_id from alert_notice where tenant_id = $1 and id = $2").bind(tenant).bind(id);
    let Some((incident,)) = row.first::<(i64,)>(tx).await? else { return Ok(None) };
    let notice = notices(tx, tenant, incident).await?.into_iter().find(|notice| notice.id == id);
    Ok(notice.map(|notice| (incident, notice)))
}

/// Notes that somebody is to be told; returns the notice's id.
pub(crate) async fn insert_notice(
    tx: &mut Tx,
    tenant: TenantId,
    incident: i64,
    phase: Phase,
    channel: &str,
    target: &str,
) -> Result<i64, Error> {
    let now = tx.now();
    let row = sql("insert into alert_notice (tenant_id, incident_id, phase, channel, target, state, detail, at) \
                   values ($1, $2, $3, $4, $5, 'waiting', '', $6) returning id")
    .bind(tenant)
    .bind(incident)
    .bind(phase.as_str())
    .bind(channel)
    .bind(target)
    .bind(now)
    .one::<(i64,)>(tx)
    .await?;
    Ok(row.0)
}

pub(crate) async fn set_notice(tx: &mut Tx, tenant: TenantId, id: i64, state: &str, detail: &str) -> Result<(), Error> {
    sql("update alert_notice set state = $1, detail = $2 where tenant_id = $3 and id = $4")
        .bind(state)
        .bind(detail)
        .bind(tenant)
        .bind(id)
        .run(tx)
        .await
        .map(|_| ())
}

/// Deletes some of the incidents that were resolved before a time; returns how many.
pub(crate) async fn any_tenant_delete_old(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    sql("delete from alert_incident where id in (select id from alert_incident where resolved_at < $1 \
         order by resolved_at limit $2)")
    .bind(before)
    .bind(limit)
    .run(tx)
    .await
}
