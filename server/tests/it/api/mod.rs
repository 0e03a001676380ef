mod auth;
mod contacts;
mod errors;
mod limits;
