//! The nouns of this room as they are stored.

pub mod call;
pub mod caller_id;
pub mod caller_id_group;
pub mod cdr;
pub mod extension;
pub mod forwarding;
pub mod menus;
pub mod prompts;
pub mod queues;
pub mod rate;
pub(crate) mod recording_name;
pub mod registration;
pub mod ring_groups;
pub mod route;
pub mod time_condition;
pub(crate) mod toll;
pub mod trunk;
pub mod trunk_registration;
pub mod voicemail;

pub use domain::call::EndedBy as HangupBy;

pub use call::{Boot, CallState, Direction, LiveCall, SourceType};
pub use caller_id::{CallerId, CallerIdStatus};
pub use caller_id_group::{CallerIdGroup, CallerIdGroupStatus, GroupMember, Quarter};
pub use cdr::{Cdr, CdrBody, CdrDetail, RecordingInfo, RecordingState};
pub use extension::{Credentials, Extension, ExtensionStatus, Ha1Pair, RecordingMode};
pub use forwarding::Forwarding;
pub use menus::{KeyAction, MenuRow};
pub use prompts::StoredPrompt;
pub use queues::{Abandoned, Agent, AgentWork, Queue, QueueFigures, QueueLine, QueueStatus, QueueTier};
pub use rate::Rate;
pub use registration::Binding;
pub use ring_groups::{RingGroup, RingStrategy};
pub use route::{NewRoute, Route, RouteKind, RouteOptions};
pub use time_condition::TimeCondition;
pub use trunk::{Trunk, TrunkAuth, TrunkDtmf, TrunkOptions, TrunkSrtp, TrunkStatus, TrunkTransport};
pub use trunk_registration::{RegistrationState, TrunkRegistration};
pub use voicemail::{Mailbox, Message, MessageState, Waiting};

/// Declares an enum whose variants are stored and sent under fixed names.
///
/// A macro, so that the name, the parser and the list of each enum cannot drift apart.
macro_rules! names {
    ($($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the value of that name, `None` if there is no such name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl store::Column for $name {
            fn from_cell(cell: store::Cell<'_>) -> Result<Self, String> {
                let name = cell.text()?;
                Self::parse(name).ok_or_else(|| format!("unknown name {name:?}"))
            }
        }

        impl store::Bind for $name {
            const KIND: store::Kind = store::Kind::Text;

            fn into_value(self) -> store::Value {
                store::Value::Text(self.as_str().to_owned())
            }
        }
    )+};
}
pub(crate) use names;
