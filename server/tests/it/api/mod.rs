mod auth;
mod contacts;
mod errors;
mod limits;
mod v3;
