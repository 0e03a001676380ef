//! Writing: cells that no spreadsheet computes, and downloads that are made while they are read.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderValue, header};

/// What spreadsheets know UTF-8 by.
const BOM: &str = "\u{feff}";
/// Fewest and most digits of a cell that is taken for a phone number.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=20;

/// Who opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// A spreadsheet, which wants to be told that the text is UTF-8.
    People,
    Programs,
}

/// Returns a cell that a spreadsheet does not compute: what begins like a formula gets an apostrophe before it.
/// A phone number (`+84987654321`) stays what it is.
pub fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_phone(cell) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Returns what a cell was before [`harmless`] put an apostrophe before it, so that a file may come back as it went.
pub fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|inside| harmless(inside).len() > inside.len()).unwrap_or(cell)
}

fn is_phone(cell: &str) -> bool {
    let digits = cell.strip_prefix('+').unwrap_or(cell);
    PHONE_DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Appends one line; every cell is made [`harmless`] and quoted where it has to be.
pub fn line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    write(out, cells.into_iter().map(harmless));
}

/// Appends one line whose cells stay what they are: for a text that goes back to its writer and into no spreadsheet.
pub fn plain_line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    write(out, cells.into_iter().map(Cow::Borrowed));
}

fn write<'a>(out: &mut String, cells: impl Iterator<Item = Cow<'a, str>>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

/// Returns a download that is made while it is read. `lines` yields texts made by [`line()`]; an error cuts it short.
pub fn file<S, E>(name: &str, readers: Readers, head: &[&str], lines: S) -> Response
where
    S: Stream<Item = Result<String, E>> + Send + 'static,
    E: std::fmt::Debug,
{
    let mut first = if readers == Readers::People { BOM.to_owned() } else { String::new() };
    line(&mut first, head.iter().copied());
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(first))]);
    let rest = lines.map(|part| {
        part.map(Bytes::from).map_err(|error| {
            tracing::warn!(?error, "a list was cut short");
            std::io::Error::other("the list could not be read")
        })
    });
    let mut response = Body::from_stream(first.chain(rest)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("file names are plain"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_somebody_wrote_is_no_formula() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("=+84912345678", "'=+84912345678"),
            ("+84987654321", "+84987654321"),
            ("0987654321", "0987654321"),
            ("+1+1", "'+1+1"),
            ("+84 987", "'+84 987"),
            ("+12", "'+12"),
            ("+123456789012345678901", "'+123456789012345678901"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("-5", "'-5"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("1001", "1001"),
            ("4.2", "4.2"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), cell);
            assert_eq!(bare(cell), text);
        }
        assert_eq!(bare("'0912345678"), "'0912345678");
    }

    #[test]
    fn cells_are_quoted_and_never_computed() {
        let mut out = String::new();
        line(&mut out, ["a", "b,c", "say \"hi\"", "=1+1", "@x", "-5", "+84987654321", "two\nlines", "=\"x\""]);
        assert_eq!(out, "a,\"b,c\",\"say \"\"hi\"\"\",'=1+1,'@x,'-5,+84987654321,\"two\nlines\",\"'=\"\"x\"\"\"\r\n");
    }
}
