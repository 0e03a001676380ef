//! What an admin can do with webhooks. No bearer token opens any of it: there is no API, only the console and the
//! host's command line call these.

use domain::{
    Event, EventName, Principal, TenantId, Timestamp,
    ids::WebhookId,
    principal::{Actor, Role},
};
use serde_json::json;
use store::{Tx, audit};
use uuid::Uuid;

use crate::{
    Error, Webhooks,
    claimer::KEEP_DAYS,
    model::{Change, Delivery, DeliveryStatus, Filter, NewWebhook, Status, Webhook},
    sign::Secret,
    store::{
        history::{self, Place},
        queue, webhooks,
    },
    target::seal,
};

/// Characters of a name.
const NAME_LIMIT: usize = 100;
/// Webhooks of one account.
const ACCOUNT_LIMIT: usize = 100;
/// Deliveries of one [`Webhooks::replay_range`] at most.
const REPLAY_LIMIT: i64 = 1_000;

/// A new webhook with the secret that is shown this once.
#[derive(Clone, Debug)]
pub struct Created {
    pub webhook: Webhook,
    pub secret: Secret,
}

impl Webhooks {
    /// Creates a webhook; it is active at once.
    pub async fn create(&self, who: &Principal, new: NewWebhook) -> Result<Created, Error> {
        admin(who)?;
        let name = checked_name(&new.name)?;
        let url = self.checked_url(&new.url)?;
        let events = checked_events(&new.events)?;
        let secret = Secret::generate();
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        if webhooks::list(&mut tx, tenant).await?.len() >= ACCOUNT_LIMIT {
            return Err(invalid("url", "The account has 100 webhooks already."));
        }
        let id = webhooks::insert(&mut tx, tenant, name, &url).await?;
        let sealed = seal(&self.secrets, tenant, id, &secret);
        webhooks::set_secret(&mut tx, tenant, id, sealed).await?;
        webhooks::set_events(&mut tx, tenant, id, &events).await?;
        let names: Vec<_> = events.iter().map(|event| event.as_str()).collect();
        let detail = json!({ "name": name, "url": url, "events": names });
        audit(&mut tx, who, "webhook.create", &target(id), detail).await?;
        let webhook = webhooks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
        tx.commit().await?;
        Ok(Created { webhook, secret })
    }

