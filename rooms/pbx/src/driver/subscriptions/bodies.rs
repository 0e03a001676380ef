//! The documents that phones are told: dialog-info (RFC 4235) and message-summary (RFC 3842).

use std::fmt::Write as _;

use crate::{
    driver::live::{LegView, View},
    model::{Direction, Waiting},
};

pub(super) const DIALOG_INFO: &str = "application/dialog-info+xml";
pub(super) const MESSAGE_SUMMARY: &str = "application/simple-message-summary";

/// One call of a watched extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lamp {
    /// The leg, which names the dialog for as long as it lives.
    id: String,
    /// The extension called; otherwise it was called.
    initiator: bool,
    /// `early` while it rings, `confirmed` once it talks.
    confirmed: bool,
    /// The other side's number.
    remote: String,
}

impl Lamp {
    /// Returns what an extension's leg of a live call shows; nothing once it is over.
    pub(super) fn of(view: &View, leg: &LegView) -> Option<Self> {
        let initiator = leg.side == "caller";
        // A caller from outside is filed under the extension that it calls.
        let is_outside = initiator && view.direction == Direction::Inbound;
        let remote = if initiator { &view.destination_number } else { &view.caller_number };
        (leg.state != "ended" && !is_outside).then(|| Self {
            id: leg.uuid.to_string(),
            initiator,
            confirmed: matches!(leg.state, "answered" | "held"),
            remote: remote.clone(),
        })
    }
}

/// Returns the full state of an extension: its calls, or one that is over, as phones expect it of an idle one.
pub(super) fn dialog_info(extension: &str, host: &str, version: u32, lamps: &[Lamp]) -> String {
    let (extension, host) = (escaped(extension), escaped(host));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" \
         entity=\"sip:{extension}@{host}\">\n"
    );
    if lamps.is_empty() {
        let _ = writeln!(text, "<dialog id=\"{extension}\"><state>terminated</state></dialog>");
    }
    for lamp in lamps {
        let direction = if lamp.initiator { "initiator" } else { "recipient" };
        let state = if lamp.confirmed { "confirmed" } else { "early" };
        let remote = escaped(&lamp.remote);
        let _ = writeln!(
            text,
            "<dialog id=\"{}\" direction=\"{direction}\"><state>{state}</state>\
             <remote><identity>sip:{remote}@{host}</identity><target uri=\"sip:{remote}@{host}\"/></remote>\
             <local><identity>sip:{extension}@{host}</identity><target uri=\"sip:{extension}@{host}\"/></local></dialog>",
            lamp.id
        );
    }
    text.push_str("</dialog-info>\n");
    text
}

/// Returns the summary of a mailbox.
pub(super) fn message_summary(extension: &str, host: &str, messages: Waiting) -> String {
    let waiting = if messages.new > 0 { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: sip:{extension}@{host}\r\nVoice-Message: {}/{} (0/0)\r\n",
        messages.new, messages.old
    )
}

/// Returns a text that means nothing to XML and nothing to a URI.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => safe.push('?'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lamp(confirmed: bool, initiator: bool, remote: &str) -> Lamp {
        Lamp { id: "018f".to_owned(), initiator, confirmed, remote: remote.to_owned() }
    }

    #[test]
    fn an_idle_extension_shows_a_dialog_that_is_over() {
        let text = dialog_info("1001", "pbx.example", 3, &[]);
        assert!(text.contains("version=\"3\" state=\"full\" entity=\"sip:1001@pbx.example\""), "{text}");
        assert!(text.contains("<state>terminated</state>"), "{text}");
    }

    #[test]
    fn a_call_shows_its_direction_its_state_and_the_other_side() {
        let text = dialog_info("1001", "pbx.example", 0, &[lamp(false, false, "1002"), lamp(true, true, "0901")]);
        assert!(text.contains("direction=\"recipient\"><state>early</state><remote><identity>sip:1002@pbx.example<"));
        assert!(text.contains("direction=\"initiator\"><state>confirmed</state><remote><identity>sip:0901@"), "{text}");
    }

    #[test]
    fn a_hostile_number_stays_text() {
        let text = dialog_info("1001", "h", 0, &[lamp(true, false, "\"><state>x</state>\r\n&\u{1b}")]);
        assert!(text.contains("sip:&quot;&gt;&lt;state&gt;x&lt;/state&gt;??&amp;?@h"), "{text}");
    }

    #[test]
    fn the_summary_counts_new_and_old_messages() {
        let text = message_summary("1001", "pbx.example", Waiting { new: 2, old: 8 });
        assert_eq!(
            text,
            "Messages-Waiting: yes\r\nMessage-Account: sip:1001@pbx.example\r\nVoice-Message: 2/8 (0/0)\r\n"
        );
        assert!(message_summary("1", "h", Waiting::default()).starts_with("Messages-Waiting: no\r\n"));
    }
}
