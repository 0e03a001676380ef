//! Signs between words: marks of a sentence, and those that are said.

use super::{Found, Mark, Scan, Sort, Token};
use crate::{lexicon, numeral::cardinal};

impl Scan<'_> {
    pub(super) fn symbol(&mut self, c: char) {
        let at = self.at;
        self.at += 1;
        match c {
            '.' => self.mark(Mark::Stop),
            '!' => self.mark(Mark::Exclamation),
            '?' => self.mark(Mark::Question),
            ',' | ';' | ':' | '(' | ')' | '[' | ']' | '|' => {
                self.tokens.push(Token::Mark(Mark::Comma));
            }
            '-' | '–' => self.dash(at),
            '/' => self.slash(at),
            '*' | '#' => self.key(c, at),
            _ => self.said(c, at),
        }
    }

    /// Between two numbers it spans a range; between words it is nothing, or a pause with blanks around.
    fn dash(&mut self, at: usize) {
        let next = at + 1 + usize::from(self.peek(at + 1) == Some(' '));
        let blanks =
            |from: usize| self.text.get(from..at).is_some_and(|gap| gap.iter().all(|c| *c == ' ') && gap.len() <= 1);
        let last = self.number.clone().filter(|last| blanks(last.end));
        if let (Some(last), Some(found)) = (last, self.numeric(next)) {
            let is_score = last.value > found.value && found.value.is_some() && self.reading.is_vietnamese();
            let is_bare = found.sort == Sort::Plain && last.sort == Sort::Measure && next == at + 1;
            let is_same = last.sort == found.sort || last.sort == Sort::Plain || is_bare;
            if is_same {
                let is_month = self.said_before_number().as_deref() == Some("tháng");
                self.at = next;
                if is_month && found.sort == Sort::Plain {
                    // "Tư đến năm" would be a year.
                    self.words("đến tháng");
                    let words = if found.value == Some(4) { "tư".to_owned() } else { found.words.clone() };
                    return self.say_number(Found { words, ..found });
                }
                if !is_score && !self.after_score() {
                    self.words(self.reading.pick("đến", "to"));
                }
                return self.say_number(found);
            }
        }
        let has_blanks = |place: Option<char>| place.is_none_or(char::is_whitespace);
        let before = at.checked_sub(1).and_then(|before| self.peek(before));
        if has_blanks(before) && has_blanks(self.peek(at + 1)) {
            self.tokens.push(Token::Mark(Mark::Comma));
        }
    }

    /// Tells whether the number before stands behind *tỷ số*.
    fn after_score(&self) -> bool {
        let before = self.tokens.iter().rev().nth(2).map(said);
        self.said_before_number().as_deref() == Some("số") && matches!(before.as_deref(), Some("tỷ" | "tỉ"))
    }

    /// Returns the word before the number that was said last.
    fn said_before_number(&self) -> Option<String> {
        self.tokens.iter().rev().nth(1).map(said)
    }

    fn slash(&mut self, at: usize) {
        let follows_measure = self.number.as_ref().is_some_and(|last| last.sort == Sort::Measure && last.end == at);
        if follows_measure && self.is_word_at(at + 1) {
            self.words(self.reading.pick("một", "per"));
            if let Some((unit, after)) = self.lone_unit(at + 1) {
                self.words(unit);
                self.at = after;
            }
            return;
        }
        let digit = |place: Option<char>| place.is_some_and(|c| c.is_ascii_digit());
        if at > 0 && digit(self.peek(at - 1)) && digit(self.peek(at + 1)) {
            return self.words(self.reading.pick("trên", "slash"));
        }
        const MEASURES: &[&str] = &[
            "ngày", "tuần", "tháng", "năm", "giờ", "phút", "người", "lần", "day", "week", "month", "year", "hour",
            "minute", "person", "night",
        ];
        let between = at > 0 && self.peek(at - 1).is_some_and(char::is_alphabetic) && self.is_word_at(at + 1);
        if between && self.is_before(at + 1, MEASURES) && !self.after(&["ngày", "tháng", "day", "month"]) {
            self.words(self.reading.pick("một", "per"));
        } else if between && !self.reading.is_vietnamese() && !self.after(&["and"]) {
            self.words("or");
        }
    }

    /// The keys of a telephone, if they stand alone; `#1` is a number one, and stars around words are decoration.
    fn key(&mut self, c: char, at: usize) {
        let before = at.checked_sub(1).and_then(|before| self.peek(before));
        let ends = |place: Option<char>| {
            place.is_none_or(|c| {
                c.is_whitespace() || matches!(c, ',' | '.' | '"' | '\'' | '(' | ')' | '!' | '?' | ';' | ':')
            })
        };
        if c == '#' && self.peek(at + 1).is_some_and(|c| c.is_ascii_digit()) {
            self.words(self.reading.pick("số", "number"));
        } else if ends(before) && ends(self.peek(at + 1)) {
            let key = match c {
                '*' => self.reading.pick("sao", "star"),
                _ => self.reading.pick("thăng", "pound"),
            };
            self.words(key);
        }
    }

    fn said(&mut self, c: char, at: usize) {
        let digit_follows = self.peek(self.run(at + 1, |c| c == ' ')).is_some_and(|c| c.is_ascii_digit());
        let number_before = self.number.as_ref().is_some_and(|last| last.end + 1 >= at);
        let words = match c {
            '&' => self.reading.pick("và", "and"),
            '%' => super::quantity::percent(self.reading),
            '@' => self.reading.pick("a còng", "at"),
            '+' if digit_follows => self.reading.pick("cộng", "plus"),
            '=' if digit_follows => self.reading.pick("bằng", "equals"),
            '×' if digit_follows && number_before => self.reading.pick("nhân", "by"),
            '÷' if digit_follows && number_before => self.reading.pick("chia", "divided by"),
            '~' | '≈' if digit_follows => self.reading.pick("khoảng", "about"),
            '<' if digit_follows => self.reading.pick("nhỏ hơn", "less than"),
            '>' if digit_follows => self.reading.pick("lớn hơn", "more than"),
            '≤' if digit_follows => self.reading.pick("nhỏ hơn hoặc bằng", "at most"),
            '≥' if digit_follows => self.reading.pick("lớn hơn hoặc bằng", "at least"),
            '±' if digit_follows => self.reading.pick("cộng trừ", "plus or minus"),
            '½' => self.reading.pick("một phần hai", "one half"),
            '¼' => self.reading.pick("một phần tư", "one quarter"),
            '¾' => self.reading.pick("ba phần tư", "three quarters"),
            '°' => self.reading.pick("độ", "degrees"),
            c if lexicon::of_symbol(c).is_some() => {
                lexicon::of_symbol(c).map_or("", |currency| currency.name(false, self.reading))
            }
            _ => return,
        };
        self.words(words);
    }

    /// `3x4`, `20 x 30`: from the `x` on.
    pub(super) fn times(&self, at: usize) -> Option<Found> {
        let next = at + 1 + usize::from(self.peek(at + 1) == Some(' '));
        let is_apart = next > at + 1 && at > 0 && self.peek(at - 1) == Some(' ') && !self.context[1].is_empty();
        let follows = is_apart || self.number.as_ref().is_some_and(|last| last.end == at || last.end + 1 == at);
        let is_sign = matches!(self.peek(at), Some('x' | 'X')) && self.peek(next).is_some_and(|c| c.is_ascii_digit());
        (follows && is_sign).then(|| Found::plain(next, self.reading.pick("nhân", "by").to_owned()))
    }

    /// `T2`, `T7` between dashes: days of the week.
    pub(super) fn weekday(&self, at: usize) -> Option<Found> {
        let (day, end) = self.small(at + 1, 1)?;
        let dash = |place: Option<char>| matches!(place, Some('-' | '–'));
        let is_span =
            dash(self.peek(end)) && matches!(self.peek(end + 1), Some('T' | 'C')) || at > 0 && dash(self.peek(at - 1));
        let fits = self.peek(at) == Some('T') && (2..=7).contains(&day) && is_span && !self.is_word_at(end);
        fits.then(|| {
            let name = if day == 4 { "tư".to_owned() } else { cardinal(&day.to_string(), self.reading) };
            let until = if dash(self.peek(end)) { " đến" } else { "" };
            let end = end + usize::from(!until.is_empty());
            Found::plain(end, format!("thứ {name}{until}"))
        })
    }
}

fn said(token: &Token) -> String {
    match token {
        Token::Words(words) => words.to_lowercase(),
        Token::Mark(_) => String::new(),
    }
}
