//! What an extension wants done with its calls.

/// Where calls of an extension go instead of its phones, and how long these ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    pub always: Option<String>,
    pub busy: Option<String>,
    pub no_answer: Option<String>,
    pub offline: Option<String>,
    pub do_not_disturb: bool,
    /// 5-300 s.
    pub ring_seconds: Option<i64>,
}

/// The target that is the extension's own mailbox; every other is a number as the extension would dial it.
pub const TO_VOICEMAIL: &str = "voicemail";
