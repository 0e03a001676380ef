//! The loop that asks the sources and keeps the incidents.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
    time::Duration,
};

use ::store::{Error, Tx, jobs};
use domain::{Event, EventName, TenantId, Timestamp};
use futures_util::future::BoxFuture;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::{
    Alerts,
    jobs::{KIND, Payload},
    model::{Kind, Phase, Reading},
    store::{self, Limit, Open},
    text,
};

/// How long a source may think.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before people are told again of what is still wrong.
const REMIND_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// Open incidents of one kind in one account; beyond them it is one great trouble and not many.
const OPEN_LIMIT: usize = 100;
/// How long resolved incidents are kept.
const KEEP: Duration = Duration::from_secs(365 * 86_400);
/// Looks between two rounds of deleting.
const CLEAN_EVERY: u64 = 240;
const CLEAN_BATCH: i64 = 500;

/// What is asked for readings of a kind.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) kind: Kind,
    pub(crate) look: Look,
}

type Look = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<Reading>, String>> + Send + Sync>;

/// What has to be written down after a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Open {
        tenant: TenantId,
        reading: Reading,
        threshold: Option<i64>,
    },
    /// Open and well, or open and ill again.
    Well {
        tenant: TenantId,
        id: i64,
        since: Option<Timestamp>,
    },
    Resolve {
        tenant: TenantId,
        id: i64,
    },
    Remind {
        tenant: TenantId,
        id: i64,
        due: Timestamp,
    },
    /// Its rule is off: end it and tell nobody.
    Close {
        tenant: TenantId,
        id: i64,
    },
}

