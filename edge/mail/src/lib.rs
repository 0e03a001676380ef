#![doc = include_str!("../README.md")]

mod config;
mod error;
mod jobs;
mod letter;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use domain::TenantId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, message::Mailbox};
use store::{Db, Secrets, Tx, jobs::Worker};

pub use crate::{
    config::{Config, Password, Security},
    error::Error,
    letter::{Attachment, Letter, is_address},
};

/// The way to the relay. Clones share it.
#[derive(Clone)]
pub struct Mail {
    db: Db,
    secrets: Secrets,
    relay: Option<Arc<Relay>>,
}

struct Relay {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
    retry_scale: f64,
}

/// Connects to the relay of the settings and signs in, without sending anything. Nothing to do without a host.
pub async fn check(config: &Config) -> Result<(), Error> {
    let Some(host) = &config.host else { return Ok(()) };
    let transport = config.transport(host)?;
    match tokio::time::timeout(config.timeout, transport.test_connection()).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Error::Later("the relay does not answer".to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Error::Later("the relay took too long".to_owned())),
    }
}

impl Mail {
    /// Checks the settings and opens; nothing is connected yet. Without a host nothing can be sent.
    pub fn open(db: Db, secrets: Secrets, config: &Config) -> Result<Self, Error> {
        let relay = match &config.host {
            Some(host) => Some(Arc::new(Relay {
                transport: config.transport(host)?,
                from: config.sender()?,
                timeout: config.timeout,
                retry_scale: config.retry_scale,
            })),
            None => None,
        };
        Ok(Self { db, secrets, relay })
    }

    /// Returns whether letters can be sent at all.
    pub const fn configured(&self) -> bool {
        self.relay.is_some()
    }

    /// Sends a letter of an account; it is kept and tried again until the relay took it or refused it for good.
    pub async fn send(&self, tenant: TenantId, letter: &Letter) -> Result<(), Error> {
        let mut tx = self.db.begin(tenant).await?;
        self.send_in(&mut tx, letter).await?;
        Ok(tx.commit().await?)
    }

    /// Sends a letter if and only if the transaction, which must be of one account, commits.
    pub async fn send_in(&self, tx: &mut Tx, letter: &Letter) -> Result<(), Error> {
        if !self.configured() {
            return Err(Error::NotConfigured);
        }
        letter.check()?;
        if !letter.attachments.is_empty() {
            return Err(Error::Letter("a letter that waits brings nothing along"));
        }
        jobs::add(tx, &self.secrets, letter).await
    }

    /// Hands a letter to the relay now, once. The error says what the relay said.
    pub async fn try_now(&self, letter: &Letter) -> Result<(), Error> {
        letter.check()?;
        self.hand_over(letter, uuid::Uuid::new_v4()).await
    }

    /// Lets a worker send what waits.
    #[must_use]
    pub fn jobs(&self, worker: Worker) -> Worker {
        jobs::register(self, worker)
    }

    async fn hand_over(&self, letter: &Letter, id: uuid::Uuid) -> Result<(), Error> {
        let Some(relay) = &self.relay else { return Err(Error::NotConfigured) };
        let message = letter.message(&relay.from, id, self.db.now())?;
        let sent = tokio::time::timeout(relay.timeout, relay.transport.send(message)).await;
        let result = match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::from(error)),
            Err(_) => Err(Error::Later("the relay took too long".to_owned())),
        };
        let outcome = match &result {
            Ok(()) => "sent",
            Err(Error::Refused { .. }) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("mail_attempts_total", "outcome" => outcome).increment(1);
        result
    }
}
