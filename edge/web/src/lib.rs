#![doc = include_str!("../README.md")]

mod answer;
mod caller;
mod error;
mod fields;
mod json;
mod language;
mod limit;
mod page;
mod query;
mod request;

pub use answer::{Accepted, Created, Data};
pub use caller::{Caller, ClientAddress, SignIn};
pub use error::{Error, ErrorBody, Result};
pub use fields::{Fields, Rule};
pub use json::{BODY_LIMIT, Body, DEPTH_LIMIT, Json};
pub use language::Language;
pub use limit::{AccountLimits, Group, LimitHeaders, LimitSettings, Limits, limit};
pub use page::{Listing, Page, PageParams};
pub use query::{Path, Query};
pub use request::{RequestId, catch_panic, method_not_allowed, not_found, request};
pub use utoipa_axum::{router::OpenApiRouter, routes};
