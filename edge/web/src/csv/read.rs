//! Reading what spreadsheets write: commas, semicolons or tabs, any line ends, quoted cells over several lines.

use std::iter::Peekable;
use std::str::CharIndices;

/// Most columns of a sheet.
const MOST_COLUMNS: usize = 100;
/// Beginnings of files that are no text whatever they are called: zip (and xlsx), PDF, old Excel, gzip.
const NOT_TEXT: [&[u8]; 4] = [b"PK", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"];

/// Why a file is no sheet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A workbook, an archive, a page, or a text that is not UTF-8.
    #[error("the file is no CSV text in UTF-8")]
    NotText,
    #[error("the file has no rows")]
    Empty,
    #[error("a sheet has {MOST_COLUMNS} columns at most")]
    TooManyColumns,
    #[error("the column {0} is there twice")]
    DuplicateColumn(String),
}

/// One row and the line that it begins in, from 1. Cells are without the blanks around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub line: usize,
    pub cells: Vec<String>,
    /// The file ended within quotes.
    pub unclosed: bool,
}

/// A file with the names of its columns in the first row.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// In lower case.
    head: Vec<String>,
    rows: Records<'a>,
}

impl<'a> Sheet<'a> {
    /// Reads the names of the columns.
    ///
    /// # Errors
    /// If the file is no text, has no row, or names a column twice.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let text = text(bytes)?;
        let mut rows = records(text);
        let first = rows.next().ok_or(Unreadable::Empty)?;
        if first.cells.len() > MOST_COLUMNS {
            return Err(Unreadable::TooManyColumns);
        }
        let head: Vec<String> = first.cells.iter().map(|name| name.to_lowercase()).collect();
        for (at, name) in head.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if head.iter().take(at).any(|other| other == name) {
                return Err(Unreadable::DuplicateColumn(name.clone()));
            }
        }
        Ok(Self { head, rows })
    }

    /// Returns the names of the columns, in lower case.
    pub fn head(&self) -> &[String] {
        &self.head
    }

    /// Returns the place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.head.iter().position(|other| other == name)
    }
}

impl Iterator for Sheet<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.rows.next()
    }
}

/// Takes the bytes for text.
fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    if NOT_TEXT.iter().any(|beginning| bytes.starts_with(beginning)) {
        return Err(Unreadable::NotText);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::NotText)?;
    // A page of the web, or UTF-16 without its mark.
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') || text.contains('\0') {
        return Err(Unreadable::NotText);
    }
    Ok(text)
}

/// Reads rows; blank ones are left out. The separator is the one that the first line has most of.
pub fn records(text: &str) -> Records<'_> {
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\u{1a}');
    let first = text.split(['\r', '\n']).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut separator = (',', count(first, ','));
    for mark in [';', '\t'] {
        let found = count(first, mark);
        if found > separator.1 {
            separator = (mark, found);
        }
    }
    Records { rest: text.char_indices().peekable(), text, separator: separator.0, line: 1 }
}

/// Counts a mark outside of quotes.
fn count(line: &str, mark: char) -> usize {
    let mut quoted = false;
    let outside = line.chars().filter(|&c| {
        quoted ^= c == '"';
        c == mark && !quoted
    });
    outside.count()
}

/// The rows of a text.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    separator: char,
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let record = self.record()?;
            if record.cells.iter().any(|cell| !cell.is_empty()) {
                return Some(record);
            }
        }
    }
}

