//! Bad fields of a request, collected so that one 422 lists them all.

use serde_json::{Map, Value};

use crate::{Error, Language, Text};

/// Most messages that one answer lists; a body full of mistakes does not make a bigger answer.
const MOST: usize = 100;

/// Collects what is wrong with a request, field by field, in the order found.
///
/// ```
/// # use web::{Fields, Rule};
/// let mut fields = Fields::new();
/// let name = fields.require("name", None::<String>);
/// fields.check("limit", false, Rule::Between(1, 100));
/// assert!(name.is_none());
/// let error = fields.finish().unwrap_err();
/// assert_eq!(error.status(), 422);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    list: Vec<(String, Rule)>,
}

/// What is wrong with a field. Each rule has its sentence in every language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Required,
    /// The characters are not those of such a value.
    Format,
    /// It names something that does not exist or may not be used.
    Selected,
    /// JSON of another kind: `string`, `integer`, `boolean`, `array`, `object`.
    Type(&'static str),
    /// A number outside of min..=max.
    Between(i64, i64),
    /// A text with fewer or more characters than min..=max.
    Length(usize, usize),
    /// A list with fewer or more entries than min..=max.
    Entries(usize, usize),
    Taken,
    /// Something else, said as it is.
    Text(Text),
}

impl Fields {
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Records that `field` (`leads.3.phone` for nested ones) breaks `rule`.
    pub fn add(&mut self, field: impl Into<String>, rule: impl Into<Rule>) {
        if self.list.len() < MOST {
            self.list.push((field.into(), rule.into()));
        }
    }

    /// Records `rule` unless `holds`.
    pub fn check(&mut self, field: &str, holds: bool, rule: impl Into<Rule>) {
        if !holds {
            self.add(field, rule);
        }
    }

    /// Passes the value on; a missing one is recorded as required.
    pub fn require<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        self.check(field, value.is_some(), Rule::Required);
        value
    }

    /// Passes a text on whose length in characters, without surrounding blanks, is within min..=max.
    /// A missing or blank one is recorded as required.
    pub fn require_text(&mut self, field: &str, value: Option<&str>, min: usize, max: usize) -> Option<String> {
        let text = value.map(str::trim).filter(|text| !text.is_empty());
        let text = self.require(field, text)?;
        self.text(field, Some(text), min, max)
    }

    /// Passes an optional text on whose length in characters, without surrounding blanks, is within min..=max.
    pub fn text(&mut self, field: &str, value: Option<&str>, min: usize, max: usize) -> Option<String> {
        let text = value.map(str::trim)?;
        let fits = (min..=max).contains(&text.chars().count());
        self.check(field, fits, Rule::Length(min, max));
        let plain = !text.contains(|c: char| c.is_control());
        self.check(field, plain, Rule::Format);
        (fits && plain).then(|| text.to_owned())
    }

    /// Passes an optional number on that is within min..=max.
    pub fn number(&mut self, field: &str, value: Option<i64>, min: i64, max: i64) -> Option<i64> {
        let value = value?;
        let fits = (min..=max).contains(&value);
        self.check(field, fits, Rule::Between(min, max));
        fits.then_some(value)
    }

    /// Returns a 422 if anything was recorded.
    pub fn finish(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }

    /// Returns every bad field with its rule, to be added to others under another name.
    pub fn into_rules(self) -> impl Iterator<Item = (String, Rule)> {
        self.list.into_iter()
    }

    /// Returns the names of the bad fields, in the order found.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| name.as_str())
    }

    /// Returns each field with the first rule that it breaks, in the order found.
    pub fn broken(&self) -> impl Iterator<Item = (&str, &Rule)> {
        let is_first =
            |(at, (field, _)): &(usize, &(String, Rule))| self.names().position(|name| name == field) == Some(*at);
        self.list.iter().enumerate().filter(is_first).map(|(_, (field, rule))| (field.as_str(), rule))
    }

    /// Returns each field with its first message in `language`, which names the field as the API does.
    pub fn messages(&self, language: Language) -> Vec<(&str, String)> {
        self.broken().map(|(field, rule)| (field, crate::language::rule(language, field, rule))).collect()
    }

    pub(crate) fn to_json(&self, language: Language) -> Map<String, Value> {
        let mut map = Map::new();
        for (field, rule) in &self.list {
            let messages = map.entry(field.as_str()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(messages) = messages {
                messages.push(Value::String(crate::language::rule(language, field, rule)));
            }
        }
        map
    }
}

impl std::fmt::Display for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Value::Object(self.to_json(Language::En)).fmt(f)
    }
}

impl<F: Into<String>, R: Into<Rule>> FromIterator<(F, R)> for Fields {
    fn from_iter<I: IntoIterator<Item = (F, R)>>(list: I) -> Self {
        let mut fields = Self::new();
        for (field, rule) in list {
            fields.add(field, rule);
        }
        fields
    }
}

impl<T: Into<Text>> From<T> for Rule {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_are_the_contracts() {
        let mut fields = Fields::new();
        fields.add("username", Rule::Required);
        fields.add("extension_number", Rule::Format);
        fields.add("outbound_caller_id", Rule::Selected);
        fields.add("leads.3.phone", Rule::Length(1, 20));
        let json = Value::Object(fields.to_json(Language::En));
        assert_eq!(
            json,
            serde_json::json!({
                "username": ["The username field is required."],
                "extension_number": ["Extension number format is invalid."],
                "outbound_caller_id": ["The selected outbound caller id is invalid."],
                "leads.3.phone": ["The leads.3.phone must be between 1 and 20 characters."],
            })
        );
    }

    #[test]
    fn texts_are_trimmed_counted_in_characters_and_free_of_control_characters() {
        let mut fields = Fields::new();
        assert_eq!(fields.require_text("name", Some("  Tổng đài "), 1, 8).as_deref(), Some("Tổng đài"));
        assert!(fields.is_empty());
        assert_eq!(fields.require_text("name", Some("   "), 1, 8), None);
        assert_eq!(fields.text("note", Some("a\0b"), 0, 8), None);
        assert_eq!(fields.names().collect::<Vec<_>>(), ["name", "note"]);
    }

    #[test]
    fn a_body_full_of_mistakes_does_not_make_a_bigger_answer() {
        let fields: Fields = (0..10_000).map(|n| (n.to_string(), Rule::Required)).collect();
        assert_eq!(fields.names().count(), MOST);
    }
}
