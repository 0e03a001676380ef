//! What a page's address asks for: filters, words to find, which page of a list.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use domain::Timestamp;
use http::request::Parts;
use jiff::{ToSpan as _, civil::Date};
use web::Page;

use crate::view::View;

/// Rows of a page of a list.
const PER_PAGE: i64 = 25;
/// Values that are read of one query or form; the rest is left out.
pub(crate) const MOST_VALUES: usize = 2000;

/// The query of a request. Nothing in it is an error: what makes no sense counts as not said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    path: String,
    values: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns a value without blanks around it; the empty text if it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.trim())
    }

    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name).parse().ok()
    }

    /// Tells whether a choice of the filters is the chosen one, for `<option selected>`.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.text(name) == value
    }

    /// Tells whether anything narrows the list: then an empty one says so.
    pub(crate) fn narrows(&self) -> bool {
        self.values.iter().any(|(name, value)| name != "page" && !value.trim().is_empty())
    }

    pub(crate) fn page(&self) -> Page {
        Page { page: self.number("page").unwrap_or(1).clamp(1, 1_000_000), per_page: PER_PAGE }
    }

    /// Returns the start of the day `name` in the account's time zone.
    pub(crate) fn day_start(&self, view: &View, name: &str) -> Option<Timestamp> {
        self.day(name).and_then(|day| start_of(view, day))
    }

    /// Returns the end of the day `name`, which is the start of the next.
    pub(crate) fn day_end(&self, view: &View, name: &str) -> Option<Timestamp> {
        self.day(name).and_then(|day| start_of(view, day.checked_add(1.day()).ok()?))
    }

    fn day(&self, name: &str) -> Option<Date> {
        self.text(name).parse::<Date>().ok().filter(|day| (1970..=9000).contains(&day.year()))
    }

    /// Returns the query without some names, for links that keep the filters.
    pub(crate) fn query_without(&self, names: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.values.iter().filter(|(_, value)| !value.is_empty()) {
            if !names.contains(&name.as_str()) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// Returns the address of this list as a file, with the same filters.
    pub(crate) fn export(&self, path: &str) -> String {
        let query = self.query_without(&["page"]);
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

fn start_of(view: &View, day: Date) -> Option<Timestamp> {
    let start = day.to_zoned(view.zone().clone()).ok()?;
    Some(Timestamp(start.timestamp().as_millisecond()))
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let values = form_urlencoded::parse(query.as_bytes()).take(MOST_VALUES);
        let values = values.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok(Self { path: parts.uri.path().to_owned(), values })
    }
}
