//! `/extensions`: the numbers that phones register with.

mod form;
mod forwarding;
mod import;
mod list;
mod provision;
mod show;

use axum::{
    Extension, Router,
    routing::{get, post},
};

pub(crate) use list::may_manage;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/extensions", get(list::list).post(form::create))
        .route("/extensions.csv", get(list::export))
        .route("/extensions/new", get(form::new))
        .route("/extensions/import", get(import::show).post(import::import))
        .route("/extensions/{number}", get(show::show).post(form::change))
        .route("/extensions/{number}/forwarding", get(forwarding::show).post(forwarding::change))
        .route("/extensions/{number}/password", post(show::rotate))
        .route("/extensions/{number}/ring", post(show::ring))
        .route("/extensions/{number}/delete", post(show::delete))
        .route("/provision/{token}/{file}", get(provision::hand_out))
        .layer(Extension(list::Ticks::default()))
        .layer(Extension(provision::Offers::default()))
}
