//! A letter, and what may be in it.

use std::time::{Duration, UNIX_EPOCH};

use domain::Timestamp;
use lettre::{
    Address, Message,
    message::{Attachment as Part, Mailbox, MultiPart, SinglePart, header::ContentType},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;

/// People that one letter goes to.
const RECIPIENTS: usize = 20;
/// Characters of a subject.
const SUBJECT: usize = 200;
/// Bytes of a body, of each form.
const BODY: usize = 64 * 1024;
/// Bytes of all that is attached.
const ATTACHED: usize = 8 * 1024 * 1024;

/// What is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Addresses, 1 to 20. None of them learns of the others.
    pub to: Vec<String>,
    /// At most 200 characters; control characters become spaces.
    pub subject: String,
    /// At most 64 KiB.
    pub text: String,
    /// The same for programs that show HTML. The caller escapes what it puts in.
    pub html: Option<String>,
    /// At most 8 MiB in all. Only a letter that a job of its own hands over ([`crate::Mail::attempt`]) carries any: what
    /// waits in the database does not.
    #[serde(skip)]
    pub attachments: Vec<Attachment>,
}

/// A file that a letter brings along.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Without folders.
    pub name: String,
    /// Such as `audio/wav`.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({}, {} bytes)", self.name, self.bytes.len())
    }
}

/// Returns whether it is one address, such as `someone@example.com`, and nothing else.
pub fn is_address(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || c.is_whitespace()) && text.parse::<Address>().is_ok()
}

impl Letter {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.to.is_empty() || self.to.len() > RECIPIENTS {
            return Err(Error::Letter("a letter has 1 to 20 recipients"));
        }
        if !self.to.iter().all(|address| is_address(address)) {
            return Err(Error::Letter("a recipient is no address"));
        }
        if self.subject.chars().count() > SUBJECT {
            return Err(Error::Letter("a subject has at most 200 characters"));
        }
        if self.text.len() > BODY || self.html.as_ref().is_some_and(|html| html.len() > BODY) {
            return Err(Error::Letter("a letter has at most 64 KiB"));
        }
        if self.attachments.iter().map(|file| file.bytes.len()).sum::<usize>() > ATTACHED {
            return Err(Error::Letter("a letter brings along at most 8 MiB"));
        }
        Ok(())
    }

    /// Splits it into one letter for each recipient.
    pub(crate) fn each(&self) -> impl Iterator<Item = Self> {
        self.to.iter().map(|to| Self { to: vec![to.clone()], ..self.clone() })
    }

    /// Writes it down. The id becomes the `Message-ID`, the same at every attempt.
    pub(crate) fn message(&self, from: &Mailbox, id: Uuid, now: Timestamp) -> Result<Message, Error> {
        let millis = u64::try_from(now.millis()).unwrap_or_default();
        let mut builder = Message::builder()
            .from(from.clone())
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .subject(one_line(&self.subject));
        for to in &self.to {
            let address = to.parse::<Address>().map_err(|_| Error::Letter("a recipient is no address"))?;
            builder = builder.to(Mailbox::new(None, address));
        }
        let message = match (&self.html, self.attachments.is_empty()) {
            (Some(html), true) => builder.multipart(MultiPart::alternative_plain_html(self.text.clone(), html.clone())),
            (None, true) => builder.singlepart(SinglePart::plain(self.text.clone())),
            (html, false) => {
                let mixed = MultiPart::mixed();
                let mut parts = match html {
                    Some(html) => mixed.multipart(MultiPart::alternative_plain_html(self.text.clone(), html.clone())),
                    None => mixed.singlepart(SinglePart::plain(self.text.clone())),
                };
                for file in &self.attachments {
                    let kind = ContentType::parse(&file.content_type)
                        .map_err(|_| Error::Letter("an attachment has no known kind"))?;
                    let name = one_line(&file.name);
                    parts = parts.singlepart(Part::new(name).body(file.bytes.clone(), kind));
                }
                builder.multipart(parts)
            }
        };
        message.map_err(|_| Error::Letter("the letter cannot be written down"))
    }
}

/// What separates lines would end a header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}
