//! What operators look at: webhooks with their figures, deliveries with every attempt.

use std::{cmp::Reverse, collections::HashMap};

use domain::{CallId, Principal, TenantId, Timestamp, ids::WebhookId};
use store::Tx;
use uuid::Uuid;

use super::admin;
use crate::{
    Error, Webhooks,
    claimer::KEEP_DAYS,
    model::{Attempt, Delivery, DeliveryDetail, DeliveryStatus, Filter, Status, Webhook},
    sign::delivery_id,
    store::{
        figures::{self, LastHour, Sums},
        history, queue, webhooks,
    },
};

/// A webhook with its figures.
#[derive(Clone, Debug)]
pub struct Overview {
    pub webhook: Webhook,
    pub figures: Figures,
}

/// How a webhook does. Counts are up to ten seconds old.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Attempts of the last hour, and those of them that failed.
    pub attempts_1h: i64,
    pub failed_1h: i64,
    /// `failed_1h` of `attempts_1h`, 0 to 1; `None` without an attempt.
    pub failure_rate_1h: Option<f64>,
    /// Attempts of the last 24 hours.
    pub delivered_24h: i64,
    pub failed_24h: i64,
    pub deadletters_24h: i64,
    /// How long the delivery that waits longest has been due, in seconds; 0 if none is.
    pub oldest_due_seconds: u64,
    pub last_success_at: Option<Timestamp>,
}

/// How the room does, all accounts together.
#[derive(Clone, Debug, Default)]
pub struct RoomHealth {
    /// How long the delivery that waits longest has been due, in seconds; 0 if none is.
    pub oldest_due_seconds: u64,
    pub endpoints: Vec<EndpointHealth>,
}

/// How one webhook does.
#[derive(Clone, Debug)]
pub struct EndpointHealth {
    pub webhook: WebhookId,
    pub tenant: TenantId,
    pub name: String,
    pub status: Status,
    /// Why it is suspended.
    pub reason: Option<String>,
    pub oldest_due_seconds: u64,
    pub attempts_1h: i64,
    /// 0 to 1; `None` without an attempt in the last hour.
    pub failure_rate_1h: Option<f64>,
}

impl Webhooks {
    /// Returns the account's webhooks with their figures, oldest first; `search` is looked for in names and URLs.
    /// An account has 100 at most, so there are no pages.
    pub async fn overview(&self, who: &Principal, search: &str) -> Result<Vec<Overview>, Error> {
        admin(who)?;
        let search = search.trim().to_lowercase();
        let mut tx = self.db.read(who.tenant).await?;
        let webhooks = webhooks::list(&mut tx, who.tenant).await?;
        let sums = figures::sums(&mut tx, who.tenant).await?;
        drop(tx);
        let late = self.late().await?;
        let asked = |webhook: &Webhook| {
            webhook.name.to_lowercase().contains(&search) || webhook.url.to_lowercase().contains(&search)
        };
        Ok(webhooks
            .into_iter()
            .filter(asked)
            .map(|webhook| {
                let sums = sums.iter().find(|sums| sums.webhook_id == webhook.id);
                let oldest = if webhook.status == Status::Active { late.of(webhook.id) } else { 0 };
                let figures = Figures::of(sums, oldest, webhook.last_success_at);
                Overview { webhook, figures }
            })
            .collect())
    }

    /// Returns one webhook with its figures.
    pub async fn show(&self, who: &Principal, id: WebhookId) -> Result<Overview, Error> {
        let all = self.overview(who, "").await?;
        all.into_iter().find(|overview| overview.webhook.id == id).ok_or(Error::NotFound)
    }

    /// Returns deliveries with their payloads, newest first, of the last 30 days. For the next page, put the last
    /// one's time and id into [`Filter::before`].
    pub async fn deliveries(&self, tenant: TenantId, filter: &Filter) -> Result<Vec<Delivery>, Error> {
        let mut tx = self.db.read(tenant).await?;
        let ids = match filter.webhook {
            Some(id) => vec![id],
            None => webhooks::ids(&mut tx, tenant).await?,
        };
        let mut found = match filter.call {
            Some(call) => of_call(&mut tx, tenant, &ids, call, filter).await?,
            None => of_webhooks(&mut tx, tenant, &ids, filter).await?,
        };
        found.sort_by_key(|delivery| Reverse((delivery.created_at, delivery.id)));
        found.truncate(usize::try_from(filter.limit.clamp(1, 200)).unwrap_or(200));
        Ok(found)
    }

