//! `/calls`: the live ones, those of the past, and all there is to know of one.

mod history;
mod live;
mod player;
mod show;

use axum::{
    Extension, Router,
    routing::{get, post},
};
use domain::CallId;

use crate::{Console, Failure};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/calls", get(live::show))
        .route("/calls/hang-up", post(live::hang_up))
        .route("/calls/history", get(history::list))
        .route("/calls/history.csv", get(history::export))
        .route("/calls/{uuid}", get(show::page))
        .route("/calls/{uuid}/tags", post(show::tag))
        .route("/calls/{uuid}/waveform", get(player::waveform))
        .route("/calls/{uuid}/recording.wav", get(player::sound))
        .layer(Extension(live::Ticks::default()))
        .layer(Extension(player::Waveforms::default()))
}

/// Reads the UUID of an address; what is none does not exist.
fn call_of(text: &str) -> Result<CallId, Failure> {
    text.parse().map_err(|_| Failure::not_found())
}