pub(crate) async fn run(alerts: &Alerts) {
    let mut interval = tokio::time::interval(alerts.config.check_every.max(Duration::from_millis(10)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks: u64 = 0;
    loop {
        interval.tick().await;
        alerts.look().await;
        if looks.is_multiple_of(CLEAN_EVERY)
            && let Err(error) = alerts.clean().await
        {
            tracing::warn!(%error, "old incidents could not be deleted");
        }
        looks += 1;
    }
}

impl Alerts {
    /// Asks every source once.
    pub(crate) async fn look(&self) {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for source in sources {
            let kind = source.kind.as_str();
            let readings = match tokio::time::timeout(PATIENCE, (source.look)()).await {
                Ok(Ok(readings)) => readings,
                Ok(Err(reason)) if reason == crate::NOT_YET => continue,
                Ok(Err(reason)) => {
                    tracing::warn!(kind, reason, "a source of alerts has nothing to say");
                    continue;
                }
                Err(_) => {
                    tracing::warn!(kind, "a source of alerts does not answer");
                    continue;
                }
            };
            if let Err(error) = self.compare(source.kind, readings).await {
                tracing::warn!(kind, %error, "alerts could not be kept");
            }
        }
    }

    async fn compare(&self, kind: Kind, readings: Vec<Reading>) -> Result<(), Error> {
        let mut tx = self.db.read_any_tenant().await?;
        let host = match kind.is_of_host() {
            true => store::any_tenant_account(&mut tx, &self.config.host_account).await?,
            false => None,
        };
        let limits = store::any_tenant_limits(&mut tx, kind).await?;
        let open = store::any_tenant_open(&mut tx, kind, self.node(kind)).await?;
        let now = tx.now();
        drop(tx);
        for change in decide(kind, &limits, &open, readings, host, now, self.config.settle) {
            self.write_down(kind, change).await?;
        }
        Ok(())
    }

    /// Returns the node whose business a kind is: each has its own disks and certificate.
    fn node(&self, kind: Kind) -> &str {
        if kind.is_of_host() { &self.config.node } else { "" }
    }

    async fn write_down(&self, kind: Kind, change: Change) -> Result<(), Error> {
        match change {
            Change::Open { tenant, reading, threshold } => {
                let mut tx = self.db.begin(tenant).await?;
                let remind_at = tx.now().after(REMIND_AFTER);
                let node = self.node(kind);
                let opened = store::open_incident(&mut tx, tenant, kind, node, &reading, threshold, remind_at).await?;
                let Some(id) = opened else { return Ok(()) };
                self.tell(&mut tx, tenant, kind, id, Phase::Raised).await?;
                tx.commit().await?;
                tracing::warn!(kind = kind.as_str(), tenant.id = tenant.0, incident = id, "an alert was raised");
            }
            Change::Well { tenant, id, since } => {
                let mut tx = self.db.begin(tenant).await?;
                store::set_well_since(&mut tx, tenant, id, since).await?;
                tx.commit().await?;
            }
            Change::Resolve { tenant, id } => {
                let mut tx = self.db.begin(tenant).await?;
                if !store::resolve(&mut tx, tenant, id).await? {
                    return Ok(());
                }
                self.tell(&mut tx, tenant, kind, id, Phase::Resolved).await?;
                tx.commit().await?;
                tracing::info!(kind = kind.as_str(), tenant.id = tenant.0, incident = id, "an alert was resolved");
            }
            Change::Remind { tenant, id, due } => {
                let mut tx = self.db.begin(tenant).await?;
                let next = tx.now().after(REMIND_AFTER);
                if !store::set_reminder(&mut tx, tenant, id, due, next).await? {
                    return Ok(());
                }
                self.tell(&mut tx, tenant, kind, id, Phase::Reminder).await?;
                tx.commit().await?;
            }
            Change::Close { tenant, id } => {
                let mut tx = self.db.begin(tenant).await?;
                store::resolve(&mut tx, tenant, id).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Notes whom the rule wants told, with a job for each, and publishes the event.
    async fn tell(&self, tx: &mut Tx, tenant: TenantId, kind: Kind, id: i64, phase: Phase) -> Result<(), Error> {
        let rule = store::rule(tx, tenant, kind).await?;
        let now = tx.now();
        let mail = rule.recipients.iter().map(|address| ("mail", address));
        let targets = mail.chain(rule.webhook_url.iter().map(|url| ("webhook", url)));
        for (channel, target) in targets {
            let notice = store::insert_notice(tx, tenant, id, phase, channel, target).await?;
            jobs::add(tx, KIND, &Payload { notice, id: Uuid::new_v4() }, now).await?;
        }
        let Some(incident) = store::incident(tx, tenant, id).await? else { return Err(Error::NotFound) };
        metrics::counter!("alerts_total", "kind" => kind.as_str(), "phase" => phase.as_str()).increment(1);
        self.bus.publish(tx, event(tenant, &incident, phase, now, Uuid::now_v7())).await
    }

    /// Deletes incidents that were resolved long ago, in short transactions.
    pub(crate) async fn clean(&self) -> Result<(), Error> {
        loop {
            let mut tx = self.db.begin_any_tenant().await?;
            let before =
                Timestamp::from_millis(tx.now().millis() - i64::try_from(KEEP.as_millis()).unwrap_or_default());
            let deleted = store::any_tenant_delete_old(&mut tx, before, CLEAN_BATCH).await?;
            tx.commit().await?;
            if deleted < CLEAN_BATCH.unsigned_abs() {
                return Ok(());
            }
        }
    }
}

/// Returns the event that tells of an incident; the same for the same arguments.
pub(crate) fn event(tenant: TenantId, incident: &crate::Incident, phase: Phase, at: Timestamp, id: Uuid) -> Event {
    let name = match phase {
        Phase::Raised | Phase::Reminder => EventName::AlertRaised,
        Phase::Resolved => EventName::AlertResolved,
    };
    Event { id, name, tenant, at, call: None, data: text::data(incident, phase).to_string() }
}

/// Compares what is seen with what is open. The order is that of the readings, then of the incidents.
pub(crate) fn decide(
    kind: Kind,
    limits: &[Limit],
    open: &[Open],
    readings: Vec<Reading>,
    host: Option<TenantId>,
    now: Timestamp,
    settle: Duration,
) -> Vec<Change> {
    let limits: HashMap<_, _> = limits.iter().map(|limit| (limit.tenant_id, limit)).collect();
    let is_on = |tenant: &TenantId| limits.get(tenant).is_none_or(|limit| limit.enabled);
    let mut counts: HashMap<TenantId, usize> = HashMap::new();
    for incident in open {
        *counts.entry(incident.tenant_id).or_default() += 1;
    }
    let is_open: HashSet<_> = open.iter().map(|incident| (incident.tenant_id, incident.subject.as_str())).collect();
    let mut ill = HashSet::new();
    let mut changes = Vec::new();
    for reading in readings {
        let tenant = if kind.is_of_host() { host } else { reading.tenant };
        let Some(tenant) = tenant.filter(is_on) else { continue };
        let threshold = limits.get(&tenant).and_then(|limit| limit.threshold);
        if !kind.fires(reading.value, threshold) || !ill.insert((tenant, reading.subject.clone())) {
            continue;
        }
        let count = counts.entry(tenant).or_default();
        if !is_open.contains(&(tenant, reading.subject.as_str())) && *count < OPEN_LIMIT {
            *count += 1;
            let threshold = kind.threshold().map(|own| threshold.unwrap_or(own.default));
            changes.push(Change::Open { tenant, reading, threshold });
        }
    }
    for incident in open {
        let Open { id, tenant_id: tenant, well_since, remind_at, .. } = *incident;
        if !is_on(&tenant) {
            changes.push(Change::Close { tenant, id });
        } else if ill.contains(&(tenant, incident.subject.clone())) {
            if well_since.is_some() {
                changes.push(Change::Well { tenant, id, since: None });
            }
            if remind_at <= now {
                changes.push(Change::Remind { tenant, id, due: remind_at });
            }
        } else {
            match well_since {
                Some(since) if now.since(since) >= settle => changes.push(Change::Resolve { tenant, id }),
                Some(_) => {}
                None if settle.is_zero() => changes.push(Change::Resolve { tenant, id }),
                None => changes.push(Change::Well { tenant, id, since: Some(now) }),
            }
        }
    }
    changes
}
