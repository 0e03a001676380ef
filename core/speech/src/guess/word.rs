//! Words: left as they are, unless they are abbreviations, codes or Roman numerals.

use super::{Found, Mark, Scan, code::spell, code::spelled};
use crate::{
    lexicon::{self, Shape},
    numeral::{cardinal, ordinal},
};

/// The longest abbreviation of the tables, in characters.
const LONGEST_SHORT: usize = 8;

impl Scan<'_> {
    pub(super) fn word(&mut self) {
        let at = self.at;
        let vietnamese = self.reading.is_vietnamese();
        let found = self
            .short(at)
            .or_else(|| self.code_and_amount(at))
            .or_else(|| self.weekday(at).filter(|_| vietnamese))
            .or_else(|| self.times(at))
            .or_else(|| self.roman(at))
            .or_else(|| self.code(at));
        if let Some(found) = found {
            let is_end = found.end >= self.text.len() && self.peek(found.end - 1) == Some('.');
            let is_measure = found.sort == super::Sort::Measure;
            if is_measure {
                self.say_number(found)
            } else {
                self.say(found)
            }
            if is_end {
                self.mark(Mark::Stop);
            }
            return;
        }
        let is_letter = |c: char| c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c);
        let mut end = self.run(at, is_letter);
        // An apostrophe within a word belongs to it.
        while self.peek(end) == Some('\'') && self.peek(end + 1).is_some_and(char::is_alphabetic) {
            let next = self.run(end + 1, is_letter);
            if next - at >= super::LOOK {
                break;
            }
            end = next;
        }
        let written = self.slice(at, end.max(at + 1));
        let said = self
            .currency_name(&written)
            .or_else(|| self.capitals(at, end))
            .or_else(|| self.letter_alone(&written))
            .unwrap_or(written);
        self.say(Found::plain(end.max(at + 1), said));
    }

    /// Reads what stands in the table of abbreviations; the longest wins.
    fn short(&self, at: usize) -> Option<Found> {
        let is_part = |c: char| c.is_alphabetic() || matches!(c, '.' | '/');
        let end = self.run(at, is_part).min(at + LONGEST_SHORT + 1);
        (at + 1..=end).rev().find_map(|end| {
            let word = self.slice(at, end);
            let (said, shape) = lexicon::abbreviation(&word, self.reading)?;
            let goes_on = self.is_word_at(end) || self.code_end(at).is_some_and(|code| code > end);
            if goes_on && shape == Shape::Plain {
                return None;
            }
            if shape == Shape::Plain && lexicon::is_syllable(&word) && self.is_shouted(at, end) {
                return None;
            }
            let next = self.peek(self.run(end, |c| c == ' '));
            let fits = match word.as_str() {
                "Q." | "P." if next.is_some_and(char::is_uppercase) => !self.is_after_capital(at),
                "Q." | "P." | "No." | "no." | "Nos." => next.is_some_and(|c| c.is_ascii_digit()),
                "Jan" | "Feb" | "Mar" | "Apr" | "Jun" | "Jul" | "Aug" | "Sep" | "Sept" | "Oct" | "Nov" | "Dec" => {
                    next.is_some_and(|c| c.is_ascii_digit())
                }
                "Đ." => next.is_some_and(char::is_uppercase),
                "St." => {
                    let said = if self.is_after_capital(at) { "street" } else { "saint" };
                    return Some(Found::plain(end, said.to_owned()));
                }
                "Sun." | "Mon." | "Co." | "CN" => {
                    self.is_after_weekday_or_capital(at) || next.is_some_and(char::is_alphanumeric)
                }
                _ => shape == Shape::Plain || next.is_some() || word.matches('.').count() > 1,
            };
            fits.then(|| Found::plain(end, said.to_owned()))
        })
    }

    fn is_after_capital(&self, at: usize) -> bool {
        let before = self.text[..at].iter().rposition(|c| !c.is_whitespace());
        let Some(last) = before.filter(|last| self.text[*last].is_alphabetic()) else { return false };
        let from = self.text[..last].iter().rev().take(super::LOOK).take_while(|c| c.is_alphabetic()).count();
        self.text[last - from].is_uppercase()
    }

    fn is_after_weekday_or_capital(&self, at: usize) -> bool {
        self.is_after_capital(at) || self.after(&["đến", "và", "-"]) || at > 0 && self.peek(at - 1) == Some('-')
    }

    fn code(&self, at: usize) -> Option<Found> {
        let end = self.code_end(at)?;
        Some(Found::plain(end, spelled(&self.slice(at, end), self.reading).join(", ")))
    }

    /// Reads a Roman numeral where one is expected: *chương IV*, *thế kỷ XXI*, *Elizabeth II*.
    fn roman(&self, at: usize) -> Option<Found> {
        const VI: &[&str] = &[
            "kỷ", "kỉ", "quý", "chương", "phần", "tập", "khóa", "khoá", "hội", "thứ", "hạng", "loại", "cấp", "kỳ",
            "khoản", "điều", "mục", "đoạn", "vòng", "bậc", "nhóm", "lục", "lần",
        ];
        const EN: &[&str] = &[
            "chapter", "part", "volume", "phase", "section", "article", "war", "act", "appendix", "class", "type",
            "level", "title", "stage", "book", "figure", "table", "grade", "step", "round", "tier", "group",
        ];
        let end = self.run(at, |c| c.is_ascii_uppercase());
        let value = roman(&self.slice(at, end)).filter(|_| !self.is_word_at(end))?;
        let words = cardinal(&value.to_string(), self.reading);
        if self.reading.is_vietnamese() {
            let words = match value {
                1 if self.after(&["thứ"]) => "nhất".to_owned(),
                4 if self.after(&["thứ", "quý"]) => "tư".to_owned(),
                _ => words,
            };
            return self.after(VI).then(|| Found::plain(end, words));
        }
        if self.after(&lexicon::REGNAL) && end - at > 1 {
            return Some(Found::plain(end, format!("the {}", ordinal(&words))));
        }
        self.after(EN).then(|| Found::plain(end, words))
    }

    /// Names a currency whose code stands alone, as in *một triệu USD*.
    fn currency_name(&self, word: &str) -> Option<String> {
        let is_sure = matches!(word, "VND" | "VNĐ" | "USD" | "EUR" | "GBP" | "JPY" | "CNY");
        lexicon::of_code(word).filter(|_| is_sure).map(|currency| currency.name(false, self.reading).to_owned())
    }

    /// Spells short words in capitals, unless they are words that are merely shouted.
    fn capitals(&self, at: usize, end: usize) -> Option<String> {
        let word = self.slice(at, end);
        let count = word.chars().count();
        let is_plain = word.chars().all(|c| c.is_ascii_uppercase() || c == 'Đ');
        if !(2..=5).contains(&count) || !is_plain || lexicon::said_as_word(&word) || lexicon::is_common_english(&word) {
            return None;
        }
        let is_word = if self.reading.is_vietnamese() {
            lexicon::is_syllable(&word) || count == 5 && word.contains(['A', 'E', 'I', 'O', 'U'])
        } else {
            self.is_shouted(at, end) || count > 3 && word.contains(['A', 'E', 'I', 'O', 'U', 'Y'])
        };
        (!is_word).then(|| spell(&word, self.reading))
    }

    /// Tells whether a neighbour of this word is in capitals too, and a word: two abbreviations do not shout.
    fn is_shouted(&self, at: usize, end: usize) -> bool {
        let is_loud = |from: usize, to: usize| {
            let word = self.slice(from, to);
            let is_word = if self.reading.is_vietnamese() {
                !word.is_ascii() || lexicon::is_syllable(&word)
            } else {
                lexicon::is_common_english(&word) || word.len() > 5
            };
            to >= from + 2 && is_word && word.chars().all(char::is_uppercase)
        };
        let next = self.run(end, |c| c == ' ');
        let before = self.text[..at].iter().rev().take(super::LOOK).take_while(|c| **c == ' ').count();
        let last = at - before;
        let first = last - self.text[..last].iter().rev().take(super::LOOK).take_while(|c| c.is_alphabetic()).count();
        is_loud(next, self.run(next, char::is_alphabetic)) || is_loud(first, last)
    }

    /// A single capital, or a consonant, is said by its name.
    fn letter_alone(&self, word: &str) -> Option<String> {
        let mut chars = word.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { return None };
        let is_name = if self.reading.is_vietnamese() {
            c.is_uppercase() || c.is_ascii() && !matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
        } else {
            c.is_lowercase() && !matches!(c, 'a' | 'o')
        };
        is_name.then(|| lexicon::letter(c, self.reading).map(str::to_owned)).flatten()
    }
}

/// Returns the value of a Roman numeral below 90 that is written as it should be.
fn roman(text: &str) -> Option<u32> {
    const TENS: [&str; 9] = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX"];
    const ONES: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    if text.is_empty() {
        return None;
    }
    (1..90).find(|value: &u32| {
        let (tens, ones) = (TENS[(value / 10) as usize], ONES[(value % 10) as usize]);
        text.strip_prefix(tens) == Some(ones)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roman_numerals_are_strict() {
        for (text, value) in
            [("I", Some(1)), ("IV", Some(4)), ("XIII", Some(13)), ("XXI", Some(21)), ("XL", Some(40)), ("IIII", None)]
        {
            assert_eq!(roman(text), value, "{text}");
        }
        assert_eq!([roman(""), roman("VX"), roman("ABC")], [None; 3]);
    }
}
