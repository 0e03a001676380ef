//! Telephone numbers and other numbers that are said digit by digit.

use super::{Found, Scan};
use crate::{numeral::spell_digits, reading::Reading};

/// Parts of one number, at most.
const MOST_PARTS: usize = 6;
/// Fewer digits than this are a number after all, whatever stands before them.
const LEAST_NAMED: usize = 4;

/// Returns how many digits are said in one breath.
pub(crate) fn breaths(digits: usize) -> Vec<usize> {
    match digits {
        0 => Vec::new(),
        1..=4 => vec![digits],
        8 => vec![4, 4],
        10 => vec![4, 3, 3],
        11 => vec![3, 4, 4],
        _ => {
            let mut parts = vec![3; digits / 3];
            match (digits % 3, parts.last_mut()) {
                (1, Some(last)) => *last += 1,
                (rest, _) if rest > 0 => parts.push(rest),
                _ => {}
            }
            parts
        }
    }
}

/// Returns the digits of a number in breaths, as words; a leading `+` is said, everything else between is not.
pub(crate) fn number_groups(text: &str, reading: Reading) -> Vec<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let plus = text.trim_start().starts_with('+');
    let parts = match (plus, digits.len()) {
        (true, 11) if digits.starts_with("84") => vec![2, 3, 3, 3],
        (true, 11) if digits.starts_with('1') => vec![1, 3, 3, 4],
        _ => breaths(digits.len()),
    };
    let mut said = cut(&digits, &parts, reading);
    if let Some(first) = said.first_mut().filter(|_| plus) {
        first.insert_str(0, reading.pick("cộng ", "plus "));
    }
    said
}

fn cut(digits: &str, parts: &[usize], reading: Reading) -> Vec<String> {
    let mut rest = digits;
    let mut said = Vec::new();
    for part in parts {
        let (now, after) = rest.split_at((*part).min(rest.len()));
        said.push(spell_digits(now, reading));
        rest = after;
    }
    said
}

