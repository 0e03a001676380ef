//! Mailboxes and the messages in them.

use domain::{CallId, TenantId, Timestamp};

use super::names;

/// Most messages of a mailbox.
pub const MOST_MESSAGES: i64 = 100;

/// The settings of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub tenant: TenantId,
    pub extension: String,
    /// HMAC of the PIN.
    pub pin_mac: Option<Vec<u8>>,
    /// Wrong PINs since the last right one.
    pub pin_failures: i64,
    /// No PIN is looked at before.
    pub locked_until: Option<Timestamp>,
    /// Below the folder of voicemail.
    pub greeting_path: Option<String>,
    pub greeting_ms: Option<i64>,
    /// Who is written to when a message was left.
    pub email: Option<String>,
    /// Whether the letter brings the message along.
    pub attach: bool,
    /// Whether callers may hear their message and speak it anew.
    pub review: bool,
}

impl Mailbox {
    /// Returns the settings of a mailbox that nobody has set up.
    pub const fn usual(tenant: TenantId, extension: String) -> Self {
        Self {
            tenant,
            extension,
            pin_mac: None,
            pin_failures: 0,
            locked_until: None,
            greeting_path: None,
            greeting_ms: None,
            email: None,
            attach: true,
            review: false,
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: i64,
    pub tenant: TenantId,
    pub extension: String,
    pub call: CallId,
    pub caller_number: String,
    pub caller_name: Option<String>,
    pub state: MessageState,
    /// Below the folder of voicemail.
    pub path: String,
    pub size_bytes: i64,
    pub duration_ms: i64,
    pub created_at: Timestamp,
}

names! {
    pub enum MessageState {
        /// Being spoken, or in review.
        Recording = "recording",
        New = "new",
        /// Listened to.
        Old = "old",
    }
}

/// How many messages wait: what a telephone's lamp shows (RFC 3842).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub new: u32,
    pub old: u32,
}
