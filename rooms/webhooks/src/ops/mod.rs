//! What an admin can do with webhooks. No bearer token opens any of it: there is no API, only the console and the
//! host's command line call these.

pub(crate) mod catalogue;
pub(crate) mod listing;
mod replays;
mod test_event;

use domain::{
    EventName, Principal, TenantId,
    ids::WebhookId,
    principal::{Actor, Role},
};
use serde_json::{Value, json};
use store::{Tx, audit};
use uuid::Uuid;
use web::Text;

pub use self::test_event::{Answer, Tested};
use crate::{
    Error, Webhooks, authority,
    filter::EventFilter,
    kind::Kind,
    model::{Change, NewWebhook, Status, Webhook},
    notice::Notice,
    sign::Secret,
    store::{
        history, queue, replays as replay_rows,
        webhooks::{self, Fields},
    },
    target::seal,
};

/// Characters of a name.
const NAME_LIMIT: usize = 100;
/// Webhooks of one account.
const ACCOUNT_LIMIT: usize = 250;
/// The highest pace, in attempts a second.
const PACE_LIMIT: u32 = 1_000;

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
        let events = checked_events(&new.events)?;
        let chosen = self.checked(&new)?;
        let secret = Secret::generate();
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        if webhooks::list(&mut tx, tenant).await?.len() >= ACCOUNT_LIMIT {
            return Err(invalid(
                "url",
                Text::new("The account has 250 webhooks already.", "Tài khoản đã có 250 webhook."),
            ));
        }
        let id = webhooks::insert(&mut tx, tenant, Kind::Events, &chosen.fields()).await?;
        let sealed = seal(&self.secrets, tenant, id, &secret);
        webhooks::set_secret(&mut tx, tenant, id, sealed).await?;
        webhooks::set_events(&mut tx, tenant, id, &events).await?;
        let mut detail = chosen.detail();
        detail["events"] = names(&events);
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

    /// Changes what is given. Pending retries go to the new URL.
    pub async fn change(&self, who: &Principal, id: WebhookId, change: Change) -> Result<Webhook, Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        let before = webhooks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
        let asked = NewWebhook {
            name: change.name.unwrap_or_else(|| before.name.clone()),
            url: change.url.unwrap_or_else(|| before.url.clone()),
            events: change.events.unwrap_or_else(|| before.events.clone()),
            filter: change.filter.unwrap_or_else(|| before.filter.clone()),
            pace: change.pace.unwrap_or(before.pace),
            authority: change.authority.unwrap_or_else(|| before.authority.clone()),
        };
        let events = checked_events(&asked.events)?;
        let chosen = self.checked(&asked)?;
        webhooks::set_target(&mut tx, tenant, id, &chosen.fields()).await?;
        if events != before.events {
            webhooks::set_events(&mut tx, tenant, id, &events).await?;
        }
        let (mut old, mut new) = (Chosen::of(&before).detail(), chosen.detail());
        old["events"] = names(&before.events);
        new["events"] = names(&events);
        audit(&mut tx, who, "webhook.change", &target(id), json!({ "before": old, "after": new })).await?;
        let after = webhooks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound)?;
        self.forget_after(&mut tx, id);
        // What waited and was given back is claimed again, by what is true now.
        self.wake_after(&mut tx, id);
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
        replay_rows::cancel_all(&mut tx, who.tenant, id).await?;
        webhooks::delete(&mut tx, who.tenant, id).await?;
        let detail = json!({ "name": webhook.name, "url": webhook.url });
        audit(&mut tx, who, "webhook.delete", &target(id), detail).await?;
        self.forget_after(&mut tx, id);
        tx.commit().await?;
        Ok(())
    }

    /// Sends a delivery again: same id, same body, four new attempts.
    pub async fn replay(&self, who: &Principal, delivery: Uuid) -> Result<(), Error> {
        admin(who)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        let keys = listing::days_of(delivery, tx.now());
        let found = history::by_keys(&mut tx, tenant, &keys).await?.pop().ok_or(Error::NotFound)?;
        let webhook = found.delivery.webhook;
        self.must_be_active(&mut tx, tenant, webhook).await?;
        queue::requeue(&mut tx, tenant, webhook, &[(found.delivery.event_id, found.day)]).await?;
        history::reopen(&mut tx, tenant, &[(found.day, delivery)]).await?;
        let detail = json!({ "delivery": delivery, "status": found.delivery.status.as_str() });
        audit(&mut tx, who, "webhook.replay", &target(webhook), detail).await?;
        let room = self.room.clone();
        tx.after_commit(move || room.unleased.notify_one());
        tx.commit().await?;
        Ok(())
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
        let before = webhooks::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        webhooks::set_status(&mut tx, who.tenant, id, status, None).await?;
        audit(&mut tx, who, action, &target(id), json!({ "status": [before.status.as_str(), status.as_str()] }))
            .await?;
        self.forget_after(&mut tx, id);
        if status == Status::Active {
            self.wake_after(&mut tx, id);
            let (notices, tenant, at) = (self.notices.clone(), who.tenant, tx.now());
            tx.after_commit(move || {
                if before.status == Status::Suspended {
                    notices.tell(Notice::Resumed { tenant, webhook: id, at });
                }
            });
        }
        tx.commit().await?;
        Ok(())
    }

    async fn must_be_active(&self, tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<(), Error> {
        let webhook = webhooks::find(tx, tenant, id).await?.ok_or(Error::NotFound)?;
        if webhook.status == Status::Active { Ok(()) } else { Err(Error::Inactive) }
    }

    fn checked(&self, asked: &NewWebhook) -> Result<Chosen, Error> {
        let filter = asked.filter.checked().map_err(|message| invalid("filter", message))?;
        if asked.pace.is_some_and(|pace| !(1..=PACE_LIMIT).contains(&pace)) {
            return Err(invalid(
                "pace",
                Text::new("The pace must be 1 to 1,000 a second.", "Nhịp gửi phải từ 1 đến 1.000 mỗi giây."),
            ));
        }
        let authority = asked.authority.as_deref().map(str::trim).filter(|pem| !pem.is_empty());
        if let Some(pem) = authority {
            authority::tls(pem).map_err(|message| invalid("authority", message))?;
        }
        Ok(Chosen {
            name: checked_name(&asked.name)?.to_owned(),
            url: self.checked_url(&asked.url)?,
            filter,
            pace: asked.pace,
            authority: authority.map(str::to_owned),
        })
    }

    pub(crate) fn checked_url(&self, url: &str) -> Result<String, Error> {
        let url = self.targets.policy.check_url(url).map_err(|message| invalid("url", message))?;
        Ok(url.as_str().to_owned())
    }

    /// Once committed, nothing goes out by what was remembered of the webhook.
    pub(crate) fn forget_after(&self, tx: &mut Tx, id: WebhookId) {
        let (targets, inbox) = (self.targets.clone(), self.inbox.clone());
        tx.after_commit(move || {
            targets.forget(id);
            inbox.send(crate::driver::Input::Drain(id));
        });
    }

    /// Once committed, the rows that nobody has are claimed.
    pub(crate) fn wake_after(&self, tx: &mut Tx, id: WebhookId) {
        let spill = self.room.spill(id);
        tx.after_commit(move || drop(spill));
    }
}

