//! The voices that scripts may choose.

use domain::Principal;

use super::may_read;
use crate::{Autocall, Result};

/// A voice that a script may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) gender: &'static str,
    /// A language tag.
    pub(crate) language: &'static str,
}

/// The voices of the server itself.
pub(crate) const LOCAL: &[Voice] = &[
    Voice { id: "vi-VN-female-01", name: "vi-VN-female-01", gender: "female", language: "vi" },
    Voice { id: "en-US-female-01", name: "en-US-female-01", gender: "female", language: "en" },
];

/// Returns the voice of that id.
pub(crate) fn find(id: &str) -> Option<&'static Voice> {
    LOCAL.iter().find(|voice| voice.id == id)
}

impl Autocall {
    /// Lists the voices.
    pub(crate) fn voices(&self, who: &Principal) -> Result<&'static [Voice]> {
        may_read(who)?;
        Ok(LOCAL)
    }
}
