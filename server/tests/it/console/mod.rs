//! The admin console, as a browser sees it.

mod account;
mod browser;
mod csrf;
mod exchange;
mod exchange_calls;
mod forgotten;
mod headers;
mod lists;
mod live;
mod numbers;
mod phone;
mod places;
mod queues;
mod session;
mod settings;
mod settings_guard;
mod settings_people;
mod text;
mod trunk_test;
mod two_step;

pub(crate) use browser::{Browser, PASSWORD};
