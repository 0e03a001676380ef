//! The lines of a message head, and the one reading of Content-Length.
//!
//! Framer and parser both go through this file, so that they cannot disagree about where a message ends.

use memchr::{memchr, memmem};

use super::{Name, Status};
use crate::{
    limits,
    text::{decimal, is_token},
};

/// Where a head ends: behind the empty line, at this offset. `from` bytes were searched before.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let start = from.saturating_sub(END.len());
    memmem::find(bytes.get(start..)?, END)?.checked_add(start)?.checked_add(END.len())
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
        let colon = memchr(b':', text).unwrap_or(text.len());
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
        let (mut folded, mut torn, mut ended) = (false, false, false);
        let mut end = 0_usize;
        while !ended {
            let rest = text.get(end..).unwrap_or_default();
            let length = memchr(b'\n', rest).map_or(rest.len(), |at| at.saturating_add(1));
            let physical = rest.get(..length).unwrap_or_default();
            // The one CR of a line stands right before its LF.
            torn |= match physical.strip_suffix(b"\n") {
                Some(text) => text.len().checked_sub(1).is_none_or(|last| memchr(b'\r', text) != Some(last)),
                None => memchr(b'\r', physical).is_some(),
            };
            end = end.saturating_add(length);
            ended = !matches!(text.get(end), Some(b' ' | b'\t')) || length == 0;
            folded |= !ended;
        }
        let (whole, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        self.rest = rest;
        let closed = whole.strip_suffix(b"\n").map(|text| text.strip_suffix(b"\r").unwrap_or(text));
        let text = closed.unwrap_or(whole);
        let fault = match () {
            () if closed.is_none() => Some(Status::bad("line without an end")),
            () if torn => Some(Status::bad("bare CR or LF")),
            () if has_bare_nul(whole) => Some(Status::bad("NUL")),
            () if text.len() > limits::LINE => Some(Status::bad("line too long")),
            () => None,
        };
        Line { text, folded, fault, torn }
    }
}

/// A quoted pair may hold any ASCII character but CR and LF (RFC 3261 §25.1), even NUL; elsewhere it is refused.
fn has_bare_nul(line: &[u8]) -> bool {
    if memchr(0, line).is_none() {
        return false;
    }
    let mut escaped = false;
    line.iter().any(|&byte| {
        let bare = byte == 0 && !escaped;
        escaped = byte == b'\\' && !escaped;
        bare
    })
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
