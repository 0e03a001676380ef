mod doors;
mod login;
mod logout;
mod me;
mod oauth;
mod tokens;
