//! What the account's own numbers lead to.

use domain::TenantId;
use store::{Tx, sql};

use super::Result;

/// What has a number that phones of the account dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Extension,
    Queue(i64),
    Menu(i64),
    RingGroup(i64),
}

/// Returns everything that has that number.
pub(crate) async fn holders(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<Vec<Holder>> {
    let rows: Vec<(i64, i64)> =
        sql("select cast(1 as bigint), cast(0 as bigint) from extension where tenant_id = $1 and extension_number = $2
         union all select cast(2 as bigint), id from queue where tenant_id = $1 and queue_number = $2
         union all select cast(3 as bigint), id from menu where tenant_id = $1 and number = $2
         union all select cast(4 as bigint), id from ring_group where tenant_id = $1 and number = $2")
        .bind(tenant)
        .bind(number)
        .all(tx)
        .await?;
    let holder = |(kind, id): (i64, i64)| match kind {
        1 => Holder::Extension,
        2 => Holder::Queue(id),
        3 => Holder::Menu(id),
        _ => Holder::RingGroup(id),
    };
    Ok(rows.into_iter().map(holder).collect())
}
