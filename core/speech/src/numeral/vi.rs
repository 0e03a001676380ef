//! Vietnamese numbers.
//!
//! 1 after *mươi* is *mốt*, 4 after *mươi* is *tư*, 5 after *mười* and *mươi* is *lăm*; an empty place of tens is
//! *linh* (*lẻ*); an inner group below a hundred says its *không trăm*; one *tỷ* stands behind the whole block of what
//! it multiplies.

use super::digit;
use crate::reading::{Reading, Region};

/// Digits in one block of *tỷ*.
const BLOCK: usize = 9;

/// Takes digits without leading zeros.
pub(super) fn groups(digits: &str, region: Region) -> Vec<String> {
    let mut said = Vec::new();
    let (high, low) = digits.split_at(digits.len().saturating_sub(BLOCK));
    if !high.is_empty() {
        said = groups(high, region);
        if let Some(last) = said.last_mut() {
            last.push_str(" tỷ");
        }
    }
    let value: u32 = low.parse().unwrap_or_default();
    let thousand = super::thousand(Reading::Vietnamese(region));
    for (group, name) in
        [(value / 1_000_000, Some("triệu")), (value / 1_000 % 1_000, Some(thousand)), (value % 1_000, None)]
    {
        if group > 0 {
            let mut words = group_words(group, !said.is_empty(), region);
            words.extend(name);
            said.push(words.join(" "));
        }
    }
    said
}

fn group_words(group: u32, is_inner: bool, region: Region) -> Vec<&'static str> {
    let unit = |value| digit(value, Reading::Vietnamese(region));
    let (hundreds, tens, ones) = (group / 100, group / 10 % 10, group % 10);
    let mut words = Vec::new();
    let has_hundreds = hundreds > 0 || is_inner;
    if has_hundreds {
        words.extend([unit(hundreds), "trăm"]);
    }
    match (tens, ones) {
        (0, 0) => {}
        (0, _) if has_hundreds => {
            let empty = match region {
                Region::North => "linh",
                Region::South => "lẻ",
            };
            words.extend([empty, unit(ones)]);
        }
        (0, _) => words.push(unit(ones)),
        (1, 0) => words.push("mười"),
        (1, 5) => words.extend(["mười", "lăm"]),
        (1, _) => words.extend(["mười", unit(ones)]),
        (_, 0) => words.extend([unit(tens), "mươi"]),
        (_, 1) => words.extend([unit(tens), "mươi", "mốt"]),
        (_, 4) => words.extend([unit(tens), "mươi", "tư"]),
        (_, 5) => words.extend([unit(tens), "mươi", "lăm"]),
        _ => words.extend([unit(tens), "mươi", unit(ones)]),
    }
    words
}
