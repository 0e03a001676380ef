//! Letters that wait. Retry: 4xx, no connection, silence. Give up: 5xx, or after the last wait.
//! Idempotent as far as mail can be: every attempt has the same `Message-ID`.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use store::{
    Secrets, Tx,
    jobs::{Job, Outcome, Worker},
};
use uuid::Uuid;

use crate::{Error, Letter, Mail};

const KIND: &str = "mail.letter";
/// Letters of one account that may wait.
const WAITING: i64 = 1_000;
/// Seconds before the second attempt, the third, and so on.
const WAITS: [u64; 8] = [30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];

/// A letter may hold a one-time link, so the database does not get to read it.
#[derive(Serialize, Deserialize)]
struct Sealed {
    id: Uuid,
    letter: String,
}

pub(crate) async fn add(tx: &mut Tx, secrets: &Secrets, letter: &Letter) -> Result<(), Error> {
    let tenant = tx.tenant().ok_or(Error::Letter("a letter belongs to an account"))?;
    if store::jobs::waiting(tx, KIND).await? >= WAITING {
        return Err(Error::Full);
    }
    let now = tx.now();
    for letter in letter.each() {
        let id = Uuid::new_v4();
        let plain = serde_json::to_vec(&letter).map_err(store::Error::from)?;
        let sealed = Sealed { id, letter: STANDARD.encode(secrets.seal(tenant, &context(id), &plain)) };
        store::jobs::add(tx, KIND, &sealed, now).await?;
    }
    Ok(())
}

pub(crate) fn register(mail: &Mail, worker: Worker) -> Worker {
    let mail = mail.clone();
    worker.on(KIND, move |job: Job, sealed: Sealed| {
        let mail = mail.clone();
        async move { mail.deliver(&job, &sealed).await }
    })
}

impl Mail {
    async fn deliver(&self, job: &Job, sealed: &Sealed) -> Outcome {
        let letter = match self.unseal(job, sealed) {
            Ok(letter) => letter,
            Err(reason) => return Outcome::GiveUp(reason),
        };
        self.attempt(&letter, sealed.id, job.attempt).await
    }

    /// Hands a letter to the relay for a job of somebody else's, and says what is to become of that job.
    /// `id` is the letter's at every attempt; `attempt` begins at 1.
    pub async fn attempt(&self, letter: &Letter, id: Uuid, attempt: i64) -> Outcome {
        if let Err(error) = letter.check() {
            return Outcome::GiveUp(error.to_string());
        }
        match self.hand_over(letter, id).await {
            Ok(()) => Outcome::Done,
            // What the relay says may name the recipient, and reasons are logged.
            Err(Error::Refused { code, .. }) => Outcome::GiveUp(format!("the relay refused the letter with {code}")),
            Err(error @ (Error::Letter(_) | Error::NotConfigured)) => Outcome::GiveUp(error.to_string()),
            Err(error) => match usize::try_from(attempt - 1).ok().and_then(|attempt| WAITS.get(attempt)) {
                Some(seconds) => {
                    let scale = self.relay.as_ref().map_or(1.0, |relay| relay.retry_scale);
                    let wait = Duration::from_secs(*seconds).mul_f64(scale);
                    Outcome::RetryAt(self.db.now().after(wait), error.to_string())
                }
                None => Outcome::GiveUp("the relay did not take the letter in any attempt".to_owned()),
            },
        }
    }

    fn unseal(&self, job: &Job, sealed: &Sealed) -> Result<Letter, String> {
        let bytes = STANDARD.decode(&sealed.letter).map_err(|_| "unreadable letter".to_owned())?;
        let plain = self
            .secrets
            .unseal(job.tenant_id, &context(sealed.id), &bytes)
            .map_err(|_| "the letter does not open with this master key".to_owned())?;
        serde_json::from_slice(&plain).map_err(|_| "unreadable letter".to_owned())
    }
}

fn context(id: Uuid) -> String {
    format!("mail.letter:{id}")
}