impl Scan<'_> {
    /// `0912 345 678`, `+84 912 345 678`, `1900 1234`, `(202) 555-0143`, `1-800-555-0199`.
    pub(super) fn phone(&self, at: usize) -> Option<Found> {
        let opens = self.peek(at) == Some('(');
        let mut place = at + usize::from(opens);
        let has_plus = self.peek(place) == Some('+');
        place += usize::from(has_plus);
        let opens = opens || self.peek(place) == Some('(');
        place += usize::from(self.peek(place) == Some('('));
        let mut parts: Vec<String> = Vec::new();
        let mut ends = Vec::new();
        while parts.len() < MOST_PARTS {
            let (digits, end) = self.digit_run(place);
            if digits.is_empty() {
                break;
            }
            let closes = opens && parts.is_empty();
            if closes && self.peek(end) != Some(')') {
                return None;
            }
            let end = end + usize::from(closes);
            parts.push(digits);
            ends.push(end);
            let blank = usize::from(matches!(self.peek(end), Some(' ' | '.' | '-')));
            if blank == 0 && !closes {
                break;
            }
            place = end + blank;
        }
        (1..=parts.len()).rev().find_map(|count| {
            let end = ends[count - 1];
            let breaths = breaths_of(&parts[..count], has_plus, self.reading)?;
            (!self.is_word_at(end)).then(|| {
                let digits = parts[..count].concat();
                let plus = if has_plus { self.reading.pick("cộng ", "plus ") } else { "" };
                Found::plain(end, format!("{plus}{}", cut(&digits, &breaths, self.reading).join(", ")))
            })
        })
    }

    /// Digits that are named as such, begin with a zero or are too long for a number.
    pub(super) fn digits(&self, at: usize) -> Option<Found> {
        let (digits, end) = self.digit_run(at);
        let goes_on =
            matches!(self.peek(end), Some('.' | ',' | '/')) && self.peek(end + 1).is_some_and(|c| c.is_ascii_digit());
        if digits.is_empty() || goes_on {
            return self.dashed(at);
        }
        let is_unit = self.is_word_at(end);
        let is_named = digits.len() >= LEAST_NAMED && self.is_after_number_word()
            || digits.len() >= 7 && self.after(&["số", "number"]);
        let is_long = digits.len() >= 10 && !digits.ends_with("000");
        let is_padded = digits.len() >= 3 && digits.starts_with('0') || digits == "00";
        let is_emergency = digits.len() == 3
            && (digits.starts_with("11") || digits == "911")
            && self.after(&["gọi", "số", "máy", "call", "dial"]);
        let is_spelt = (is_named || is_long || is_emergency) && !is_unit || is_padded;
        if !is_spelt {
            return self.dashed(at);
        }
        Some(Found::plain(end, number_groups(&digits, self.reading).join(", ")))
    }

    /// Digits in parts behind a word that names them, `1903 6789 0123 45`: in breaths as they were written.
    pub(super) fn parted(&self, at: usize) -> Option<Found> {
        if !self.is_after_number_word() {
            return None;
        }
        let mut said = Vec::new();
        let mut place = at;
        let mut end = at;
        while said.len() < MOST_PARTS {
            let (digits, after) = self.digit_run(place);
            if digits.is_empty() || digits.len() > LEAST_NAMED || self.is_word_at(after) {
                break;
            }
            said.push(spell_digits(&digits, self.reading));
            end = after;
            place = after + usize::from(self.peek(after) == Some(' '));
        }
        let (first, _) = self.digit_run(at);
        (said.len() >= 2 && first.len() >= 3).then(|| Found::plain(end, said.join(", ")))
    }

    /// Three and more parts between dashes, `123-456-789`: in breaths as they were written.
    fn dashed(&self, at: usize) -> Option<Found> {
        let end = self.run(at, |c| c.is_ascii_digit() || c == '-');
        let text = self.slice(at, end);
        let parts: Vec<_> = text.split('-').collect();
        let is_number = parts.len() >= 3 && parts.iter().all(|part| !part.is_empty()) && !self.is_word_at(end);
        is_number.then(|| {
            let said: Vec<_> = parts.iter().map(|part| spell_digits(part, self.reading)).collect();
            Found::plain(end, said.join(", "))
        })
    }

    fn is_after_number_word(&self) -> bool {
        const VI: &[&str] = &[
            "mã",
            "otp",
            "pin",
            "cccd",
            "cmnd",
            "stk",
            "sđt",
            "id",
            "tài khoản",
            "đơn hàng",
            "hợp đồng",
            "điện thoại",
            "hóa đơn",
            "hoá đơn",
            "mật khẩu",
            "vận đơn",
            "số thẻ",
            "công dân",
            "nhân dân",
            "tổng đài",
            "mã số",
            "hotline",
            "mst",
            "zalo",
        ];
        const EN: &[&str] = &[
            "code",
            "otp",
            "pin",
            "id",
            "account",
            "order",
            "invoice",
            "contract",
            "phone",
            "password",
            "card",
            "extension",
            "ext",
            "reference",
            "hotline",
            "ticket",
            "code is",
            "otp is",
            "pin is",
            "account number",
            "order number",
            "reference number",
            "card number",
            "phone number",
        ];
        self.after(if self.reading.is_vietnamese() { VI } else { EN })
    }
}

/// Returns the breaths of a telephone number, if the parts are one.
fn breaths_of(parts: &[String], has_plus: bool, reading: Reading) -> Option<Vec<usize>> {
    let digits = parts.concat();
    let written: Vec<usize> = parts.iter().map(String::len).collect();
    let bytes = digits.as_bytes();
    if has_plus {
        return match (digits.len(), bytes.first()?) {
            (11, _) if digits.starts_with("84") => Some(vec![2, 3, 3, 3]),
            (11, b'1') => Some(vec![1, 3, 3, 4]),
            (8..=15, _) if parts.len() > 1 => Some(written),
            (8..=15, _) => Some(breaths(digits.len())),
            _ => None,
        };
    }
    match (digits.len(), bytes) {
        (10, [b'0', b'2'..=b'9', ..]) => Some(vec![4, 3, 3]),
        (11, [b'0', b'2', ..]) => Some(vec![3, 4, 4]),
        (11, [b'8', b'4', b'2'..=b'9', ..]) if parts.len() == 1 => Some(vec![2, 3, 3, 3]),
        (8, [b'1', b'8' | b'9', b'0', b'0', ..]) if written.first() != Some(&8) || reading.is_vietnamese() => {
            Some(vec![4, 4])
        }
        (6, [b'1', b'8' | b'9', b'0', b'0', ..]) if written == [4, 2] => Some(written),
        (10, _) if written == [3, 3, 4] => Some(written),
        (11, [b'1', ..]) if written == [1, 3, 3, 4] => Some(written),
        (9.., _) if parts.len() >= 3 && written[0] >= 4 && written.iter().all(|part| *part >= 3) => Some(written),
        _ => None,
    }
}
