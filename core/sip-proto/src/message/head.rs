//! The lines of a message head, and the one reading of Content-Length.
//!
//! Framer and parser both go through this file, so that they cannot disagree about where a message ends.

use super::{Name, Status};
use crate::{
    limits,
    text::{decimal, is_token},
};

/// Where a head ends: behind the empty line, at this offset.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let found = rest.iter().position(|&byte| byte == b'\n')?;
        at = at.checked_add(found)?.checked_add(1)?;
        if bytes.get(..at)?.ends_with(b"\r\n\r\n") {
            return Some(at);
        }
    }
}

/// One header field, folds included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Name; empty if the line could not be read.
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) folded: bool,
    /// What is wrong with the line. Its name and value may still help to answer.
    pub(super) fault: Option<Status>,
    /// Whether others might see other lines here: a CR or LF stands alone.
    pub(super) torn: bool,
}

/// One logical line, without its line end.
struct Line<'a> {
    text: &'a [u8],
    folded: bool,
    fault: Option<Status>,
    torn: bool,
}

/// Reads logical lines from a head.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(super) fn new(head: &'a [u8]) -> Self {
        Self { rest: head }
    }

    /// Returns the start line, without its CRLF.
    pub(super) fn start(&mut self) -> (&'a [u8], Option<Status>) {
        let line = self.line();
        (line.text, line.fault)
    }

    /// Returns the next header field; `None` at the empty line or the end.
    pub(super) fn field(&mut self) -> Option<Field<'a>> {
        if self.rest.is_empty() || self.rest.starts_with(b"\r\n") {
            return None;
        }
        let Line { text, folded, fault, torn } = self.line();
        let colon = text.iter().position(|&byte| byte == b':').unwrap_or(text.len());
        let (name, value) = text.split_at_checked(colon).unwrap_or_default();
        // HCOLON allows blanks before the colon, but no line break.
        let name = trim_blanks_end(name);
        if value.is_empty() || !is_token(name) {
            let fault = fault.or(Some(Status::bad("malformed header line")));
            return Some(Field { name: &[], value: &[], folded, fault, torn });
        }
        Some(Field { name, value: value.get(1..).unwrap_or_default().trim_ascii(), folded, fault, torn })
    }

    /// Takes one logical line.
    fn line(&mut self) -> Line<'a> {
        let text = self.rest;
        let mut line = Line { text, folded: false, fault: None, torn: false };
        let mut nul = false;
        let mut previous = 0_u8;
        let mut escaped = false;
        let mut end = text.len();
        for (at, &byte) in text.iter().enumerate() {
            line.torn |= (previous == b'\r') != (byte == b'\n');
            if byte == b'\n' {
                match text.get(at.saturating_add(1)) {
                    Some(b' ' | b'\t') => line.folded = true,
                    _ => {
                        end = at.saturating_add(1);
                        break;
                    }
                }
            }
            // A quoted pair may hold any ASCII character but CR and LF (RFC 3261 §25.1), even NUL.
            nul |= byte == 0 && !escaped;
            escaped = byte == b'\\' && !escaped;
            previous = byte;
        }
        let (whole, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        self.rest = rest;
        let ended = whole.strip_suffix(b"\n").map(|text| text.strip_suffix(b"\r").unwrap_or(text));
        line.text = ended.unwrap_or(whole);
        line.fault = match () {
            () if line.torn => Some(Status::bad("bare CR or LF")),
            () if nul => Some(Status::bad("NUL")),
            () if ended.is_none() => Some(Status::bad("line without an end")),
            () if line.text.len() > limits::LINE => Some(Status::bad("line too long")),
            () => None,
        };
        line
    }
}

fn trim_blanks_end(mut text: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\t', before)) = text.split_last() {
        text = before;
    }
    text
}

/// Collects Content-Length while the fields of a head go by.
#[derive(Debug, Default)]
pub(super) struct BodyLength {
    length: Option<usize>,
}

impl BodyLength {
    /// Looks at one field; refuses a second Content-Length and whatever is not a plain decimal.
    pub(super) fn see(&mut self, name: Name, value: &[u8]) -> Result<(), Status> {
        if name != Name::ContentLength {
            return Ok(());
        }
        if self.length.is_some() {
            return Err(Status::bad("more than one Content-Length"));
        }
        self.length = Some(decimal(value).ok_or(Status::bad("malformed Content-Length"))?);
        Ok(())
    }

    /// Returns the length that was declared.
    pub(super) fn declared(&self) -> Option<usize> {
        self.length
    }
}
