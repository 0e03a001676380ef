//! Messages of our own, one for each that RFC 4475 and RFC 5118 describe.
//!
//! Users, hosts and identifiers are made up here; a message has the properties that the section asks for and no other
//! relation to the one printed there.

pub(crate) mod application;
pub(crate) mod invalid;
pub(crate) mod ipv6;
pub(crate) mod valid;

/// Joins lines, each with a CRLF behind it.
macro_rules! lines {
    ($($line:literal),+ $(,)?) => {
        concat!($($line, "\r\n"),+).as_bytes()
    };
}
use lines;
