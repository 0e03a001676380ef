//! `/queues`: queues, who serves them, and their wallboards.

mod act;
mod board;
mod form;
mod list;

use std::fmt::Write as _;

use axum::{
    Extension, Router,
    routing::{get, post},
};

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/queues", get(list::list).post(form::create))
        .route("/queues/new", get(form::new))
        .route("/queues/{name}", get(board::show))
        .route("/queues/{name}/settings", get(form::show).post(form::change))
        .route("/queues/{name}/delete", post(form::delete))
        .route("/queues/{name}/agents", post(act::add_agent))
        .route("/queues/{name}/agents/{extension}", post(act::move_agent))
        .route("/queues/{name}/agents/{extension}/remove", post(act::remove_agent))
        .route("/queues/{name}/agents/{extension}/status", post(act::set_status))
        .route("/queues/{name}/supervise", post(act::supervise))
        .route("/queues/{name}/call-back", post(act::call_back))
        .layer(Extension(board::Ticks::default()))
}

/// Returns the address of a queue's wallboard; names are people's, and may hold anything but a slash.
pub(crate) fn path_of(name: &str) -> String {
    let mut path = String::from("/queues/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").expect("a String takes everything");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_name_is_a_path_whatever_it_is() {
        for (name, path) in [("support", "/queues/support"), ("Hỗ trợ?", "/queues/H%E1%BB%97%20tr%E1%BB%A3%3F")] {
            assert_eq!(path_of(name), path);
        }
    }
}
