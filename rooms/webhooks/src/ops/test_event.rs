//! The test event and its answer.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use domain::{Event, EventName, Principal, ids::WebhookId};
use serde_json::json;
use store::{Tx, audit};
use tokio::{sync::oneshot, time::sleep};
use uuid::Uuid;

use super::{admin, target};
use crate::{
    Error, Webhooks,
    client::Exchange,
    driver::Input,
    item::Item,
    kind::Kind,
    model::{Failure, Webhook},
    sign::delivery_id,
    store::{
        history,
        queue::{self, Queued},
        webhooks,
    },
};

/// How much longer than an attempt may take its answer is waited for.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether another process has sent it.
const LOOK: Duration = Duration::from_millis(50);
/// Characters of an answer's body that are returned.
const EXCERPT: usize = 2_000;

/// A test event that was sent.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The delivery's id. It is in the history, and retried like any other if it failed.
    pub delivery: Uuid,
    /// `None` if nothing was sent within the time of an attempt: nobody delivers at the moment.
    pub answer: Option<Answer>,
}

/// What the receiver answered to the first attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: Option<i64>,
    pub duration_ms: i64,
    /// The first 2,000 characters of the body.
    pub body: String,
    /// `None` is success.
    pub error: Option<Failure>,
}

impl Webhooks {
    /// Sends a `webhook.test` event to this webhook alone, at once and whatever else waits, and waits for the answer.
    pub async fn test(&self, who: &Principal, id: WebhookId) -> Result<Tested, Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        self.must_be_active(&mut tx, tenant, id).await?;
        let webhook = webhooks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
        let event = Event {
            id: Uuid::now_v7(),
            name: EventName::WebhookTest,
            tenant,
            at: tx.now(),
            call: None,
            data: json!({ "message": "This is a test event", "webhook_id": id }).to_string(),
        };
        let (delivery, day, body) = (delivery_id(event.id, id), event.at.day(), Bytes::from(event.body()));
        let event_id = event.id;
        self.bus.publish(&mut tx, event).await?;
        let here = self.room.is_open();
        let row = Queued { event_id, webhook: id, day, version: i64::MAX, leased: here };
        queue::insert(&mut tx, tenant, self.db.node(), &[row]).await?;
        audit(&mut tx, who, "webhook.test", &target(id), json!({ "delivery": delivery })).await?;
        let answer = match here {
            true => Some(self.send_after(&mut tx, &webhook, event_id, body)),
            false => {
                self.wake_after(&mut tx, id);
                None
            }
        };
        tx.commit().await?;
        let limit = self.config.timeout + GRACE;
        let answer = match answer {
            Some(answer) => tokio::time::timeout(limit, answer).await.ok().and_then(Result::ok).map(Answer::of),
            None => tokio::time::timeout(limit, self.recorded(who, day, delivery)).await.ok().transpose()?,
        };
        Ok(Tested { delivery, answer })
    }

    /// Once committed, sends it past everything that waits. Returns where the answer will be.
    fn send_after(&self, tx: &mut Tx, webhook: &Webhook, event_id: Uuid, body: Bytes) -> oneshot::Receiver<Exchange> {
        let (asked, answer) = oneshot::channel();
        let now = tx.now();
        let item = Item {
            event_id,
            webhook: webhook.id,
            tenant: webhook.tenant,
            kind: Kind::Events,
            day: now.day(),
            // It is read anew: another process may have rotated the secret just now.
            version: i64::MAX,
            attempt: 0,
            replay: false,
            due_at: now,
            created_at: now,
            call: None,
            event: Cow::Borrowed(EventName::WebhookTest.as_str()),
            body: Some(body),
            pace: webhook.pace,
            asked: Some(asked),
            spill: None,
            seat: None,
        };
        let inbox = self.inbox.clone();
        tx.after_commit(move || {
            if !inbox.send(Input::Now(Box::new(item))) {
                tracing::warn!("a test event was not handed over and waits for the next start");
            }
        });
        answer
    }

    /// Waits until another process has sent it.
    async fn recorded(&self, who: &Principal, day: i64, delivery: Uuid) -> Result<Answer, Error> {
        loop {
            let mut tx = self.db.read(who.tenant).await?;
            let found = history::by_keys(&mut tx, who.tenant, &[(day, delivery)]).await?.pop();
            drop(tx);
            if let Some(found) = found.map(|found| found.delivery).filter(|delivery| delivery.attempts > 0) {
                return Ok(Answer {
                    status: found.response_status,
                    duration_ms: found.duration_ms.unwrap_or_default(),
                    body: excerpt(&found.response_body.unwrap_or_default()),
                    error: found.error,
                });
            }
            sleep(LOOK).await;
        }
    }
}

impl Answer {
    fn of(exchange: Exchange) -> Self {
        Self {
            status: exchange.status.map(i64::from),
            duration_ms: i64::try_from(exchange.duration.as_millis()).unwrap_or(i64::MAX),
            body: excerpt(&String::from_utf8_lossy(&exchange.body)),
            error: exchange.result.err(),
        }
    }
}

fn excerpt(body: &str) -> String {
    body.chars().take(EXCERPT).collect()
}
