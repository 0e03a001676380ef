//! Where a webhook's deliveries go and what signs them, remembered for a moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{TenantId, ids::WebhookId};
use store::{Db, Secrets};

use crate::{
    address::Policy,
    client::{Client, Clients},
    model::{Failure, Status},
    sign::{Key, Secret},
    store::webhooks,
};

/// How long a change by another process may go unnoticed by retries. New events carry the version they need.
const MEMORY: Duration = Duration::from_secs(1);

pub(crate) struct Targets {
    pub(crate) db: Db,
    pub(crate) secrets: Secrets,
    pub(crate) policy: Arc<Policy>,
    pub(crate) clients: Clients,
    pub(crate) cache: Mutex<HashMap<WebhookId, Cached>>,
}

pub(crate) struct Cached {
    version: i64,
    since: Instant,
    found: Found,
}

#[derive(Clone)]
pub(crate) enum Found {
    Target(Arc<Target>),
    /// Paused or suspended.
    Inactive,
    Gone,
    /// It cannot be sent to: its URL is not allowed any more.
    Unusable(Failure),
}

pub(crate) struct Target {
    pub(crate) url: http::Uri,
    pub(crate) key: Key,
    pub(crate) client: Client,
}

impl Targets {
    /// Returns the webhook as it is, at least at `version`.
    pub(crate) async fn find(&self, id: WebhookId, version: i64) -> Result<Found, store::Error> {
        let now = tokio::time::Instant::now().into_std();
        if let Some(cached) = self.lock().get(&id)
            && cached.version >= version
            && now.duration_since(cached.since) < MEMORY
        {
            return Ok(cached.found.clone());
        }
        let mut tx = self.db.read_any_tenant().await?;
        let row = webhooks::any_tenant_target(&mut tx, id).await?;
        drop(tx);
        let version = row.as_ref().map_or(i64::MAX, |row| row.version);
        let found = row.map_or(Found::Gone, |row| self.open(id, &row));
        self.lock().insert(id, Cached { version, since: now, found: found.clone() });
        Ok(found)
    }

    /// Forgets a webhook that was changed.
    pub(crate) fn forget(&self, id: WebhookId) {
        self.lock().remove(&id);
    }

    /// Forgets what was not asked for lately.
    pub(crate) fn tidy(&self) {
        let now = tokio::time::Instant::now().into_std();
        self.lock().retain(|_, cached| now.duration_since(cached.since) < MEMORY);
        self.clients.tidy(now);
    }

    fn open(&self, id: WebhookId, row: &webhooks::Target) -> Found {
        if row.status != Status::Active {
            return Found::Inactive;
        }
        let Some(url) = self.policy.check_url(&row.url).ok().and_then(|url| url.as_str().parse().ok()) else {
            return Found::Unusable(Failure::Blocked);
        };
        // What was stored was checked; a certificate that is not understood any more is not trusted.
        let Ok(client) = self.clients.for_authority(row.authority.as_deref()) else {
            return Found::Unusable(Failure::Tls);
        };
        match self.secrets.unseal(row.tenant_id, &context(id), &row.secret) {
            Ok(secret) => match Secret::from_stored(&secret) {
                Some(secret) => Found::Target(Arc::new(Target { url, key: secret.key(), client })),
                None => Found::Unusable(Failure::Reset),
            },
            Err(error) => {
                tracing::error!(%error, webhook.id = %id, "the secret of a webhook does not open");
                Found::Unusable(Failure::Reset)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WebhookId, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seals a webhook's secret for its place in the database.
pub(crate) fn seal(secrets: &Secrets, tenant: TenantId, id: WebhookId, secret: &Secret) -> Vec<u8> {
    secrets.seal(tenant, &context(id), secret.reveal().as_bytes())
}

fn context(id: WebhookId) -> String {
    format!("webhook|secret|{id}")
}
