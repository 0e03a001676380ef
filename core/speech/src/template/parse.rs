//! From text to parts, with every problem at its place.

use std::fmt;

use thiserror::Error;

use super::{MOST_CHARS, MOST_CODE, MOST_SLOTS, MOST_VARIABLES, Part};
use crate::{
    clean::{self, Odd},
    slot::Kind,
};

/// Problems that are told at once; more help nobody.
const MOST_PROBLEMS: usize = 50;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters as they are seen, which is composed.
    pub column: usize,
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.fault)
    }
}

/// What can be wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("the text is longer than {MOST_CHARS} characters")]
    TooLong,
    #[error("there is nothing to be said")]
    Empty,
    #[error("there are more than {MOST_SLOTS} placeholders")]
    TooManySlots,
    #[error("there are more than {MOST_VARIABLES} different variables")]
    TooManyVariables,
    #[error("the placeholder is not closed by }}}}")]
    Unclosed,
    #[error("a single brace: variables stand in two, as in {{{{customer_name}}}}")]
    StrayBrace,
    #[error("the placeholder names no variable")]
    NoCode,
    #[error("{0:?} is no variable: small letters, digits and _ after a letter, {MOST_CODE} at most")]
    BadCode(String),
    #[error("{0:?} is no type: name, money, number, digits, date, time, percent or text")]
    BadKind(String),
    #[error("the character U+{0:04X} controls devices and cannot be said")]
    Control(u32),
    #[error("{0:?} is a picture and cannot be said")]
    Emoji(char),
}

pub(super) fn parse(text: &str) -> Result<Vec<Part>, Vec<Problem>> {
    let too_long = || vec![Problem { line: 1, column: 1, fault: Fault::TooLong }];
    // A letter takes four bytes at most, and its marks apart from it four more each: two are usual in Vietnamese.
    if text.len() > MOST_CHARS * 12 {
        return Err(too_long());
    }
    let chars: Vec<char> = clean::compose(text).chars().collect();
    if chars.len() > MOST_CHARS {
        return Err(too_long());
    }
    let mut parser = Parser { chars: &chars, at: 0, line: 1, column: 1, parts: Vec::new(), problems: Vec::new() };
    parser.run();
    let Parser { parts, problems, .. } = parser;
    if problems.is_empty() { Ok(parts) } else { Err(problems) }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
    column: usize,
    parts: Vec<Part>,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn run(&mut self) {
        let mut text = String::new();
        let mut slots = 0;
        let mut codes: Vec<String> = Vec::new();
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('{', Some('{')) => {
                    let (line, column) = (self.line, self.column);
                    if let Some((code, kind)) = self.placeholder() {
                        slots += 1;
                        if slots == MOST_SLOTS + 1 {
                            self.problem(line, column, Fault::TooManySlots);
                        }
                        if !codes.contains(&code) && codes.len() <= MOST_VARIABLES {
                            codes.push(code.clone());
                            if codes.len() > MOST_VARIABLES {
                                self.problem(line, column, Fault::TooManyVariables);
                            }
                        }
                        if !text.is_empty() {
                            self.parts.push(Part::Text(std::mem::take(&mut text)));
                        }
                        self.parts.push(Part::Slot { code, kind });
                    }
                }
                ('{' | '}', _) => {
                    self.problem(self.line, self.column, Fault::StrayBrace);
                    let width = if self.peek(1) == Some(c) { 2 } else { 1 };
                    self.skip(width);
                }
                _ => {
                    match clean::odd(c) {
                        Some(Odd::Control) => self.problem(self.line, self.column, Fault::Control(u32::from(c))),
                        Some(Odd::Emoji) => self.problem(self.line, self.column, Fault::Emoji(c)),
                        _ => text.push(c),
                    }
                    self.skip(1);
                }
            }
        }
        if !text.is_empty() {
            self.parts.push(Part::Text(text));
        }
        let says = |part: &Part| match part {
            Part::Slot { .. } => true,
            Part::Text(text) => text.chars().any(char::is_alphanumeric),
        };
        if self.problems.is_empty() && !self.parts.iter().any(says) {
            self.problem(1, 1, Fault::Empty);
        }
    }

    /// Reads from `{{` to `}}`. A problem is told and read over.
    fn placeholder(&mut self) -> Option<(String, Option<Kind>)> {
        let (line, column) = (self.line, self.column);
        // No further than the longest that is right, with some blanks around.
        let reach = MOST_CODE + 64;
        let rest = &self.chars[self.at + 2..];
        let length = rest.windows(2).take(reach).position(|pair| pair == ['}', '}']);
        let inner: String = rest.iter().take(length.unwrap_or(0)).collect();
        let Some(length) = length.filter(|_| !inner.contains(['{', '\n'])) else {
            self.problem(line, column, Fault::Unclosed);
            self.skip(2);
            return None;
        };
        self.skip(length + 4);
        let (code, kind) = match inner.split_once('|') {
            Some((code, kind)) => (code.trim(), Some(kind.trim())),
            None => (inner.trim(), None),
        };
        if code.is_empty() {
            self.problem(line, column, Fault::NoCode);
            return None;
        }
        let is_code = code.len() <= MOST_CODE
            && code.starts_with(|c: char| c.is_ascii_lowercase())
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_code {
            self.problem(line, column, Fault::BadCode(code.to_owned()));
            return None;
        }
        let kind = match kind.map(|name| Kind::parse(name).ok_or(name)) {
            Some(Err(name)) => {
                self.problem(line, column, Fault::BadKind(name.to_owned()));
                return None;
            }
            Some(Ok(kind)) => Some(kind),
            None => None,
        };
        Some((code.to_owned(), kind))
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            match self.peek(0) {
                Some('\n') => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
                None => return,
            }
            self.at += 1;
        }
    }

    fn problem(&mut self, line: usize, column: usize, fault: Fault) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { line, column, fault });
        }
    }
}
