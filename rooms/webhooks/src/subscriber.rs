//! Deliveries are born here: in the transaction of what happened.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use bus::{BoxFuture, Subscriber};
use bytes::Bytes;
use domain::{Event, TenantId, ids::WebhookId};
use store::{Error, Tx};
use tokio::sync::mpsc;

use crate::{
    driver::Input,
    item::Item,
    model::DeliveryStatus,
    room::{Room, Spill},
    sign::delivery_id,
    store::{
        history::{self, Record},
        queue::{self, Queued},
    },
};

/// Queues each published event for the webhooks that asked for it.
pub(crate) struct Producer {
    pub(crate) node: String,
    pub(crate) room: Arc<Room>,
    pub(crate) inbox: mpsc::Sender<Input>,
}

impl Subscriber for Producer {
    fn in_transaction<'a>(&'a self, tx: &'a mut Tx, events: &'a [Event]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for events in events.chunk_by(|a, b| a.tenant == b.tenant) {
                if let Some(first) = events.first() {
                    self.queue(tx, first.tenant, events).await?;
                }
            }
            Ok(())
        })
    }
}

impl Producer {
    async fn queue(&self, tx: &mut Tx, tenant: TenantId, events: &[Event]) -> Result<(), Error> {
        let node = self.room.is_open().then_some(self.node.as_str());
        let mut queued = queue::insert(tx, tenant, events, node).await?;
        if queued.is_empty() {
            return Ok(());
        }
        // `returning` promises no order; the events' is the order of what happened.
        let places: HashMap<_, _> = events.iter().enumerate().map(|(place, event)| (event.id, place)).collect();
        queued.sort_by_key(|row| places.get(&row.event_id).copied());
        let (mut held, mut items, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for row in queued {
            let Some(event) = places.get(&row.event_id).and_then(|place| events.get(*place)) else { continue };
            if row.held {
                held.push((event, row.webhook_id));
            } else if let (Some(_), Some(seat)) = (node, self.room.admit(row.webhook_id)) {
                items.push(item(tx, event, &row, seat));
            } else {
                left.push((row.event_id, row.webhook_id));
            }
        }
        if !held.is_empty() {
            skip(tx, tenant, &held).await?;
        }
        self.leave(tx, left, node).await?;
        if !items.is_empty() {
            let inbox = self.inbox.clone();
            tx.after_commit(move || {
                // Never full: there are fewer seats than places. Closed: the next start takes the rows over.
                if inbox.try_send(Input::Items(items)).is_err() {
                    tracing::warn!("deliveries were not handed over and wait for the next start");
                }
            });
        }
        Ok(())
    }

    /// Leaves rows for the claimer.
    async fn leave(&self, tx: &mut Tx, left: Vec<queue::Key>, node: Option<&str>) -> Result<(), Error> {
        if left.is_empty() {
            return Ok(());
        }
        if let Some(node) = node {
            let now = tx.now();
            let rows: Vec<_> = left.iter().map(|key| (*key, 0, now)).collect();
            queue::any_tenant_release(tx, node, &rows).await?;
        }
        let mut spills: HashMap<WebhookId, Spill> = HashMap::new();
        for (_, webhook) in left {
            spills.entry(webhook).or_insert_with(|| self.room.spill(webhook));
        }
        tx.after_commit(move || drop(spills));
        Ok(())
    }
}

fn item(tx: &Tx, event: &Event, row: &Queued, seat: crate::room::Seat) -> Item {
    Item {
        event_id: event.id,
        webhook: row.webhook_id,
        tenant: event.tenant,
        day: event.at.day(),
        version: row.version,
        attempt: 0,
        due_at: tx.now(),
        created_at: tx.now(),
        call: event.call,
        event: Cow::Borrowed(event.name.as_str()),
        body: Some(Bytes::from(event.body())),
        seat,
    }
}

/// Records deliveries of webhooks that are not active, for a later replay.
async fn skip(tx: &mut Tx, tenant: TenantId, held: &[(&Event, WebhookId)]) -> Result<(), Error> {
    let keys: Vec<_> = held.iter().map(|(event, webhook)| (event.id, *webhook)).collect();
    queue::delete_held(tx, tenant, &keys).await?;
    let created_at = tx.now();
    let records = held
        .iter()
        .map(|(event, webhook)| Record {
            day: event.at.day(),
            id: delivery_id(event.id, *webhook),
            tenant,
            webhook: *webhook,
            event_id: event.id,
            event: event.name.as_str().to_owned(),
            status: DeliveryStatus::Skipped,
            created_at,
            attempt: None,
            next_attempt_at: None,
        })
        .collect();
    history::any_tenant_write(tx, records).await?;
    Ok(())
}
