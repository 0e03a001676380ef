//! The nouns of this room as they are stored.

mod attempt;
mod campaign;
mod lead;
mod script;

pub(crate) use attempt::{Attempt, AttemptResult};
pub(crate) use campaign::{CallPurpose, Campaign, CampaignStatus, RetryWhen};
pub(crate) use lead::{BlockSource, Blocked, Lead, LeadStatus, Refused};
pub(crate) use script::{DtmfAction, Script, ScriptStatus, Tier, Variable, VariableType};

/// Declares an enum whose variants are stored and sent under fixed names.
///
/// A macro, so that the name, the parser and the list of each enum cannot drift apart.
macro_rules! names {
    ($($(#[$doc:meta])* pub(crate) enum $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)?
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the value of that name, `None` if there is no such name.
            pub(crate) fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
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
use names;