    /// Returns the account's webhooks, oldest first.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<Webhook>, Error> {
        Ok(webhooks::list(&mut self.db.read(tenant).await?, tenant).await?)
    }

    pub async fn find(&self, tenant: TenantId, id: WebhookId) -> Result<Webhook, Error> {
        webhooks::find(&mut self.db.read(tenant).await?, tenant, id).await?.ok_or(Error::NotFound)
    }

    /// Changes name, URL or events. Pending retries go to the new URL.
    pub async fn change(&self, who: &Principal, id: WebhookId, change: Change) -> Result<Webhook, Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        let before = webhooks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
        let name = checked_name(change.name.as_deref().unwrap_or(&before.name))?.to_owned();
        let url = match &change.url {
            Some(url) => self.checked_url(url)?,
            None => before.url.clone(),
        };
        webhooks::set_target(&mut tx, tenant, id, &name, &url).await?;
        if let Some(events) = &change.events {
            webhooks::set_events(&mut tx, tenant, id, &checked_events(events)?).await?;
        }
        let events = change.events.map(|events| events.iter().map(|event| event.as_str()).collect::<Vec<_>>());
        let detail = json!({ "name": [before.name, name], "url": [before.url, url], "events": events });
        audit(&mut tx, who, "webhook.change", &target(id), detail).await?;
        let after = webhooks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
        self.forget_after(&mut tx, id);
        tx.commit().await?;
        Ok(after)
    }

    /// Stops deliveries. Events from now on are recorded as skipped; what was queued waits.
    pub async fn pause(&self, who: &Principal, id: WebhookId) -> Result<(), Error> {
        self.set_status(who, id, Status::Paused, "webhook.pause").await
    }

    /// Starts deliveries again, after a pause or a suspension.
    pub async fn resume(&self, who: &Principal, id: WebhookId) -> Result<(), Error> {
        self.set_status(who, id, Status::Active, "webhook.resume").await
    }

    /// Draws a new secret. The old one signs nothing any more; the new one is shown this once.
    pub async fn rotate(&self, who: &Principal, id: WebhookId) -> Result<Secret, Error> {
        admin(who)?;
        let secret = Secret::generate();
        let mut tx = self.db.begin(who.tenant).await?;
        let sealed = seal(&self.secrets, who.tenant, id, &secret);
        if !webhooks::set_secret(&mut tx, who.tenant, id, sealed).await? {
            return Err(Error::NotFound);
        }
        audit(&mut tx, who, "webhook.rotate", &target(id), json!({})).await?;
        self.forget_after(&mut tx, id);
        tx.commit().await?;
        Ok(secret)
    }

    /// Deletes a webhook and what it still had to deliver. Its history stays until its time is over.
    pub async fn delete(&self, who: &Principal, id: WebhookId) -> Result<(), Error> {
        admin(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        let webhook = webhooks::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        queue::delete_webhook(&mut tx, who.tenant, id).await?;
        webhooks::delete(&mut tx, who.tenant, id).await?;
        let detail = json!({ "name": webhook.name, "url": webhook.url });
        audit(&mut tx, who, "webhook.delete", &target(id), detail).await?;
        self.forget_after(&mut tx, id);
        tx.commit().await?;
        Ok(())
    }

    /// Sends a `webhook.test` event to this webhook alone. Returns the delivery's id.
    pub async fn test(&self, who: &Principal, id: WebhookId) -> Result<Uuid, Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        self.must_be_active(&mut tx, tenant, id).await?;
        let event = Event {
            id: Uuid::new_v4(),
            name: EventName::WebhookTest,
            tenant,
            at: tx.now(),
            call: None,
            data: json!({ "message": "This is a test event", "webhook_id": id }).to_string(),
        };
        let (event_id, day) = (event.id, event.at.day());
        self.bus.publish(&mut tx, event).await?;
        queue::insert_one(&mut tx, tenant, id, event_id, day).await?;
        audit(&mut tx, who, "webhook.test", &target(id), json!({})).await?;
        self.wake_after(&mut tx, id);
        tx.commit().await?;
        Ok(crate::sign::delivery_id(event_id, id))
    }

    /// Returns deliveries with their payloads, newest first, of the last 30 days.
    pub async fn deliveries(&self, tenant: TenantId, filter: &Filter) -> Result<Vec<Delivery>, Error> {
        let mut tx = self.db.read(tenant).await?;
        let ids = match filter.webhook {
            Some(id) => vec![id],
            None => webhooks::list(&mut tx, tenant).await?.into_iter().map(|webhook| webhook.id).collect(),
        };
        let mut found = Vec::new();
        for id in ids {
            if matches!(filter.status, None | Some(DeliveryStatus::Pending)) {
                found.extend(history::list_pending(&mut tx, tenant, id, filter).await?);
            }
            if filter.status != Some(DeliveryStatus::Pending) {
                for delivery in history::list(&mut tx, tenant, id, filter).await? {
                    // A replay that waits is in both.
                    if !found.iter().any(|other| other.id == delivery.id) {
                        found.push(delivery);
                    }
                }
            }
        }
        found.sort_by_key(|delivery| std::cmp::Reverse((delivery.created_at, delivery.id)));
        found.truncate(usize::try_from(filter.limit.clamp(1, 200)).unwrap_or(200));
        Ok(found)
    }

    /// Sends a delivery again: same id, same body, four new attempts.
    pub async fn replay(&self, who: &Principal, delivery: Uuid) -> Result<(), Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        let from_day = tx.now().day() - KEEP_DAYS;
        let place = history::place(&mut tx, tenant, delivery, from_day).await?.ok_or(Error::NotFound)?;
        self.must_be_active(&mut tx, tenant, place.webhook_id).await?;
        let detail = json!({ "delivery": delivery, "status": place.status.as_str() });
        requeue(&mut tx, tenant, &place).await?;
        audit(&mut tx, who, "webhook.replay", &target(place.webhook_id), detail).await?;
        self.wake_after(&mut tx, place.webhook_id);
        tx.commit().await?;
        Ok(())
    }

    /// Sends the dead letters and skipped deliveries of a time range again, oldest first, 1,000 at most.
    /// Returns how many; call again until it returns fewer than 1,000.
    pub async fn replay_range(
        &self,
        who: &Principal,
        id: WebhookId,
        range: (Timestamp, Timestamp),
    ) -> Result<usize, Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        self.must_be_active(&mut tx, tenant, id).await?;
        let places = history::undelivered(&mut tx, tenant, id, range, REPLAY_LIMIT).await?;
        for place in &places {
            requeue(&mut tx, tenant, place).await?;
        }
        let detail = json!({ "from": range.0.rfc3339(), "to": range.1.rfc3339(), "count": places.len() });
        audit(&mut tx, who, "webhook.replay", &target(id), detail).await?;
        self.wake_after(&mut tx, id);
        tx.commit().await?;
        Ok(places.len())
    }

    async fn set_status(
        &self,
        who: &Principal,
        id: WebhookId,
        status: Status,
        action: &'static str,
    ) -> Result<(), Error> {
        admin(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        if !webhooks::set_status(&mut tx, who.tenant, id, status, None).await? {
            return Err(Error::NotFound);
        }
        audit(&mut tx, who, action, &target(id), json!({})).await?;
        match status {
            Status::Active => {
                self.wake_after(&mut tx, id);
                let targets = self.targets.clone();
                tx.after_commit(move || targets.forget(id));
            }
            Status::Paused | Status::Suspended => self.forget_after(&mut tx, id),
        }
        tx.commit().await?;
        Ok(())
    }

    async fn must_be_active(&self, tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<(), Error> {
        let webhook = webhooks::find(tx, tenant, id).await?.ok_or(Error::NotFound)?;
        if webhook.status == Status::Active { Ok(()) } else { Err(Error::Inactive) }
    }

    fn checked_url(&self, url: &str) -> Result<String, Error> {
        let url = self.targets.policy.check_url(url).map_err(|message| invalid("url", message))?;
        Ok(url.as_str().to_owned())
    }

    /// Once committed, nothing goes out by what was remembered of the webhook.
    fn forget_after(&self, tx: &mut Tx, id: WebhookId) {
        let (targets, inbox) = (self.targets.clone(), self.inbox.clone());
        tx.after_commit(move || {
            targets.forget(id);
            inbox.try_send(crate::driver::Input::Drain(id)).ok();
        });
    }

    /// Once committed, the rows that nobody has are claimed.
    fn wake_after(&self, tx: &mut Tx, id: WebhookId) {
        let spill = self.room.spill(id);
        tx.after_commit(move || drop(spill));
    }
}

/// Queues a delivery of the history again.
async fn requeue(tx: &mut Tx, tenant: TenantId, place: &Place) -> Result<(), Error> {
    queue::insert_one(tx, tenant, place.webhook_id, place.event_id, place.day).await?;
    history::reopen(tx, tenant, place.day, place.event_id, place.webhook_id).await?;
    Ok(())
}

/// Admins and the host's command line may; supervisors, agents and machine tokens may not.
fn admin(who: &Principal) -> Result<(), Error> {
    match &who.actor {
        Actor::System | Actor::User { role: Role::Admin, .. } => Ok(()),
        Actor::User { .. } | Actor::Machine { .. } => Err(Error::Denied),
    }
}

fn checked_name(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(invalid("name", "The name must have 1 to 100 characters."));
    }
    Ok(name)
}

fn checked_events(events: &[EventName]) -> Result<Vec<EventName>, Error> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events.dedup();
    if events.is_empty() || events.contains(&EventName::WebhookTest) {
        return Err(invalid("events", "Choose at least one event; webhook.test is sent by itself."));
    }
    Ok(events)
}

fn invalid(field: &'static str, message: &str) -> Error {
    Error::Invalid { field, message: message.to_owned() }
}

fn target(id: WebhookId) -> String {
    format!("webhook:{id}")
}
