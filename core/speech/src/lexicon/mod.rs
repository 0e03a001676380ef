//! Words that are written otherwise than they are said.

mod letters;
mod money;
mod short;
mod units;

pub(crate) use letters::{is_syllable, letter};
pub(crate) use money::{Currency, of_code, of_symbol};
pub(crate) use short::{REGNAL, Shape, abbreviation, is_common_english, said_as_word};
pub(crate) use units::{Unit, unit};
