//! Sends one notice. Retry: whatever may be better later. Give up: what the relay refuses for good, or after the
//! last wait. Idempotent as far as mail and HTTP can be: every attempt has the same id.

use std::time::Duration;

use ::store::jobs::{Job, Outcome, Worker};
use domain::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Alerts, Error,
    door::{Post, Secret},
    driver::event,
    model::{Incident, Notice, Phase},
    ops::secret_place,
    store, text,
};

pub(crate) const KIND: &str = "alerts.notice";
/// Seconds before the second post, the third, and so on.
const WAITS: [u64; 4] = [30, 300, 1_800, 7_200];

#[derive(Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) notice: i64,
    /// The letter's `Message-ID` and the post's `webhook-id`.
    pub(crate) id: Uuid,
}

pub(crate) fn register(alerts: &Alerts, worker: Worker) -> Worker {
    let alerts = alerts.clone();
    worker.on(KIND, move |job: Job, payload: Payload| {
        let alerts = alerts.clone();
        async move { alerts.send(&job, &payload).await }
    })
}

impl Alerts {
    async fn send(&self, job: &Job, payload: &Payload) -> Outcome {
        let outcome = match self.attempt(job, payload).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::RetryAt(self.db.now().after(Duration::from_secs(5)), error.to_string()),
        };
        let (state, detail) = match &outcome {
            Outcome::Done => ("sent", ""),
            Outcome::RetryAt(_, reason) => ("waiting", reason.as_str()),
            Outcome::GiveUp(reason) => ("failed", reason.as_str()),
        };
        if let Err(error) = self.note(job.tenant_id, payload.notice, state, detail).await {
            tracing::warn!(%error, "what became of a notice could not be noted");
        }
        match outcome {
            // Kept with the notice, where an admin sees it: nobody has to act on a failed job beside it.
            Outcome::GiveUp(_) => Outcome::Done,
            other => other,
        }
    }

    async fn attempt(&self, job: &Job, payload: &Payload) -> Result<Outcome, Error> {
        let tenant = job.tenant_id;
        let mut tx = self.db.read(tenant).await?;
        let Some((incident, notice)) = store::notice(&mut tx, tenant, payload.notice).await? else {
            return Ok(Outcome::Done);
        };
        let Some(incident) = store::incident(&mut tx, tenant, incident).await? else { return Ok(Outcome::Done) };
        let rule = store::rule(&mut tx, tenant, incident.kind).await?;
        if notice.channel == "mail" {
            let (account, timezone) = store::account(&mut tx, tenant).await?;
            drop(tx);
            let place = text::Place { account: &account, timezone: &timezone, url: &self.config.public_url };
            let phase = Phase::parse(&notice.phase);
            let letter = text::letter(rule.language, &incident, phase, &notice.target, &place);
            return Ok(self.mail.attempt(&letter, payload.id, job.attempt).await);
        }
        let sealed = store::secret(&mut tx, tenant, incident.kind).await?;
        drop(tx);
        let Some(sealed) = sealed.filter(|_| rule.webhook_url.as_ref() == Some(&notice.target)) else {
            return Ok(Outcome::GiveUp("the webhook was taken out of the rule".to_owned()));
        };
        let Ok(secret) = self.secrets.unseal(tenant, &secret_place(incident.kind), &sealed) else {
            return Ok(Outcome::GiveUp("the secret does not open with this master key".to_owned()));
        };
        let secret = Secret(String::from_utf8_lossy(&secret).into_owned());
        let post = post(tenant, &incident, &notice, secret, payload.id);
        Ok(match (self.door.post)(post).await {
            Ok(()) => Outcome::Done,
            Err(refusal) => match usize::try_from(job.attempt - 1).ok().and_then(|attempt| WAITS.get(attempt)) {
                Some(seconds) => {
                    let wait = Duration::from_secs(*seconds).mul_f64(self.config.retry_scale);
                    Outcome::RetryAt(self.db.now().after(wait), refusal.0)
                }
                None => Outcome::GiveUp(refusal.0),
            },
        })
    }

    async fn note(&self, tenant: TenantId, notice: i64, state: &str, detail: &str) -> Result<(), ::store::Error> {
        let mut tx = self.db.begin(tenant).await?;
        store::set_notice(&mut tx, tenant, notice, state, detail).await?;
        tx.commit().await
    }
}

/// Builds the same bytes at every attempt.
fn post(tenant: TenantId, incident: &Incident, notice: &Notice, secret: Secret, id: Uuid) -> Post {
    let phase = Phase::parse(&notice.phase);
    // A notice of the beginning does not know the end, which may have come before it was sent.
    let incident = match phase {
        Phase::Resolved => incident.clone(),
        Phase::Raised | Phase::Reminder => Incident { resolved_at: None, ..incident.clone() },
    };
    let event = event(tenant, &incident, phase, notice.at, id);
    Post { id, url: notice.target.clone(), secret, event: event.name.as_str(), body: event.body() }
}
