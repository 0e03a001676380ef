//! The second published interface: one URL of the account is told of every call that comes in.
//!
//! It is a webhook of its own kind, one per account, that no subscription but `pbx.call.incoming` leads to. Its deliveries
//! take the way of all others and stand in the same history.

mod api;
mod notification;

use domain::{
    Permission, Principal, TenantId,
    ids::WebhookId,
    principal::{Access, Actor, Role},
};
use serde_json::json;
use store::{Tx, audit};
use uuid::Uuid;

pub use self::api::envelope;
pub(crate) use self::notification::Notifier;
use crate::{
    Error, Webhooks,
    kind::Kind,
    model::Webhook,
    ops::{admin, target},
    sign::Secret,
    store::{incoming, queue, webhooks},
    target::seal,
};

/// The URL as it is now.
#[derive(Clone, Debug)]
pub struct IncomingSet {
    pub webhook: Webhook,
    /// What signs the notifications, if it was drawn just now: shown this once.
    pub secret: Option<Secret>,
}

impl Webhooks {
    /// Returns the account's incoming-call webhook, if one is set.
    pub async fn incoming(&self, who: &Principal) -> Result<Option<Webhook>, Error> {
        integrator(who)?;
        find(&mut self.db.read(who.tenant).await?, who.tenant).await
    }

    /// Sets the one URL that is told of incoming calls.
    pub async fn set_incoming(&self, who: &Principal, url: &str) -> Result<IncomingSet, Error> {
        integrator(who)?;
        let url = self.checked_url(url)?;
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        let before = find(&mut tx, tenant).await?.map(|webhook| webhook.url);
        let id = incoming::upsert(&mut tx, tenant, &url).await?;
        let secret = match incoming::has_secret(&mut tx, tenant, id).await? {
            true => None,
            false => {
                let secret = Secret::generate();
                webhooks::set_secret(&mut tx, tenant, id, seal(&self.secrets, tenant, id, &secret)).await?;
                Some(secret)
            }
        };
        audit(&mut tx, who, "webhook.incoming.set", &target(id), json!({ "url": [before, url] })).await?;
        let webhook = find(&mut tx, tenant).await?.ok_or(Error::NotFound)?;
        self.forget_after(&mut tx, id);
        self.wake_after(&mut tx, id);
        tx.commit().await?;
        Ok(IncomingSet { webhook, secret })
    }

    /// Draws a new secret for the notifications, shown this once. The API sets the URL without showing a secret:
    /// an admin who wants to verify signatures draws one.
    pub async fn rotate_incoming(&self, who: &Principal) -> Result<Secret, Error> {
        admin(who)?;
        let id = self.incoming_id(who).await?;
        self.rotate(who, id).await
    }

    /// Removes the URL and what was still on its way to it. The history stays until its time is over.
    pub async fn remove_incoming(&self, who: &Principal) -> Result<(), Error> {
        admin(who)?;
        let id = self.incoming_id(who).await?;
        let mut tx = self.db.begin(who.tenant).await?;
        queue::delete_webhook(&mut tx, who.tenant, id).await?;
        if !webhooks::delete(&mut tx, who.tenant, id).await? {
            return Err(Error::NotFound);
        }
        audit(&mut tx, who, "webhook.incoming.remove", &target(id), json!({})).await?;
        self.forget_after(&mut tx, id);
        tx.commit().await?;
        Ok(())
    }

    /// Returns whether `client` is the UUID that the account's clients name as `X-Client-Id`.
    async fn is_client(&self, who: &Principal, client: Uuid) -> Result<bool, Error> {
        let mut tx = self.db.read(who.tenant).await?;
        Ok(incoming::client_id(&mut tx, who.tenant).await? == Some(client))
    }

    async fn incoming_id(&self, who: &Principal) -> Result<WebhookId, Error> {
        let mut tx = self.db.read(who.tenant).await?;
        Ok(find(&mut tx, who.tenant).await?.ok_or(Error::NotFound)?.id)
    }
}

async fn find(tx: &mut Tx, tenant: TenantId) -> Result<Option<Webhook>, Error> {
    Ok(webhooks::list_kind(tx, tenant, Kind::Incoming).await?.pop())
}

/// Integration credentials are made by administrators: machine tokens with `pbx_api_access`. An admin's own token will
/// do as well; an agent's may not send the account's calls elsewhere.
fn integrator(who: &Principal) -> Result<(), Error> {
    match &who.actor {
        Actor::System | Actor::Machine { .. } | Actor::User { role: Role::Admin, .. } => {
            who.may(Permission::PbxApiAccess, Access::Write).map_err(|_| Error::Denied)
        }
        Actor::User { .. } => Err(Error::Denied),
    }
}
