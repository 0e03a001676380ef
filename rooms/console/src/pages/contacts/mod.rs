//! `/contacts`: the people whom the account knows by their numbers.

mod sheet;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use contacts::{Contact, NewContact, Order};
use pbx::{model::Cdr, ops::cdr};

use crate::{Answer, Console, Failure, asked::Asked, form::Form, pager::Pager, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/contacts", get(list).post(create))
        .route("/contacts/new", get(new))
        .route("/contacts/import", get(sheet::show).post(sheet::import))
        .route("/contacts.csv", get(sheet::export))
        .route("/contacts/{id}", get(show).post(change))
        .route("/contacts/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "contacts/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    contacts: &'a [Contact],
    pager: Pager,
    export: String,
}

#[derive(Template)]
#[template(path = "contacts/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    contact: Option<&'a Contact>,
    calls: Vec<Cdr>,
    pager: Option<Pager>,
}

impl<'a> Page<'a> {
    /// A form without a history.
    const fn of(v: &'a View, form: &'a Form, contact: Option<&'a Contact>) -> Self {
        Self { v, form, contact, calls: Vec::new(), pager: None }
    }
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let search = asked.optional("search");
    let listing = console.contacts.list(view.who()?, search.as_deref(), Order::Name, asked.page()).await?;
    let (pager, export) = (Pager::of(&listing, &asked), asked.export("/contacts.csv"));
    view.page(&List { v: &view, asked: &asked, contacts: &listing.data, pager, export })
}

/// `?number=` fills the number in: a call's page offers to keep who called.
async fn new(view: View, asked: Asked) -> Answer {
    if !view.may_write() {
        return Err(Failure::forbidden());
    }
    view.page(&Page::of(&view, &Form::default().with("phones", asked.text("number")), None))
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>, asked: Asked) -> Answer {
    let who = view.who()?;
    let contact = console.contacts.show(who, id).await?;
    let form = Form::default()
        .with("full_name", &contact.full_name)
        .with("phones", contact.phones.join("\n"))
        .with("customer_id", contact.customer_id.map_or_else(String::new, |id| id.to_string()));
    let calls = cdr::of_numbers(&console.pbx, who, &contact.phones, asked.page()).await?;
    let pager = Some(Pager::of(&calls, &asked));
    view.page(&Page { v: &view, form: &form, contact: Some(&contact), calls: calls.data, pager })
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let contact = read(&view, &mut form);
    if !form.is_wrong() {
        match console.contacts.create(view.who()?, &contact).await {
            Ok(_) => return view.go_with("/contacts", "contacts.created"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    view.again(&Page::of(&view, &form, None))
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let who = view.who()?;
    let known = console.contacts.show(who, id).await?;
    let contact = read(&view, &mut form);
    if !form.is_wrong() {
        match console.contacts.replace(who, id, &contact).await {
            Ok(()) => return view.go_with("/contacts", "contacts.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    view.again(&Page::of(&view, &form, Some(&known)))
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    console.contacts.delete(view.who()?, id).await?;
    view.go_with("/contacts", "contacts.deleted")
}

fn read(view: &View, form: &mut Form) -> NewContact {
    let customer_id = form.number(view, "customer_id");
    let lines = form.text("phones").lines().map(str::trim).filter(|line| !line.is_empty());
    NewContact { full_name: form.text("full_name").to_owned(), phones: lines.map(str::to_owned).collect(), customer_id }
}
