mod login;
mod logout;
mod me;
mod tokens;