    /// Returns a delivery with its payload and every attempt.
    pub async fn delivery(&self, who: &Principal, id: Uuid) -> Result<DeliveryDetail, Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.read(tenant).await?;
        let keys = days_of(id, tx.now());
        let found = history::by_keys(&mut tx, tenant, &keys).await?.pop();
        let pending = history::pending_by_id(&mut tx, tenant, id).await?;
        let (mut found, waits) = match (found, pending) {
            (Some(found), pending) => (found, pending.is_some()),
            (None, Some(pending)) => (pending, true),
            (None, None) => return Err(Error::NotFound),
        };
        let mut attempts = history::attempts(&mut tx, tenant, found.day, id).await?;
        if let Some(last) =
            last_attempt(&found.delivery).filter(|last| attempts.iter().all(|known| known.at != last.at))
        {
            attempts.push(last);
        }
        if waits {
            found.delivery.status = DeliveryStatus::Pending;
        }
        let name = webhooks::name(&mut tx, tenant, found.delivery.webhook).await?;
        Ok(DeliveryDetail { delivery: found.delivery, webhook_name: name, call_uuid: found.call, attempts })
    }

    /// Returns how late the room is and how its endpoints do, of every account: for alerts and metrics.
    pub async fn health(&self) -> Result<RoomHealth, Error> {
        let mut tx = self.db.read_any_tenant().await?;
        let endpoints = figures::any_tenant_endpoints(&mut tx).await?;
        let rates = figures::any_tenant_last_hour(&mut tx).await?;
        drop(tx);
        let late = self.late().await?;
        let endpoints: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| {
                let rate = rates.iter().find(|rate| rate.webhook_id == endpoint.id);
                EndpointHealth {
                    webhook: endpoint.id,
                    tenant: endpoint.tenant_id,
                    name: endpoint.name,
                    oldest_due_seconds: if endpoint.status == Status::Active { late.of(endpoint.id) } else { 0 },
                    status: endpoint.status,
                    reason: endpoint.reason,
                    attempts_1h: rate.map_or(0, LastHour::attempts),
                    failure_rate_1h: rate.and_then(LastHour::failure_rate),
                }
            })
            .collect();
        let oldest = endpoints.iter().map(|endpoint| endpoint.oldest_due_seconds).max();
        Ok(RoomHealth { oldest_due_seconds: oldest.unwrap_or_default(), endpoints })
    }

    /// Since when each webhook's oldest delivery has been due: in the database, and in this process's memory.
    async fn late(&self) -> Result<Late, Error> {
        let mut tx = self.db.read_any_tenant().await?;
        let due = queue::any_tenant_due(&mut tx).await?;
        let now = tx.now();
        drop(tx);
        let mut since = self.room.oldest();
        for row in due {
            let oldest = since.entry(row.webhook_id).or_insert(row.since);
            *oldest = row.since.min(*oldest);
        }
        Ok(Late { since, now })
    }
}

struct Late {
    since: HashMap<WebhookId, Timestamp>,
    now: Timestamp,
}

impl Late {
    /// Seconds.
    fn of(&self, webhook: WebhookId) -> u64 {
        self.since.get(&webhook).map_or(0, |since| self.now.since(*since).as_secs())
    }
}

impl Figures {
    fn of(sums: Option<&Sums>, oldest_due_seconds: u64, last_success_at: Option<Timestamp>) -> Self {
        let Some(sums) = sums else { return Self { oldest_due_seconds, last_success_at, ..Self::default() } };
        let attempts_1h = sums.delivered_1h + sums.failed_1h;
        Self {
            attempts_1h,
            failed_1h: sums.failed_1h,
            failure_rate_1h: figures::rate(sums.failed_1h, attempts_1h),
            delivered_24h: sums.delivered_24h,
            failed_24h: sums.failed_24h,
            deadletters_24h: sums.dead_24h,
            oldest_due_seconds,
            last_success_at,
        }
    }
}

async fn of_webhooks(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[WebhookId],
    filter: &Filter,
) -> Result<Vec<Delivery>, Error> {
    let mut found: Vec<Delivery> = Vec::new();
    for id in ids {
        if matches!(filter.status, None | Some(DeliveryStatus::Pending)) {
            found.extend(history::list_pending(tx, tenant, *id, filter).await?);
        }
        if filter.status != Some(DeliveryStatus::Pending) {
            for delivery in history::list(tx, tenant, *id, filter).await? {
                add(&mut found, delivery);
            }
        }
    }
    Ok(found)
}

/// A call has a few events, and their deliveries are known by their keys.
async fn of_call(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[WebhookId],
    call: CallId,
    filter: &Filter,
) -> Result<Vec<Delivery>, Error> {
    let events = history::events_of_call(tx, tenant, call).await?;
    let pairs = || events.iter().flat_map(|(day, event)| ids.iter().map(move |id| (*day, *event, *id)));
    let queued: Vec<_> = pairs().map(|(_, event, id)| (event, id)).collect();
    let keys: Vec<_> = pairs().map(|(day, event, id)| (day, delivery_id(event, id))).collect();
    let mut found: Vec<_> =
        history::pending_by_keys(tx, tenant, &queued).await?.into_iter().map(|found| found.delivery).collect();
    for other in history::by_keys(tx, tenant, &keys).await? {
        add(&mut found, other.delivery);
    }
    found.retain(|delivery| passes(delivery, filter));
    Ok(found)
}

/// Adds what is not there yet: a replay that waits is in the queue and in the history.
fn add(found: &mut Vec<Delivery>, delivery: Delivery) {
    if !found.iter().any(|other| other.id == delivery.id) {
        found.push(delivery);
    }
}

/// What the database decides otherwise.
fn passes(delivery: &Delivery, filter: &Filter) -> bool {
    let place = (delivery.created_at, delivery.id);
    let text = filter.text.as_deref().unwrap_or_default().trim().to_lowercase();
    filter.status.is_none_or(|status| delivery.status == status)
        && filter.event.as_deref().is_none_or(|event| event.is_empty() || delivery.event == event)
        && filter.from.is_none_or(|from| delivery.created_at >= from)
        && filter.to.is_none_or(|to| delivery.created_at < to)
        && filter.before.is_none_or(|before| place < before)
        && (text.is_empty() || delivery.payload.as_deref().is_some_and(|body| body.to_lowercase().contains(&text)))
}

/// Returns the keys that a delivery may have: one for each day that is kept.
pub(super) fn days_of(id: Uuid, now: Timestamp) -> Vec<(i64, Uuid)> {
    let today = now.day();
    (today - KEEP_DAYS..=today).map(|day| (day, id)).collect()
}

fn last_attempt(delivery: &Delivery) -> Option<Attempt> {
    Some(Attempt {
        at: delivery.attempted_at?,
        duration_ms: delivery.duration_ms.unwrap_or_default(),
        response_status: delivery.response_status,
        response_body: delivery.response_body.clone(),
        error: delivery.error,
    })
}
