//! The room over HTTP: arguments in, one operation, the answer's shape.

mod agents;
mod caller_id_groups;
mod caller_ids;
mod calls;
mod cdr;
mod extensions;
#[cfg(test)]
mod queue_tests;
mod queues;
mod recordings;
#[cfg(test)]
pub(crate) mod tests;
mod trunks;

use serde::{Deserialize, Deserializer};
use web::{Fields, OpenApiRouter, Page, Rule};

pub use recordings::{play as play_recording, send_sound};

use crate::Pbx;

/// Returns every route of the room.
pub(crate) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .merge(extensions::routes())
        .merge(trunks::routes())
        .merge(caller_ids::routes())
        .merge(caller_id_groups::routes())
        .merge(calls::routes())
        .merge(cdr::routes())
        .merge(recordings::routes())
        .merge(queues::routes())
        .merge(agents::routes())
}

/// The `{}` of `{"data": {}}`: there is nothing to say beyond the status.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct Nothing {}

/// Tells a field that is null (`Some(None)`) from one that is absent (`None`, by `#[serde(default)]`).
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads `page` and `per_page` from texts, so that one 422 lists them together with the other parameters.
fn page(fields: &mut Fields, page: Option<&str>, per_page: Option<&str>) -> Page {
    let ranges = Page::default();
    let mut number = |field, text: Option<&str>, otherwise, most| {
        let Some(text) = text else { return otherwise };
        let number = text.parse::<i64>().ok().filter(|number| (1..=most).contains(number));
        fields.check(field, number.is_some(), Rule::Between(1, most));
        number.unwrap_or(otherwise)
    };
    Page {
        page: number("page", page, ranges.page, LAST_PAGE),
        per_page: number("per_page", per_page, ranges.per_page, MOST_PER_PAGE),
    }
}

/// Furthest page; beyond it lies no list that we serve.
const LAST_PAGE: i64 = 10_000_000;
/// Most rows of a page.
const MOST_PER_PAGE: i64 = 200;
