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
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) folded: bool,
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
    pub(super) fn start(&mut self) -> Result<&'a [u8], Status> {
        let (line, _) = self.line()?;
        Ok(line)
    }

    /// Returns the next header field; `None` at the empty line or the end.
    pub(super) fn field(&mut self) -> Option<Result<Field<'a>, Status>> {
        if self.rest.is_empty() || self.rest.starts_with(b"\r\n") {
            return None;
        }
        Some(self.line().and_then(|(line, folded)| {
            let colon = line.iter().position(|&byte| byte == b':').ok_or(Status::bad("header line without a colon"))?;
            let (name, value) = line.split_at_checked(colon).ok_or(Status::bad("header line without a colon"))?;
            // HCOLON allows blanks before the colon, but no line break.
            let name = trim_blanks_end(name);
            if !is_token(name) {
                return Err(Status::bad("malformed header name"));
            }
            Ok(Field { name, value: value.get(1..).unwrap_or_default().trim_ascii(), folded })
        }))
    }

    /// Takes one logical line; on an error the line is skipped, so that the rest can still be read.
    fn line(&mut self) -> Result<(&'a [u8], bool), Status> {
        let text = self.rest;
        let mut folded = false;
        let mut fault = None;
        let mut previous = 0_u8;
        let mut escaped = false;
        let mut end = text.len();
        for (at, &byte) in text.iter().enumerate() {
            if previous == b'\r' && byte != b'\n' {
                fault = Some(Status::bad("bare CR"));
            }
            if byte == b'\n' {
                if previous != b'\r' {
                    fault = Some(Status::bad("bare LF"));
                }
                match text.get(at.saturating_add(1)) {
                    Some(b' ' | b'\t') => folded = true,
                    _ => {
                        end = at.saturating_add(1);
                        break;
                    }
                }
            }
            // A quoted pair may hold any ASCII character but CR and LF (RFC 3261 §25.1), even NUL.
            if byte == 0 && !escaped {
                fault = Some(Status::bad("NUL"));
            }
            escaped = byte == b'\\' && !escaped;
            previous = byte;
        }
        let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        self.rest = rest;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let line = line.strip_suffix(b"\r\n").ok_or(Status::bad("line without an end"))?;
        if line.len() > limits::LINE {
            return Err(Status::bad("line too long"));
        }
        Ok((line, folded))
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
