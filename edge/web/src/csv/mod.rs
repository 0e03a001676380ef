//! Lists as files for spreadsheets, written and read (RFC 4180).

mod read;
mod upload;
mod write;

pub use read::{Record, Records, Sheet, Unreadable, records};
pub use upload::{LIMIT, Upload, is_sheet};
pub use write::{Readers, bare, file, harmless, line, plain_line};
