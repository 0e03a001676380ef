#![doc = include_str!("../README.md")]

mod answer;
mod caller;
pub mod csv;
mod deprecation;
mod error;
mod fields;
mod json;
mod language;
mod limit;
mod once;
mod page;
mod query;
mod request;
mod text;

pub use answer::{Accepted, Created, Data};
pub use caller::{Caller, ClientAddress, CountedAs, Secure, SignIn};
pub use deprecation::{Deprecated, announce};
pub use error::{Error, ErrorBody, Result};
pub use fields::{Fields, Rule};
pub use json::{BODY_LIMIT, Body, DEPTH_LIMIT, Json, read_body};
pub use language::Language;
pub use limit::{AccountLimits, Group, LimitHeaders, LimitSettings, Limits, limit, network};
pub use once::{Keeper, Once, acted, answered};
pub use page::{Listing, Page, PageParams};
pub use query::{Path, Query};
pub use request::{RequestId, catch_panic, method_not_allowed, not_found, request, write_error};
pub use text::Text;
pub use utoipa_axum::{router::OpenApiRouter, routes};
