//! `/contacts/import` and `/contacts.csv`: everybody at once, in and out.

use askama::Template;
use axum::extract::State;
use contacts::{Contact, Duplicates, Order};
use futures_util::stream;
use web::{Page as Slice, csv};

use crate::{
    Answer, Console, Failure,
    asked::Asked,
    form::{Form, said},
    view::View,
};

/// Contacts that are read at a time.
const BATCH: i64 = 200;
/// What a duplicate may become, in the order of the choice.
const CHOICES: [&str; 3] = ["skip", "update", "add"];

#[derive(Template)]
#[template(path = "contacts/import.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// What is wrong in which cell, `rows.LINE.COLUMN`.
    wrong: Vec<Wrong>,
}

struct Wrong {
    line: String,
    column: String,
    why: String,
}

impl Page<'_> {
    fn choices(&self) -> [&'static str; 3] {
        CHOICES
    }
}

#[derive(Template)]
#[template(path = "contacts/imported.html")]
struct Done<'a> {
    v: &'a View,
    created: i64,
    updated: i64,
    skipped: i64,
}

pub(super) async fn show(view: View) -> Answer {
    if !view.may_write() {
        return Err(Failure::forbidden());
    }
    view.page(&Page { v: &view, form: &Form::default(), wrong: Vec::new() })
}

pub(super) async fn import(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let duplicates = Duplicates::parse(form.text("on_duplicate")).unwrap_or_default();
    let error = match console.contacts.import(view.who()?, form.value("rows").as_bytes(), duplicates).await {
        Ok(done) => {
            let (created, updated, skipped) = (done.created, done.updated, done.skipped);
            return view.page(&Done { v: &view, created, updated, skipped });
        }
        Err(contacts::Error::NotText) => {
            form.wrong("rows", view.t("contacts.import.no_text"));
            return view.again(&Page { v: &view, form: &form, wrong: Vec::new() });
        }
        Err(error) => error,
    };
    let error = web::Error::from(error);
    let wrong: Vec<Wrong> =
        error.fields().broken().map(|(field, rule)| wrong_cell(field, said(view.language(), rule))).collect();
    let form = form.refused(&view, error)?.with_message(view.t("contacts.import.refused"));
    view.again(&Page { v: &view, form: &form, wrong })
}

/// Reads `rows.LINE.COLUMN`; what is wrong with the whole file stands in its first line.
fn wrong_cell(field: &str, why: String) -> Wrong {
    let cell = field.strip_prefix("rows.").and_then(|rest| rest.split_once('.'));
    let (line, column) = cell.unwrap_or(("1", field));
    Wrong { line: line.to_owned(), column: column.to_owned(), why }
}

/// Everybody whom the search finds, in the form that the import reads.
pub(super) async fn export(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let (who, search) = (view.who()?.clone(), asked.optional("search"));
    let lines = stream::try_unfold(1, move |page| {
        let (console, who, search) = (console.clone(), who.clone(), search.clone());
        async move {
            let slice = Slice { page, per_page: BATCH };
            let batch = console.contacts.list(&who, search.as_deref(), Order::Newest, slice).await?;
            if batch.data.is_empty() {
                return Ok::<_, Failure>(None);
            }
            let mut text = String::new();
            for contact in &batch.data {
                csv::line(&mut text, columns(contact).iter().map(String::as_str));
            }
            Ok(Some((text, page + 1)))
        }
    });
    Ok(csv::file("contacts.csv", csv::Readers::People, &["full_name", "phones", "customer_id"], lines))
}

fn columns(contact: &Contact) -> [String; 3] {
    let id = contact.customer_id.map_or_else(String::new, |id| id.to_string());
    [contact.full_name.clone(), contact.phones.join("|"), id]
}
