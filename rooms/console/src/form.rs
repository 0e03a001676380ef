//! A form: what was put into it, and what is wrong with that.

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use web::{Language, Rule};

use crate::{
    Failure,
    asked::MOST_VALUES,
    view::View,
    words::{self, fill},
};

/// Values by field, with errors by field. As an argument of a handler it is the posted form, whose token was checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    values: Vec<(String, String)>,
    errors: Vec<(String, String)>,
    message: Option<String>,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn read(body: &[u8]) -> Self {
        let values = form_urlencoded::parse(body).take(MOST_VALUES);
        let values = values.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Self { values, ..Self::default() }
    }

    /// Adds what a form shows before anybody touched it.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.push((name.to_owned(), value.to_string()));
        self
    }

    /// Returns a value as it was put in; the empty text if it is not there.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
    }

    /// Returns a value without blanks around it.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value(name).trim()
    }

    /// Returns a value without blanks around it, if there is anything in it.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Returns a whole number; `None` for an empty field. Anything else is an error of the field.
    pub(crate) fn number(&mut self, view: &View, name: &str) -> Option<i64> {
        let text = self.optional(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.wrong(name, view.t("common.not_a_number"));
        }
        number
    }

    /// Returns every value of a field that may be chosen more than once.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// Tells whether a checkbox is ticked.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values.iter().any(|(other, _)| other == name)
    }

    /// Tells whether a value is chosen, for `<option selected>` and `checked`.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.list(name).any(|other| other == value)
    }

    pub(crate) fn wrong(&mut self, name: &str, text: impl Into<String>) {
        self.errors.push((name.to_owned(), text.into()));
    }

    pub(crate) fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str())
    }

    /// Returns what is wrong with the form as a whole.
    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns every error, so that none goes unseen whose field is not on the page.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &(String, String)> {
        self.errors.iter()
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.message.is_some() || !self.errors.is_empty()
    }

    /// Says what is wrong with the form as a whole.
    #[must_use]
    pub(crate) fn with_message(mut self, text: impl Into<String>) -> Self {
        self.message = Some(text.into());
        self
    }

    /// Takes a room's refusal over into the form; whatever is no matter of the form fails the page.
    ///
    /// # Errors
    /// Everything but 422 and 409.
    pub(crate) fn refused(mut self, view: &View, error: impl Into<web::Error>) -> Result<Self, Failure> {
        let error = error.into();
        if ![StatusCode::UNPROCESSABLE_ENTITY, StatusCode::CONFLICT].contains(&error.status()) {
            return Err(error.into());
        }
        for (field, rule) in error.fields().broken() {
            self.wrong(field, said(view.language(), rule));
        }
        self.message = Some(match self.errors.is_empty() {
            true => error.text(view.language()).to_owned(),
            false => view.t("common.form_wrong").to_owned(),
        });
        Ok(self)
    }
}

/// Returns the sentence for a broken rule. It stands beside the field's label, so unlike the API's it names no field.
pub(crate) fn said(language: Language, rule: &Rule) -> String {
    let text = |key| words::text(language, key);
    match rule {
        Rule::Required => text("common.rule.required").to_owned(),
        Rule::Format => text("common.rule.format").to_owned(),
        Rule::Selected => text("common.rule.selected").to_owned(),
        Rule::Type("integer") => text("common.not_a_number").to_owned(),
        Rule::Type(_) => text("common.rule.kind").to_owned(),
        Rule::Between(least, i64::MAX) => fill(text("common.rule.at_least"), &[least]),
        Rule::Between(least, most) => fill(text("common.rule.between"), &[least, most]),
        Rule::Length(0 | 1, most) => fill(text("common.rule.at_most"), &[most]),
        Rule::Length(least, most) => fill(text("common.rule.length"), &[least, most]),
        Rule::Entries(0 | 1, most) => fill(text("common.rule.entries_at_most"), &[most]),
        Rule::Entries(least, most) => fill(text("common.rule.entries"), &[least, most]),
        Rule::Taken => text("common.rule.taken").to_owned(),
        Rule::Text(text) => text.said(language).to_owned(),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or(Failure::Refused(web::Error::unsupported_media_type()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_rule_is_said_without_the_name_that_the_api_has_for_the_field() {
        for (rule, en, vi) in [
            (Rule::Required, "This is required.", "Mục này là bắt buộc."),
            (Rule::Between(5, 300), "Enter a number from 5 to 300.", "Hãy nhập số từ 5 đến 300."),
            (Rule::Length(1, 64), "Enter at most 64 characters.", "Hãy nhập nhiều nhất 64 ký tự."),
            (Rule::Length(12, 64), "Enter 12 to 64 characters.", "Hãy nhập từ 12 đến 64 ký tự."),
            (Rule::Type("integer"), "Enter a whole number.", "Hãy nhập một số nguyên."),
            (Rule::Text(web::Text::new("So.", "Vậy.")), "So.", "Vậy."),
        ] {
            assert_eq!((said(Language::En, &rule), said(Language::Vi, &rule)), (en.to_owned(), vi.to_owned()));
        }
    }

    #[test]
    fn a_form_keeps_what_was_put_in() {
        let form = Form::read(b"name=+An+&scopes=a&scopes=b&tick=on&empty=");
        assert_eq!((form.value("name"), form.text("name")), (" An ", "An"));
        assert_eq!(form.list("scopes").collect::<Vec<_>>(), ["a", "b"]);
        assert!(form.flag("tick") && !form.flag("tock") && form.has("scopes", "b"));
        assert_eq!((form.optional("empty"), form.optional("gone")), (None, None));
    }
}
