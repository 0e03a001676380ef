//! Codes of letters and digits, spelt; number plates; versions and network addresses.

use super::{Found, Scan, phone::number_groups};
use crate::{
    lexicon::{is_common_english, letter, said_as_word},
    numeral::{cardinal, spell_digits},
    reading::Reading,
};

/// Returns letters by their names, digits one by one, in breaths; signs between are said where people say them.
pub(crate) fn spelled(text: &str, reading: Reading) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut said: Vec<String> = Vec::new();
    let mut breath: Vec<String> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let sort = |c: &char| (c.is_ascii_digit(), c.is_alphabetic());
        let length = chars[at..].iter().take_while(|c| sort(c) == sort(&chars[at])).count();
        let run: String = chars[at..at + length].iter().collect();
        at += length;
        match sort(&chars[at - length]) {
            (true, _) if length <= 2 && !run.starts_with('0') => breath.push(cardinal(&run, reading)),
            (true, _) if length <= 4 => breath.push(spell_digits(&run, reading)),
            (true, _) => {
                let groups = number_groups(&run, reading);
                for group in groups {
                    breath.push(group);
                    said.push(std::mem::take(&mut breath).join(" "));
                }
            }
            (_, true) => breath.push(letters(&run, reading)),
            _ => {
                if !breath.is_empty() {
                    said.push(std::mem::take(&mut breath).join(" "));
                }
                match run.chars().next() {
                    Some('/') => breath.push(reading.pick("trên", "slash").to_owned()),
                    Some('_') => breath.push(reading.pick("gạch dưới", "underscore").to_owned()),
                    Some('*') => breath.push(reading.pick("sao", "star").to_owned()),
                    Some('#') => breath.push(reading.pick("thăng", "pound").to_owned()),
                    Some('+') => breath.push(reading.pick("cộng", "plus").to_owned()),
                    _ => {}
                }
            }
        }
    }
    if !breath.is_empty() {
        said.push(breath.join(" "));
    }
    said
}

/// Capitals are spelt; small letters are a word.
fn letters(run: &str, reading: Reading) -> String {
    let is_capital = run.chars().all(char::is_uppercase);
    let is_word = said_as_word(run) || run.len() > 2 && is_common_english(run);
    if is_word || !is_capital && run.chars().count() > 1 {
        return run.to_owned();
    }
    spell(run, reading)
}

/// Returns the names of letters.
pub(super) fn spell(run: &str, reading: Reading) -> String {
    let names: Vec<String> =
        run.chars().map(|c| letter(c, reading).map_or_else(|| c.to_string(), str::to_owned)).collect();
    names.join(" ")
}

impl Scan<'_> {
    /// Returns the end of a code that begins with a letter at `at`: letters and digits, joined by single signs. It has
    /// a digit, and a capital before the first of them.
    pub(super) fn code_end(&self, at: usize) -> Option<usize> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, 'Đ' | 'đ');
        let mut end = self.run(at, is_part);
        let between_digits =
            |at: usize| [at - 1, at + 1].into_iter().all(|at| self.peek(at).is_some_and(|c| c.is_ascii_digit()));
        while (matches!(self.peek(end), Some('-' | '/' | '_')) || self.peek(end) == Some('.') && between_digits(end))
            && self.peek(end + 1).is_some_and(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == 'Đ')
            && end - at < super::LOOK
        {
            let next = self.run(end + 1, is_part);
            if self.slice(end + 1, next).contains(|c: char| c.is_ascii_lowercase()) || self.is_word_at(next) {
                break;
            }
            end = next;
        }
        let text = &self.text[at..end];
        let digit = text.iter().position(char::is_ascii_digit)?;
        let is_code = text[..digit].iter().any(|c| c.is_uppercase()) && !self.is_word_at(end);
        is_code.then_some(end)
    }

    /// Number plates: `30A-123.45`, `51F1-234.56`, `59-X1 234.56` without the blank.
    pub(super) fn plate(&self, at: usize) -> Option<Found> {
        let (province, end) = self.digit_run(at);
        let series = self.run(end, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == 'Đ');
        let length = series - end;
        let is_plate = province.len() == 2
            && (1..=2).contains(&length)
            && self.peek(end).is_some_and(|c| !c.is_ascii_digit())
            && self.peek(series) == Some('-');
        let (first, middle) = self.digit_run(series + 1);
        if !is_plate || !(3..=5).contains(&first.len()) {
            return None;
        }
        let (second, last) = match self.peek(middle) {
            Some('.') if first.len() == 3 => self.digit_run(middle + 1),
            _ => (String::new(), middle),
        };
        let last = if second.len() == 2 { last } else { middle };
        let mut words = spelled(&self.slice(at, series), self.reading);
        words.push(spell_digits(&first, self.reading));
        if last > middle {
            words.push(spell_digits(&second, self.reading));
        }
        (!self.is_word_at(last)).then(|| Found::plain(last, words.join(", ")))
    }

    /// Versions and addresses, `1.2.3`, `192.168.1.1`.
    pub(super) fn dotted(&self, at: usize) -> Option<Found> {
        let end = self.run(at, |c| c.is_ascii_digit() || c == '.');
        let text = self.slice(at, end);
        let text = text.trim_end_matches('.');
        let dot = self.reading.pick(" chấm ", " dot ");
        let parts: Vec<_> = text.split('.').filter(|part| !part.is_empty()).collect();
        let words: Vec<_> = parts.iter().map(|part| cardinal(part, self.reading)).collect();
        (!words.is_empty()).then(|| Found::plain(at + text.len(), words.join(dot)))
    }
}