impl Records<'_> {
    fn record(&mut self) -> Option<Record> {
        self.rest.peek()?;
        let (line, mut cells, mut cell, mut quoted) = (self.line, Vec::new(), String::new(), false);
        while let Some((at, c)) = self.rest.next() {
            match c {
                '"' if quoted && self.rest.peek().is_some_and(|(_, next)| *next == '"') => {
                    self.rest.next();
                    cell.push('"');
                }
                // A quote within a cell that does not begin with one is a quote.
                '"' if quoted || cell.trim().is_empty() => quoted = !quoted,
                '\r' | '\n' => {
                    // CR LF is one end.
                    let pair = c == '\r' && self.text.as_bytes().get(at + 1) == Some(&b'\n');
                    if pair {
                        self.rest.next();
                    }
                    self.line += 1;
                    if !quoted {
                        cells.push(trimmed(cell));
                        return Some(Record { line, cells, unclosed: false });
                    }
                    cell.push('\n');
                }
                c if c == self.separator && !quoted => cells.push(trimmed(std::mem::take(&mut cell))),
                c => cell.push(c),
            }
        }
        cells.push(trimmed(cell));
        Some(Record { line, cells, unclosed: quoted })
    }
}

fn trimmed(cell: String) -> String {
    let inside = cell.trim();
    if inside.len() == cell.len() { cell } else { inside.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
        records(text).map(|record| (record.line, record.cells)).collect()
    }

    #[test]
    fn files_of_every_spreadsheet_are_read() {
        for text in [
            "\u{feff}name,phone\r\n\"Trần \"\"Lan\"\", An\",0987\r\n\r\nMinh,0912\r\n",
            "name;phone\n\"Trần \"\"Lan\"\", An\";0987\n;\nMinh;0912",
            "name\tphone\r\"Trần \"\"Lan\"\", An\"\t0987\r\rMinh\t 0912 \r\u{1a}",
            "name,phone\r\n\"Trần \"\"Lan\"\", An\",0987\n\nMinh,0912\r",
        ] {
            let cells = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
            let expected =
                [(1, cells(["name", "phone"])), (2, cells(["Trần \"Lan\", An", "0987"])), (4, cells(["Minh", "0912"]))];
            assert_eq!(rows(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quoted_cell_may_have_lines_and_a_plain_one_quotes() {
        assert_eq!(
            rows("a,b\n\"one\r\ntwo, three\",5\" pipe\nlast,row"),
            [
                (1, vec!["a".to_owned(), "b".to_owned()]),
                (2, vec!["one\ntwo, three".to_owned(), "5\" pipe".to_owned()]),
                (4, vec!["last".to_owned(), "row".to_owned()]),
            ]
        );
        let open: Vec<_> = records("a\n\"never closed\nx").collect();
        assert!(open.last().is_some_and(|record| record.unclosed && record.line == 2));
    }

    #[test]
    fn what_is_no_sheet_is_refused() {
        for (bytes, why) in [
            (&b""[..], Unreadable::Empty),
            (b" \r\n,,\n", Unreadable::Empty),
            (b"PK\x03\x04xlsx", Unreadable::NotText),
            (b"%PDF-1.7", Unreadable::NotText),
            (b"<!doctype html><html>", Unreadable::NotText),
            (b"\xff\xfea\0b\0", Unreadable::NotText),
            (b"a\0b", Unreadable::NotText),
            (b"caf\xe9", Unreadable::NotText),
            (b"phone,Name,PHONE\n1,2,3", Unreadable::DuplicateColumn("phone".to_owned())),
        ] {
            assert_eq!(Sheet::open(bytes).unwrap_err(), why);
        }
        assert_eq!(Sheet::open(",".repeat(10_000).as_bytes()).unwrap_err(), Unreadable::Empty);
        assert_eq!(
            Sheet::open(("x".to_owned() + &",y".repeat(10_000)).as_bytes()).unwrap_err(),
            Unreadable::TooManyColumns
        );
    }

    #[test]
    fn columns_are_found_by_their_name() {
        let sheet = Sheet::open(b"Full_Name, Phones\nLan,1").unwrap();
        assert_eq!((sheet.column("phones"), sheet.column("x")), (Some(1), None));
        assert_eq!(sheet.map(|row| row.cells).collect::<Vec<_>>(), [["Lan", "1"]]);
    }
}
