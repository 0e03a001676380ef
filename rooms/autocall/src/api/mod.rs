//! `/api/autocall/*`.

mod blacklist;
mod calls;
mod campaigns;
mod leads;
mod reports;
mod scripts;
mod variables;
mod voices;

use domain::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use web::OpenApiRouter;

use crate::Autocall;

/// Longest text that is searched for.
const LONGEST_SEARCH: usize = 200;

pub(crate) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new()
        .merge(scripts::routes())
        .merge(variables::routes())
        .merge(voices::routes())
        .merge(campaigns::routes())
        .merge(leads::routes())
        .merge(blacklist::routes())
        .merge(calls::routes())
        .merge(reports::routes())
}

/// The `{}` of `{"data": {}}`.
#[derive(Serialize, ToSchema)]
struct Nothing {}

/// Tells a field that is null (`Some(None)`) from one that is absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Writes a time that may not have come.
fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::rfc3339)
}
