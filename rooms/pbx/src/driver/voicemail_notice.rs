//! The letter about a new message. Retry and giving up are those of every letter.
//! Idempotent as far as mail can be: every attempt has the same `Message-ID`.

use std::time::Duration;

use ::store::{
    Error, Tx,
    jobs::{self, Job, Outcome, Worker},
};
use domain::{TenantId, app::Language, number};
use mail::{Attachment, Letter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Pbx,
    model::{Mailbox, Message},
    store as rows,
};

const KIND: &str = "pbx.voicemail_notice";
/// The file is complete by then, even if the caller hung up in the middle of a word.
const SETTLE: Duration = Duration::from_secs(2);
/// Pause while the database is away.
const TRY_AGAIN: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Payload {
    message: i64,
    /// The letter's `Message-ID`.
    id: Uuid,
}

/// Has the owner of a mailbox written to, if that is wished.
pub(super) async fn add(tx: &mut Tx, tenant: TenantId, extension: &str, message: i64) -> Result<(), Error> {
    let mailbox = rows::voicemail::mailbox(tx, tenant, extension).await?;
    if mailbox.is_some_and(|mailbox| mailbox.email.is_some()) {
        let at = tx.now().after(SETTLE);
        jobs::add(tx, KIND, &Payload { message, id: Uuid::now_v7() }, at).await?;
    }
    Ok(())
}

pub(crate) fn job(pbx: &Pbx, worker: Worker) -> Worker {
    let pbx = pbx.clone();
    worker.on(KIND, move |job: Job, payload: Payload| {
        let pbx = pbx.clone();
        async move {
            match send(&pbx, &job, &payload).await {
                Ok(outcome) => outcome,
                Err(error) => Outcome::RetryAt(pbx.db.now().after(TRY_AGAIN), error.to_string()),
            }
        }
    })
}

async fn send(pbx: &Pbx, job: &Job, payload: &Payload) -> Result<Outcome, Error> {
    let tenant = job.tenant_id;
    let mut tx = pbx.db.read(tenant).await?;
    // Deleted in the meantime, or nobody wants letters any more: nothing to tell.
    let Some(message) = rows::voicemail::find(&mut tx, tenant, payload.message).await? else {
        return Ok(Outcome::Done);
    };
    let Some(mailbox) = rows::voicemail::mailbox(&mut tx, tenant, &message.extension).await? else {
        return Ok(Outcome::Done);
    };
    let Some(email) = mailbox.email.clone() else { return Ok(Outcome::Done) };
    drop(tx);
    if !pbx.mail.configured() {
        return Ok(Outcome::GiveUp("no relay for letters is set".to_owned()));
    }
    let sound = match mailbox.attach {
        true => tokio::fs::read(pbx.config.voicemail_dir.join(&message.path)).await.ok(),
        false => None,
    };
    let language = pbx.directory.account(tenant).map_or(Language::En, |account| account.places.language);
    let letter = letter(language, &mailbox, &message, &email, sound);
    Ok(pbx.mail.attempt(&letter, payload.id, job.attempt).await)
}

fn letter(language: Language, mailbox: &Mailbox, message: &Message, email: &str, sound: Option<Vec<u8>>) -> Letter {
    let extension = &mailbox.extension;
    let from = match (&message.caller_name, message.caller_number.as_str()) {
        (Some(name), number) => format!("{name} ({number})"),
        (None, number) => number.to_owned(),
    };
    let seconds = (message.duration_ms + 500) / 1_000;
    let (at, name) = (message.created_at.rfc3339(), format!("voicemail-{extension}-{}.wav", message.id));
    let (subject, text) = match language {
        Language::En => (
            format!("New voicemail for {extension} from {}", number::masked(&message.caller_number)),
            format!("Extension {extension} has a new message.\n\nFrom: {from}\nAt: {at}\nLength: {seconds} s\n"),
        ),
        Language::Vi => (
            format!("Lời nhắn thoại mới cho {extension} từ {}", number::masked(&message.caller_number)),
            format!("Máy nhánh {extension} có lời nhắn mới.\n\nTừ: {from}\nLúc: {at}\nThời lượng: {seconds} giây\n"),
        ),
    };
    let attachments =
        sound.map(|bytes| Attachment { name, content_type: "audio/wav".to_owned(), bytes }).into_iter().collect();
    Letter { to: vec![email.to_owned()], subject, text, html: None, attachments }
}

#[cfg(test)]
mod tests {
    use domain::{CallId, Timestamp};

    use super::*;
    use crate::model::MessageState;

    #[test]
    fn a_letter_says_who_called_and_brings_the_message() {
        let mailbox = Mailbox::usual(TenantId(1), "1001".to_owned());
        let message = Message {
            id: 7,
            tenant: TenantId(1),
            extension: "1001".to_owned(),
            call: CallId(Uuid::nil()),
            caller_number: "0912345678".to_owned(),
            caller_name: Some("Front\r\nBcc: x@example.com".to_owned()),
            state: MessageState::New,
            path: "1/a.wav".to_owned(),
            size_bytes: 0,
            duration_ms: 4_600,
            created_at: Timestamp(0),
        };
        let letter = letter(Language::Vi, &mailbox, &message, "owner@example.com", Some(vec![1, 2]));
        assert_eq!(letter.subject, "Lời nhắn thoại mới cho 1001 từ …678");
        assert!(letter.text.contains("0912345678") && letter.text.contains("5 giây"));
        assert_eq!(letter.attachments[0].name, "voicemail-1001-7.wav");
        assert!(!letter.subject.contains('\n'), "a name reaches the body only");
    }
}
