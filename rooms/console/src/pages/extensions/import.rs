//! `/extensions/import`: many extensions at once, from the lines of a CSV file.

use askama::Template;
use axum::extract::State;
use futures_util::{StreamExt as _, stream};
use pbx::ops::extensions::{self, Fill, NewExtension};
use web::{Fields, csv};

use super::list::may_manage;
use crate::{
    Answer, Console, Failure,
    form::{self, Form},
    view::View,
};

/// Extensions that are written at the same time: they share commits.
const AT_ONCE: usize = 64;
/// Most lines of one import; more are for the command line.
const MOST_LINES: usize = 5_000;

#[derive(Template)]
#[template(path = "extensions/import.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
}

#[derive(Template)]
#[template(path = "extensions/imported.html")]
struct Imported<'a> {
    v: &'a View,
    /// With the password where it was made here.
    made: Vec<(String, Option<String>)>,
    refused: Vec<Refused>,
    /// What could not be used, to be mended and sent again.
    form: Form,
}

impl Imported<'_> {
    fn made(&self) -> i64 {
        i64::try_from(self.made.len()).unwrap_or(i64::MAX)
    }

    fn refused(&self) -> i64 {
        i64::try_from(self.refused.len()).unwrap_or(i64::MAX)
    }

    fn has_passwords(&self) -> bool {
        self.made.iter().any(|(_, password)| password.is_some())
    }
}

struct Refused {
    line: usize,
    number: String,
    why: String,
}

/// One line: number, password, name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// From 1.
    line: usize,
    number: String,
    password: Option<String>,
    name: Option<String>,
}

pub(super) async fn show(view: View) -> Answer {
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    view.page(&Page { v: &view, form: &Form::default() })
}

pub(super) async fn import(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.who()?;
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    // The answer shows passwords.
    view.fresh()?;
    let lines = lines(form.value("rows"));
    if lines.is_empty() || lines.len() > MOST_LINES {
        let wrong = if lines.is_empty() {
            view.t("extensions.import.no_rows").to_owned()
        } else {
            view.t1("extensions.import.too_many", view.number(i64::try_from(MOST_LINES).unwrap_or(0)))
        };
        form.wrong("rows", wrong);
        return view.again(&Page { v: &view, form: &form });
    }
    let desk = console.pbx.desk();
    let outcomes = stream::iter(lines).map(|line| {
        let desk = &desk;
        async move {
            let fill = Fill { display_name: Some(line.name.clone()), ..Fill::default() };
            let new = NewExtension { number: Some(line.number.clone()), sip_password: line.password.clone(), fill };
            let outcome = extensions::create(desk, who, new, Fields::new()).await;
            (line, outcome)
        }
    });
    let mut outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;
    outcomes.sort_by_key(|(line, _)| line.line);
    let (mut made, mut refused, mut rest) = (Vec::new(), Vec::new(), String::new());
    for (line, outcome) in outcomes {
        match outcome {
            Ok((extension, password)) => made.push((extension.number, line.password.is_none().then_some(password))),
            Err(error) => {
                let error = web::Error::from(error);
                if error.status().is_server_error() || error.status() == http::StatusCode::FORBIDDEN {
                    return Err(error.into());
                }
                let why = why(&view, &error);
                let (password, name) = (line.password.unwrap_or_default(), line.name.unwrap_or_default());
                csv::plain_line(&mut rest, [line.number.as_str(), &password, &name]);
                refused.push(Refused { line: line.line, number: line.number, why });
            }
        }
    }
    let form = Form::default().with("rows", rest);
    view.page(&Imported { v: &view, made, refused, form })
}

/// Says what is wrong with a line, column by column.
fn why(view: &View, error: &web::Error) -> String {
    let column = |field: &str| match field {
        "extension_number" => view.t("extensions.number"),
        "sip_password" => view.t("extensions.password"),
        _ => view.t("extensions.name"),
    };
    let broken = error.fields().broken();
    let all: Vec<_> =
        broken.map(|(field, rule)| format!("{}: {}", column(field), form::said(view.language(), rule))).collect();
    if all.is_empty() { error.text(view.language()).to_owned() } else { all.join(" ") }
}

/// Reads three columns, with a line of names on top if there is one.
fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    for record in csv::records(text) {
        let mut cells = record.cells.into_iter();
        let number = cells.next().unwrap_or_default();
        let is_head = record.line == 1 && number.chars().any(char::is_alphabetic);
        if number.is_empty() || is_head {
            continue;
        }
        let mut cell = || cells.next().filter(|cell| !cell.is_empty());
        let (password, name) = (cell(), cell());
        found.push(Line { line: record.line, number, password, name });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: usize, number: &str, password: Option<&str>, name: Option<&str>) -> Line {
        Line { line, number: number.to_owned(), password: password.map(str::to_owned), name: name.map(str::to_owned) }
    }

    #[test]
    fn files_of_spreadsheets_are_read() {
        for text in [
            "\u{feff}extension_number,sip_password,display_name\r\n1001,,\"Trần \"\"Lan\"\", An\"\r\n\r\n1002,secret-secret\r\n",
            "number;password;name\n1001;;\"Trần \"\"Lan\"\", An\"\n\n1002;secret-secret;",
        ] {
            let expected =
                [line(2, "1001", None, Some("Trần \"Lan\", An")), line(4, "1002", Some("secret-secret"), None)];
            assert_eq!(lines(text), expected, "{text}");
        }
        assert_eq!(lines("1001"), [line(1, "1001", None, None)]);
        assert_eq!(lines(" \n,,\n"), []);
    }
}
