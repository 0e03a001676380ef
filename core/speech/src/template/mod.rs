//! Scripts with `{{variables}}`: parsed once, planned once for a voice, filled for each lead.
//!
//! ```text
//!   text ──parse──▶ Template ──plan(kinds, reading)──▶ Plan ──fill(values)──▶ segments
//!                                                       └──constants──▶ segments, to be rendered beforehand
//! ```

mod parse;
mod plan;
#[cfg(test)]
mod tests;

pub use parse::{Fault, Problem};
pub use plan::{Plan, Refusal};

use std::collections::BTreeMap;

use crate::{reading::Reading, slot::Kind};

/// The longest template, in characters.
pub const MOST_CHARS: usize = 10_000;
/// Placeholders in one template.
pub const MOST_SLOTS: usize = 100;
/// Different variables in one template.
pub const MOST_VARIABLES: usize = 32;
/// Characters of a variable's code.
pub const MOST_CODE: usize = 64;

/// The text of a script, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A variable, with the type that stands beside it, if one does.
    Slot {
        code: String,
        kind: Option<Kind>,
    },
}

impl Template {
    /// Reads a template. Decomposed letters are composed, characters without meaning are dropped.
    ///
    /// # Errors
    ///
    /// All problems that there are, by place; a text that is far too long is refused without being read.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        parse::parse(text).map(|parts| Self { parts })
    }

    /// Returns the codes of its variables, each once, in the order in which they are first named.
    pub fn variables(&self) -> Vec<&str> {
        let mut codes = Vec::new();
        for part in &self.parts {
            if let Part::Slot { code, .. } = part
                && !codes.contains(&code.as_str())
            {
                codes.push(code.as_str());
            }
        }
        codes
    }

    /// Decides how it is read: the type beside a variable wins over the declared one, and without either it is text.
    pub fn plan(&self, kinds: &BTreeMap<String, Kind>, reading: Reading) -> Plan {
        plan::plan(&self.parts, kinds, reading)
    }
}
