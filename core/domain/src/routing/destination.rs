//! What a number may lead to.

use crate::{cause::Cause, ids::TrunkId, number};

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Ring the registered phones of this extension.
    Extension(String),
    /// Dial out; the trunks in the order in which to try them.
    Outbound(Vec<TrunkId>),
    RingGroup(i64),
    /// A queue by its name.
    Queue(String),
    Menu(i64),
    /// Leave a message in the box of this extension.
    Voicemail(String),
    /// One's own box, opened by its PIN.
    VoicemailMain,
    /// A prompt, then the end.
    Announcement(i64),
    /// A conference room by its number.
    Conference(String),
    Echo,
    Park,
    /// Take the call that is parked there.
    Retrieve(u16),
    /// Answer a call that rings at this extension, or anywhere in one's own group.
    Pickup(Option<String>),
    /// Change something; the caller hears a confirmation.
    Setting(Setting),
    Reject(Cause),
}

/// What a feature code changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    DoNotDisturb(bool),
    /// Forward every call there, or no longer.
    Forward(Option<String>),
    /// Override of a time condition: automatic, open, closed and round again.
    TimeCondition(i64),
}

impl Destination {
    /// Every kind that a number or a key may be given in the settings.
    pub const KINDS: &'static [&'static str] = &[
        "extension",
        "ring_group",
        "queue",
        "menu",
        "voicemail",
        "voicemail_main",
        "announcement",
        "conference",
        "echo",
        "hangup",
    ];

    /// Returns the name of the kind, as stored and shown.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Extension(_) => "extension",
            Self::Outbound(_) => "outbound",
            Self::RingGroup(_) => "ring_group",
            Self::Queue(_) => "queue",
            Self::Menu(_) => "menu",
            Self::Voicemail(_) => "voicemail",
            Self::VoicemailMain => "voicemail_main",
            Self::Announcement(_) => "announcement",
            Self::Conference(_) => "conference",
            Self::Echo => "echo",
            Self::Park => "park",
            Self::Retrieve(_) => "retrieve",
            Self::Pickup(_) => "pickup",
            Self::Setting(_) => "setting",
            Self::Reject(_) => "hangup",
        }
    }

    /// Returns what of that kind, empty if the kind says it all.
    pub fn target(&self) -> String {
        match self {
            Self::Extension(text) | Self::Queue(text) | Self::Voicemail(text) | Self::Conference(text) => text.clone(),
            Self::RingGroup(id) | Self::Menu(id) | Self::Announcement(id) => id.to_string(),
            Self::Reject(cause) => cause.as_str().to_owned(),
            Self::Retrieve(slot) => slot.to_string(),
            Self::Pickup(extension) => extension.clone().unwrap_or_default(),
            Self::Outbound(_) | Self::VoicemailMain | Self::Echo | Self::Park | Self::Setting(_) => String::new(),
        }
    }

    /// Returns the destination of that kind and target. `None` if it is none that settings may name: nothing that
    /// leads out again, and nothing that acts for whoever calls.
    pub fn read(kind: &str, target: &str) -> Option<Self> {
        let id = || target.parse::<i64>().ok().filter(|id| *id > 0);
        let text = || (!target.is_empty()).then(|| target.to_owned());
        let own = || number::is_extension(target).then(|| target.to_owned());
        Some(match kind {
            "extension" => Self::Extension(own()?),
            "ring_group" => Self::RingGroup(id()?),
            "queue" => Self::Queue(text()?),
            "menu" => Self::Menu(id()?),
            "voicemail" => Self::Voicemail(own()?),
            "voicemail_main" => Self::VoicemailMain,
            "announcement" => Self::Announcement(id()?),
            "conference" => {
                let room = (1..=8).contains(&target.len()) && target.bytes().all(|digit| digit.is_ascii_digit());
                Self::Conference(room.then(|| target.to_owned())?)
            }
            "echo" => Self::Echo,
            "hangup" if target.is_empty() => Self::Reject(Cause::NormalClearing),
            "hangup" => Self::Reject(Cause::parse(target)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_settings_may_name_is_read_as_it_was_written() {
        for (kind, target) in [
            ("extension", "1001"),
            ("ring_group", "7"),
            ("queue", "support"),
            ("menu", "3"),
            ("voicemail", "1001"),
            ("voicemail_main", ""),
            ("announcement", "12"),
            ("conference", "42"),
            ("echo", ""),
            ("hangup", "USER_BUSY"),
        ] {
            let read = Destination::read(kind, target).unwrap_or_else(|| panic!("{kind}"));
            assert_eq!((read.kind(), read.target().as_str()), (kind, target));
            assert!(Destination::KINDS.contains(&kind));
        }
        assert_eq!(Destination::read("hangup", ""), Some(Destination::Reject(Cause::NormalClearing)));
    }

    #[test]
    fn nothing_that_leads_out_or_acts_for_the_caller_can_be_named() {
        for (kind, target) in [
            ("outbound", "1"),
            ("pickup", "1001"),
            ("park", ""),
            ("setting", ""),
            ("extension", "0987654321012"),
            ("extension", ""),
            ("menu", "x"),
            ("menu", "-1"),
            ("conference", "12#"),
            ("hangup", "NO_SUCH_CAUSE"),
            ("", ""),
        ] {
            assert_eq!(Destination::read(kind, target), None, "{kind} {target}");
        }
    }
}
