mod auth;
mod autocall;
mod contacts;
mod errors;
mod idempotency;
mod languages;
mod limits;
mod v3;
