//! The catalogue of events and the envelope they travel in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CallId, TenantId, Timestamp};

macro_rules! catalogue {
    ($($variant:ident = $name:literal),*; $($(#[$doc:meta])* $inner:ident = $inner_name:literal),* $(,)?) => {
        /// Every event name that a webhook may subscribe to, and those that only the product itself listens to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventName { $($variant,)* $($(#[$doc])* $inner),* }

        impl EventName {
            /// The catalogue: what a webhook may subscribe to.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* $(Self::$inner => $inner_name),* }
            }

            /// Returns the event of that name, `None` if the catalogue has no such name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

// A macro, so that the name, the parser and the list cannot drift apart.
catalogue! {
    CallRinging = "pbx.call.ringing",
    CallAnswered = "pbx.call.answered",
    CallHangup = "pbx.call.hangup",
    CdrCreated = "pbx.cdr.created",
    WebhookTest = "webhook.test",
    AlertRaised = "alert.raised",
    AlertResolved = "alert.resolved",
    AutocallStarted = "autocall.campaign.started",
    AutocallPaused = "autocall.campaign.paused",
    AutocallResumed = "autocall.campaign.resumed",
    AutocallFinished = "autocall.campaign.finished",
    AutocallCompleted = "autocall.campaign.completed",
    AutocallLeadAdded = "autocall.lead.added",
    AutocallAudioReady = "autocall.lead.audio_ready",
    AutocallLeadDialed = "autocall.lead.dialed",
    AutocallCallInitiated = "autocall.call.initiated",
    AutocallLeadAnswered = "autocall.lead.answered",
    AutocallCallAnswered = "autocall.call.answered",
    AutocallLeadPressed = "autocall.lead.dtmf_pressed",
    AutocallPressed = "autocall.dtmf.pressed",
    AutocallLeadTransferred = "autocall.lead.transferred",
    AutocallCallTransferred = "autocall.call.transferred",
    AutocallCallCompleted = "autocall.call.completed",
    AutocallLeadCompleted = "autocall.lead.completed",
    AutocallRenderFailed = "autocall.tts.render_failed";
    /// A call from outside reached one of the account's numbers: what the incoming-call webhook is told of.
    /// Its `data` is call_uuid, caller_id_name, caller_id_number and destination_number.
    CallIncoming = "pbx.call.incoming",
}

impl EventName {
    /// Returns the second published name of the same occurrence, if it has one. Whoever subscribed to either is told by
    /// that name.
    pub const fn twin(self) -> Option<Self> {
        Some(match self {
            Self::AutocallFinished => Self::AutocallCompleted,
            Self::AutocallLeadDialed => Self::AutocallCallInitiated,
            Self::AutocallLeadAnswered => Self::AutocallCallAnswered,
            Self::AutocallLeadPressed => Self::AutocallPressed,
            Self::AutocallLeadTransferred => Self::AutocallCallTransferred,
            _ => return None,
        })
    }
}

impl Serialize for EventName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("unknown event name"))
    }
}

/// Something that happened and that somebody may have asked to be told of.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Uuid,
    pub name: EventName,
    pub tenant: TenantId,
    /// When it happened; the envelope's `timestamp`.
    pub at: Timestamp,
    /// The call it belongs to. Events of one call are handed to one webhook in order.
    pub call: Option<CallId>,
    /// The `data` object as JSON text.
    pub data: String,
}

impl Event {
    /// Returns the envelope, byte for byte as it is signed and sent on every attempt:
    /// `{"event":…,"timestamp":…,"tenant_id":…,"data":…}`.
    pub fn body(&self) -> String {
        format!(
            r#"{{"event":"{}","timestamp":"{}","tenant_id":{},"data":{}}}"#,
            self.name.as_str(),
            self.at.rfc3339(),
            self.tenant,
            self.data
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_catalogue_parses_back() {
        for name in EventName::ALL {
            assert_eq!(EventName::parse(name.as_str()), Some(*name));
        }
        assert_eq!(EventName::parse("pbx.call.sang"), None);
        assert_eq!(EventName::parse(EventName::CallIncoming.as_str()), None, "nobody can subscribe to it");
    }

    #[test]
    fn a_second_name_has_no_further_name() {
        let twins: Vec<_> = EventName::ALL.iter().filter_map(|name| name.twin()).collect();
        assert_eq!(twins.len(), 5);
        assert!(twins.iter().all(|twin| twin.twin().is_none()));
    }

    #[test]
    fn the_envelope_is_the_contracts() {
        let event = Event {
            id: Uuid::nil(),
            name: EventName::CallRinging,
            tenant: TenantId(1),
            at: Timestamp(0),
            call: None,
            data: r#"{"a":1}"#.to_owned(),
        };
        assert_eq!(
            event.body(),
            r#"{"event":"pbx.call.ringing","timestamp":"1970-01-01T00:00:00.000Z","tenant_id":1,"data":{"a":1}}"#
        );
    }
}
