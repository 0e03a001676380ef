//! How webhooks do, counted in slots of five minutes.

use domain::{TenantId, Timestamp, ids::WebhookId};
use store::{Error, FromRow, Tx, Value, insert_many, many, sql};

use crate::{model::Status, pulse::Beat};

/// Milliseconds of a slot.
const SLOT: i64 = 300_000;
const SLOTS_OF_AN_HOUR: i64 = 12;
const SLOTS_OF_A_DAY: i64 = 288;
/// Slots that are kept: two days.
const SLOTS_KEPT: i64 = 2 * SLOTS_OF_A_DAY;

/// Attempts of the last hour.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct LastHour {
    pub(crate) webhook_id: WebhookId,
    pub(crate) delivered: i64,
    pub(crate) failed: i64,
}

/// Attempts of the last hour and the last day.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct Sums {
    pub(crate) webhook_id: WebhookId,
    pub(crate) delivered_1h: i64,
    pub(crate) failed_1h: i64,
    pub(crate) delivered_24h: i64,
    pub(crate) failed_24h: i64,
    pub(crate) dead_24h: i64,
}

/// A webhook of any account.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Endpoint {
    pub(crate) id: WebhookId,
    pub(crate) tenant_id: TenantId,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
}

impl LastHour {
    pub(crate) const fn attempts(&self) -> i64 {
        self.delivered + self.failed
    }

    pub(crate) fn failure_rate(&self) -> Option<f64> {
        rate(self.failed, self.attempts())
    }
}

/// Returns the share; `None` of nothing.
pub(crate) fn rate(failed: i64, attempts: i64) -> Option<f64> {
    (attempts > 0).then(|| failed as f64 / attempts as f64)
}

/// Adds to the slot of now.
pub(crate) async fn any_tenant_add(tx: &mut Tx, beats: &[(WebhookId, Beat)]) -> Result<u64, Error> {
    let slot = slot(tx.now());
    let rows = beats
        .iter()
        .map(|(webhook, beat)| {
            vec![
                Value::from(*webhook),
                Value::from(slot),
                Value::from(beat.tenant),
                Value::from(beat.delivered),
                Value::from(beat.failed),
                Value::from(beat.dead),
            ]
        })
        .collect();
    insert_many(
        tx,
        "insert into webhook_tally (webhook_id, slot, tenant_id, delivered, failed, dead) values",
        "on conflict (webhook_id, slot) do update set delivered = webhook_tally.delivered + excluded.delivered, \
         failed = webhook_tally.failed + excluded.failed, dead = webhook_tally.dead + excluded.dead",
        rows,
    )
    .await
}

/// Notes when webhooks last succeeded and failed.
pub(crate) async fn any_tenant_touch(tx: &mut Tx, beats: &[(WebhookId, Beat)]) -> Result<u64, Error> {
    let rows = beats
        .iter()
        .map(|(webhook, beat)| vec![Value::from(*webhook), Value::from(beat.success_at), Value::from(beat.failure_at)])
        .collect();
    many(
        tx,
        "update webhook set last_success_at = coalesce(v.column2, last_success_at), \
         last_failure_at = coalesce(v.column3, last_failure_at) from (values",
        ") as v where webhook.id = v.column1",
        rows,
    )
    .await
}

/// Returns the attempts of the last hour of every webhook that had some.
pub(crate) async fn any_tenant_last_hour(tx: &mut Tx) -> Result<Vec<LastHour>, Error> {
    let first = slot(tx.now()) - SLOTS_OF_AN_HOUR;
    sql("select w.id as webhook_id, cast(sum(t.delivered) as bigint) as delivered, \
         cast(sum(t.failed) as bigint) as failed from webhook w \
         join webhook_tally t on t.webhook_id = w.id and t.slot > $1 group by w.id")
    .bind(first)
    .all::<LastHour>(tx)
    .await
}

/// Returns the figures of an account's webhooks that had attempts within a day.
pub(crate) async fn sums(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Sums>, Error> {
    let now = slot(tx.now());
    sql("select w.id as webhook_id, \
         cast(sum(case when t.slot > $1 then t.delivered else 0 end) as bigint) as delivered_1h, \
         cast(sum(case when t.slot > $1 then t.failed else 0 end) as bigint) as failed_1h, \
         cast(sum(t.delivered) as bigint) as delivered_24h, cast(sum(t.failed) as bigint) as failed_24h, \
         cast(sum(t.dead) as bigint) as dead_24h from webhook w \
         join webhook_tally t on t.webhook_id = w.id and t.slot > $2 where w.tenant_id = $3 group by w.id")
    .bind(now - SLOTS_OF_AN_HOUR)
    .bind(now - SLOTS_OF_A_DAY)
    .bind(tenant)
    .all::<Sums>(tx)
    .await
}

/// Returns every webhook.
pub(crate) async fn any_tenant_endpoints(tx: &mut Tx) -> Result<Vec<Endpoint>, Error> {
    sql("select id, tenant_id, name, status, reason from webhook order by id").all::<Endpoint>(tx).await
}

/// Deletes slots that nobody looks at any more.
pub(crate) async fn any_tenant_forget(tx: &mut Tx) -> Result<u64, Error> {
    let before = slot(tx.now()) - SLOTS_KEPT;
    sql("delete from webhook_tally where slot < $1").bind(before).run(tx).await
}

const fn slot(at: Timestamp) -> i64 {
    at.millis().div_euclid(SLOT)
}
