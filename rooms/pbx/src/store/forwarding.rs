//! What extensions want done with their calls.

use domain::TenantId;
use store::{FromRow, Row, Tx, sql};

use super::Result;
use crate::model::Forwarding;

impl FromRow for Forwarding {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            always: row.get("forward_always")?,
            busy: row.get("forward_busy")?,
            no_answer: row.get("forward_no_answer")?,
            offline: row.get("forward_offline")?,
            do_not_disturb: row.get("do_not_disturb")?,
            ring_seconds: row.get("ring_seconds")?,
        })
    }
}

/// Whose forwarding it is.
pub(crate) struct Whose(pub(crate) TenantId, pub(crate) String, pub(crate) Forwarding);

impl FromRow for Whose {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self(row.get("tenant_id")?, row.get("extension_number")?, Forwarding::from_row(row)?))
    }
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<Option<Forwarding>> {
    sql("select forward_always, forward_busy, forward_no_answer, forward_offline, do_not_disturb, ring_seconds
         from extension where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(number)
    .first(tx)
    .await
}

/// Returns what every extension of every account wants that wants anything, for the directory in memory.
pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Whose>> {
    sql("select tenant_id, extension_number, forward_always, forward_busy, forward_no_answer, forward_offline,
            do_not_disturb, ring_seconds
         from extension
         where do_not_disturb or ring_seconds is not null
            or coalesce(forward_always, forward_busy, forward_no_answer, forward_offline) is not null")
    .all(tx)
    .await
}

/// Writes it. Returns whether the extension exists.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, number: &str, wish: &Forwarding) -> Result<bool> {
    let now = tx.now();
    let rows = sql("update extension set forward_always = $3, forward_busy = $4, forward_no_answer = $5,
            forward_offline = $6, do_not_disturb = $7, ring_seconds = $8, updated_at = $9
         where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(number)
    .bind(wish.always.as_deref())
    .bind(wish.busy.as_deref())
    .bind(wish.no_answer.as_deref())
    .bind(wish.offline.as_deref())
    .bind(wish.do_not_disturb)
    .bind(wish.ring_seconds)
    .bind(now)
    .run(tx)
    .await?;
    Ok(rows > 0)
}