/// What was chosen for a webhook, checked.
struct Chosen {
    name: String,
    url: String,
    filter: EventFilter,
    pace: Option<u32>,
    authority: Option<String>,
}

impl Chosen {
    fn of(webhook: &Webhook) -> Self {
        let Webhook { name, url, filter, pace, authority, .. } = webhook.clone();
        Self { name, url, filter, pace, authority }
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            name: &self.name,
            url: &self.url,
            filter: &self.filter,
            pace: self.pace,
            authority: self.authority.as_deref(),
        }
    }

    /// What the audit log says of it.
    fn detail(&self) -> Value {
        let authority = self.authority.as_deref().map(authority::fingerprints);
        json!({
            "name": self.name, "url": self.url, "filter": self.filter, "pace": self.pace, "authority": authority,
        })
    }
}

fn names(events: &[EventName]) -> Value {
    events.iter().map(|event| event.as_str()).collect()
}

/// Admins and the host's command line may; supervisors, agents and machine tokens may not.
pub(crate) fn admin(who: &Principal) -> Result<(), Error> {
    match &who.actor {
        Actor::System | Actor::User { role: Role::Admin, .. } => Ok(()),
        Actor::User { .. } | Actor::Machine { .. } => Err(Error::Denied),
    }
}

fn checked_name(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(invalid(
            "name",
            Text::new("The name must have 1 to 100 characters.", "Tên phải có từ 1 đến 100 ký tự."),
        ));
    }
    Ok(name)
}

fn checked_events(events: &[EventName]) -> Result<Vec<EventName>, Error> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events.dedup();
    if events.is_empty() || events.contains(&EventName::WebhookTest) {
        return Err(invalid(
            "events",
            Text::new(
                "Choose at least one event; webhook.test is sent by itself.",
                "Hãy chọn ít nhất một sự kiện; webhook.test được gửi tự động.",
            ),
        ));
    }
    Ok(events)
}

fn invalid(field: &'static str, message: Text) -> Error {
    Error::Invalid { field, message }
}

pub(crate) fn target(id: WebhookId) -> String {
    format!("webhook:{id}")
}
