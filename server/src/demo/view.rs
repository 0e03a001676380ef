//! What the demo shows: lines as things happen, a table at the end.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// Writes the view. Colour only on a terminal, and never where `NO_COLOR` is set (no-color.org).
pub(super) struct View {
    out: Box<dyn Write + Send>,
    colour: bool,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Title,
    Faint,
    Good,
    Bad,
    Call,
}

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// One cell of a table.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) look: Look,
}

impl Cell {
    pub(super) fn new(text: impl Display, look: Look) -> Self {
        Self { text: text.to_string(), look }
    }

    pub(super) fn plain(text: impl Display) -> Self {
        Self::new(text, Look::Plain)
    }
}

impl View {
    /// Returns the view on standard output. `no_colour` is whether `NO_COLOR` is set.
    pub(super) fn on_stdout(no_colour: bool) -> Self {
        let out = io::stdout();
        let colour = out.is_terminal() && !no_colour;
        Self { out: Box::new(out), colour }
    }

    #[cfg(test)]
    fn on(out: Box<dyn Write + Send>, colour: bool) -> Self {
        Self { out, colour }
    }

    /// Writes a heading with a blank line before it.
    pub(super) fn heading(&mut self, text: &str) {
        let text = self.paint(text, Look::Title);
        self.write(&format!("\n{text}\n"));
    }

    /// Writes an empty line.
    pub(super) fn gap(&mut self) {
        self.write("\n");
    }

    /// Writes a line of prose.
    pub(super) fn say(&mut self, text: &str, look: Look) {
        let text = self.paint(text, look);
        self.write(&format!("{text}\n"));
    }

    /// Writes a name and its value.
    pub(super) fn fact(&mut self, name: &str, value: impl Display) {
        let name = self.paint(&format!("{name:<11}"), Look::Faint);
        self.write(&format!("  {name} {value}\n"));
    }

    /// Writes that something happened to a call: time since the start, the call's number, what, and a remark.
    pub(super) fn happened(&mut self, at: Duration, call: usize, what: &str, look: Look, remark: &str) {
        let time = self.paint(&format!("{:>7.2} s", at.as_secs_f64()), Look::Faint);
        let number = self.paint(&format!("#{call:<2}"), Look::Call);
        let what = self.paint(&format!("{what:<20}"), look);
        let line = format!("{time}  {number}  {what}  {remark}");
        self.write(&format!("{}\n", line.trim_end()));
    }

    /// Writes a table whose columns are as wide as their widest cell.
    pub(super) fn table(&mut self, columns: &[(&str, Align)], rows: &[Vec<Cell>]) {
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.chars().count());
            cells.chain([columns[at].0.chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let heads: Vec<Cell> = columns.iter().map(|(name, _)| Cell::new(name, Look::Faint)).collect();
        for row in std::iter::once(&heads).chain(rows) {
            let mut line = String::from(" ");
            for ((cell, (_, align)), width) in row.iter().zip(columns).zip(&widths) {
                let text = &cell.text;
                let padded = match align {
                    Align::Left => format!("{text:<width$}"),
                    Align::Right => format!("{text:>width$}"),
                };
                line.push(' ');
                line.push_str(&self.paint(&padded, cell.look));
                line.push(' ');
            }
            self.write(&format!("{}\n", line.trim_end()));
        }
    }

    fn paint(&self, text: &str, look: Look) -> String {
        let code = match look {
            Look::Plain => return text.to_owned(),
            _ if !self.colour => return text.to_owned(),
            Look::Title => "1",
            Look::Faint => "2",
            Look::Good => "32",
            Look::Bad => "1;31",
            Look::Call => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A reader that went away (a closed pipe) does not stop the demo.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(colour: bool, draw: impl Fn(&mut View)) -> String {
        let paper = Paper::default();
        draw(&mut View::on(Box::new(paper.clone()), colour));
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = drawn(false, |view| {
            view.table(
                &[("#", Align::Right), ("Call", Align::Left), ("Talk", Align::Right)],
                &[
                    vec![Cell::plain(1), Cell::plain("1001 → 84281"), Cell::plain("3 s")],
                    vec![Cell::plain(10), Cell::new("short", Look::Good), Cell::plain("–")],
                ],
            );
        });
        assert_eq!(text, "   #  Call          Talk\n   1  1001 → 84281   3 s\n  10  short            –\n");
    }

    #[test]
    fn no_escape_sequence_is_written_without_colour() {
        let draw = |view: &mut View| {
            view.heading("Calls");
            view.happened(Duration::from_millis(1250), 3, "ringing", Look::Good, "1001");
        };
        assert_eq!(drawn(false, draw), "\nCalls\n   1.25 s  #3   ringing               1001\n");
        assert!(drawn(true, draw).contains("\x1b[32m"));
    }
}
