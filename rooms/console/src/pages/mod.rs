//! The pages: one file each, with its routes. A new page is one line here and one in `nav.rs`.

pub(crate) mod audit;
pub(crate) mod caller_ids;
pub(crate) mod calls;
pub(crate) mod contacts;
pub(crate) mod dashboard;
pub(crate) mod errors;
pub(crate) mod extensions;
pub(crate) mod general;
pub(crate) mod link;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod routing;
pub(crate) mod second_factor;
pub(crate) mod sign_in;
pub(crate) mod system;
pub(crate) mod trunks;
pub(crate) mod two_step;

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .merge(audit::routes())
        .merge(caller_ids::routes())
        .merge(calls::routes())
        .merge(contacts::routes())
        .merge(dashboard::routes())
        .merge(extensions::routes())
        .merge(general::routes())
        .merge(link::routes())
        .merge(password::routes())
        .merge(profile::routes())
        .merge(routing::routes())
        .merge(second_factor::routes())
        .merge(sign_in::routes())
        .merge(system::routes())
        .merge(trunks::routes())
        .merge(two_step::routes())
}
