//! Deliveries are born here: in the transaction of what happened.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use bus::{BoxFuture, Subscriber};
use bytes::Bytes;
use domain::{CallId, Event, EventName, TenantId, ids::WebhookId};
use store::{Error, Tx};
use uuid::Uuid;

use crate::{
    driver::Input,
    filter::{EventFilter, Traits},
    inbox::Inbox,
    item::Item,
    kind::Kind,
    model::{DeliveryStatus, Status},
    room::{Room, Seat, Spill},
    sign::delivery_id,
    store::{
        history::{self, Record},
        queue::{self, Queued},
        webhooks::{self, Subscription},
    },
};

/// Queues each published event for the webhooks that asked for it.
pub(crate) struct Producer {
    pub(crate) node: String,
    pub(crate) room: Arc<Room>,
    pub(crate) inbox: Arc<Inbox>,
}

/// Something to be told that is no event of the catalogue, with a body of its own.
pub(crate) struct Parcel {
    pub(crate) id: Uuid,
    /// `X-Zorio-Event`, and what the history calls it.
    pub(crate) name: &'static str,
    pub(crate) call: Option<CallId>,
    /// The body, byte for byte.
    pub(crate) body: String,
}

/// What is delivered to whom.
struct Pair<'a> {
    letter: Letter<'a>,
    to: &'a Subscription,
}

/// What is delivered, event or parcel.
#[derive(Clone)]
struct Letter<'a> {
    id: Uuid,
    day: i64,
    name: &'static str,
    call: Option<CallId>,
    text: Text<'a>,
}

#[derive(Clone)]
enum Text<'a> {
    Event(&'a Event),
    Own(&'a str),
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
    /// The subscriptions are read in the event's transaction: a webhook that was committed before misses nothing.
    async fn queue(&self, tx: &mut Tx, tenant: TenantId, events: &[Event]) -> Result<(), Error> {
        let mut names: Vec<EventName> = events.iter().map(|event| event.name).collect();
        names.sort_unstable();
        names.dedup();
        let subscriptions = webhooks::subscriptions(tx, tenant, &names).await?;
        let filters: Vec<_> = subscriptions.iter().map(|s| EventFilter::from_stored(s.filter.as_deref())).collect();
        let mut pairs = Vec::new();
        for event in events {
            let asked = subscriptions.iter().zip(&filters).filter(|(s, _)| s.event == event.name.as_str());
            let mut traits = None;
            for (to, filter) in asked {
                // Only if somebody filters is the data read.
                if filter.is_empty() || filter.passes(traits.get_or_insert_with(|| Traits::of(&event.data))) {
                    pairs.push(Pair { letter: Letter::event(event), to });
                }
            }
        }
        self.hand_over(tx, tenant, pairs).await
    }

    /// Queues something with a body of its own for the account's webhooks of a kind, whatever they subscribed to.
    pub(crate) async fn post(&self, tx: &mut Tx, tenant: TenantId, kind: Kind, parcel: Parcel) -> Result<(), Error> {
        let subscriptions = webhooks::of_kind(tx, tenant, kind).await?;
        if subscriptions.is_empty() {
            return Ok(());
        }
        queue::insert_parcel(tx, tenant, &parcel).await?;
        let day = tx.now().day();
        let Parcel { id, name, call, body } = &parcel;
        let letter = Letter { id: *id, day, name, call: *call, text: Text::Own(body) };
        let pairs = subscriptions.iter().map(|to| Pair { letter: letter.clone(), to }).collect();
        self.hand_over(tx, tenant, pairs).await
    }

    /// Writes the pairs into the queue, or into the history if their webhook is not active, and takes as many into
    /// memory as there is room for.
    async fn hand_over(&self, tx: &mut Tx, tenant: TenantId, pairs: Vec<Pair<'_>>) -> Result<(), Error> {
        if pairs.is_empty() {
            return Ok(());
        }
        let (mut skipped, mut rows, mut items) = (Vec::new(), Vec::with_capacity(pairs.len()), Vec::new());
        let mut spills: HashMap<WebhookId, Spill> = HashMap::new();
        let mut bodies: HashMap<Uuid, Bytes> = HashMap::new();
        for Pair { letter, to } in &pairs {
            if to.status != Status::Active {
                skipped.push(skip(tx, tenant, letter, to.webhook_id));
                continue;
            }
            let seat = self.room.admit(to.webhook_id);
            rows.push(Queued {
                event_id: letter.id,
                webhook: to.webhook_id,
                day: letter.day,
                version: to.version,
                leased: seat.is_some(),
            });
            match seat {
                Some(seat) => {
                    let body = bodies.entry(letter.id).or_insert_with(|| letter.body()).clone();
                    items.push(item(tx, tenant, letter, to, body, seat));
                }
                None => {
                    spills.entry(to.webhook_id).or_insert_with(|| self.room.spill(to.webhook_id));
                }
            }
        }
        if !skipped.is_empty() {
            history::any_tenant_write(tx, skipped).await?;
        }
        if !rows.is_empty() {
            queue::insert(tx, tenant, &self.node, &rows).await?;
        }
        let inbox = Arc::clone(&self.inbox);
        tx.after_commit(move || {
            drop(spills);
            // Never full: there are fewer seats than places. Closed: the next start takes the rows over.
            if !items.is_empty() && !inbox.send(Input::Items(items)) {
                tracing::warn!("deliveries were not handed over and wait for the next start");
            }
        });
        Ok(())
    }
}

impl<'a> Letter<'a> {
    fn event(event: &'a Event) -> Self {
        let name = event.name.as_str();
        Self { id: event.id, day: event.at.day(), name, call: event.call, text: Text::Event(event) }
    }

    fn body(&self) -> Bytes {
        match self.text {
            Text::Event(event) => Bytes::from(event.body()),
            Text::Own(body) => Bytes::copy_from_slice(body.as_bytes()),
        }
    }
}

fn item(tx: &Tx, tenant: TenantId, letter: &Letter<'_>, to: &Subscription, body: Bytes, seat: Seat) -> Item {
    Item {
        event_id: letter.id,
        webhook: to.webhook_id,
        tenant,
        kind: to.kind,
        day: letter.day,
        version: to.version,
        attempt: 0,
        replay: false,
        due_at: tx.now(),
        created_at: tx.now(),
        call: letter.call,
        event: Cow::Borrowed(letter.name),
        body: Some(body),
        pace: to.pace.and_then(|pace| u32::try_from(pace).ok()),
        asked: None,
        spill: None,
        seat: Some(seat),
    }
}

/// A delivery of a webhook that is not active, for a later replay.
fn skip(tx: &Tx, tenant: TenantId, letter: &Letter<'_>, webhook: WebhookId) -> Record {
    Record {
        day: letter.day,
        id: delivery_id(letter.id, webhook),
        tenant,
        webhook,
        event_id: letter.id,
        event: letter.name.to_owned(),
        status: DeliveryStatus::Skipped,
        created_at: tx.now(),
        attempt: None,
        next_attempt_at: None,
    }
}
