//! How the room tells what happens: one occurrence, each of its published names.

use domain::{CallId, Event, EventName, TenantId, Timestamp};
use serde_json::Value;
use store::{Error, Tx};
use uuid::Uuid;

/// Publishes an occurrence under its name and, if it has one, its second name.
pub(crate) async fn publish(
    bus: &bus::Bus,
    tx: &mut Tx,
    tenant: TenantId,
    name: EventName,
    call: Option<CallId>,
    data: &Value,
) -> Result<(), Error> {
    let at = tx.now();
    bus.publish_all(tx, occurrence(tenant, name, call, at, data)).await
}

/// Returns the events of one occurrence.
pub(crate) fn occurrence(
    tenant: TenantId,
    name: EventName,
    call: Option<CallId>,
    at: Timestamp,
    data: &Value,
) -> Vec<Event> {
    let names = [Some(name), name.twin()].into_iter().flatten();
    names.map(|name| Event { id: Uuid::now_v7(), name, tenant, at, call, data: data.to_string() }).collect()
}
