//! `/api/contacts/*`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::{FromRef, State};
use pbx::{Pbx, model::CdrBody};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result,
    Rule, csv::Upload, routes,
};

use crate::{Changes, Contact, Contacts, Duplicates, Imported, NewContact, Order};

/// Longest number that is looked up at all, and longest text that is searched for.
const LONGEST_NUMBER: usize = 64;
const LONGEST_SEARCH: usize = 200;

/// The people, and the exchange that knows their calls.
#[derive(Clone)]
struct Rooms {
    contacts: Contacts,
    pbx: Pbx,
}

impl FromRef<Rooms> for Contacts {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.contacts.clone()
    }
}

pub(crate) fn routes(contacts: Contacts, pbx: Pbx) -> OpenApiRouter {
    OpenApiRouter::<Rooms>::new()
        .routes(routes!(lookup))
        .routes(routes!(list_contacts, create_contact))
        .routes(routes!(import_contacts))
        .routes(routes!(show_contact, update_contact, delete_contact))
        .routes(routes!(list_calls))
        .with_state(Rooms { contacts, pbx })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LookupParams {
    /// The caller's number as it was shown, with or without country code.
    #[param(required = true, example = "0987654321")]
    number: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchParams {
    /// Part of a name, or of a number written in any way.
    #[param(max_length = 200)]
    search: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportParams {
    /// What becomes of a line one of whose numbers somebody has already: `skip`, `update` or `add` it.
    #[param(default = "skip")]
    on_duplicate: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
struct ContactBody {
    id: i64,
    full_name: String,
    /// As they were given.
    phones: Vec<String>,
    customer_id: Option<i64>,
    lead_id: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ContactDetail)]
struct DetailBody {
    #[serde(flatten)]
    contact: ContactBody,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// What a client may write of a contact. Absent fields keep what they are.
#[derive(Deserialize, ToSchema)]
#[schema(as = ContactFields)]
struct Written {
    /// Needed to create one.
    #[schema(example = "Trần Lan", max_length = 200)]
    full_name: Option<String>,
    /// 1-20 numbers of the account's region or international ones, written in any way. Needed to create one.
    #[schema(example = json!(["0987654321"]))]
    phones: Option<Vec<String>>,
    /// The customer's id in another system.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    customer_id: Option<Option<i64>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ContactsImported)]
struct ImportedBody {
    created: i64,
    updated: i64,
    /// Lines one of whose numbers somebody had.
    skipped: i64,
}

/// The `{}` of `{"data": {}}`.
#[derive(Serialize, ToSchema)]
struct Nothing {}

/// Tells a field that is null (`Some(None)`) from one that is absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id,
            full_name: contact.full_name,
            phones: contact.phones,
            customer_id: contact.customer_id,
            lead_id: None,
        }
    }
}

impl From<Contact> for DetailBody {
    fn from(contact: Contact) -> Self {
        let (created_at, updated_at) = (contact.created_at.rfc3339(), contact.updated_at.rfc3339());
        Self { contact: contact.into(), created_at, updated_at }
    }
}

impl From<Imported> for ImportedBody {
    fn from(done: Imported) -> Self {
        Self { created: done.created, updated: done.updated, skipped: done.skipped }
    }
}

/// Finds who has a number; `data` is null if nobody has.
#[utoipa::path(get, path = "/api/contacts/lookup", tag = "contacts", params(LookupParams), responses(
    (status = 200, body = Data<Option<ContactBody>>),
    (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn lookup(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Query(query): Query<LookupParams>,
) -> Result<Data<Option<ContactBody>>> {
    let mut fields = Fields::new();
    let number = fields.require_text("number", query.number.as_deref(), 1, LONGEST_NUMBER);
    let Some(number) = number else { return Err(fields.into()) };
    Ok(Data(contacts.lookup(&who, &number).await?.map(ContactBody::from)))
}

/// Lists contacts, the newest first.
#[utoipa::path(get, path = "/api/contacts", tag = "contacts", params(SearchParams, PageParams), responses(
    (status = 200, body = Listing<DetailBody>),
    (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_contacts(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Query(query): Query<SearchParams>,
    page: Page,
) -> Result<Listing<DetailBody>> {
    let mut fields = Fields::new();
    let search = fields.text("search", query.search.as_deref(), 0, LONGEST_SEARCH);
    fields.finish()?;
    let search = search.filter(|search| !search.is_empty());
    Ok(contacts.list(&who, search.as_deref(), Order::Newest, page).await?.map(DetailBody::from))
}

/// Keeps a contact. Users of the role `read_only` may not.
#[utoipa::path(post, path = "/api/contacts", tag = "contacts", request_body = Written, responses(
    (status = 201, body = Created<DetailBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn create_contact(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    body: Body<Written>,
) -> Result<Created<DetailBody>> {
    let Written { full_name, phones, customer_id } = body.value;
    let (full_name, phones) = (full_name.unwrap_or_default(), phones.unwrap_or_default());
    let new = NewContact { full_name, phones, customer_id: customer_id.flatten() };
    let id = contacts.add(&who, &new, body.fields).await?;
    Ok(Created(contacts.show(&who, id).await?.into()))
}

/// Keeps everybody of a CSV file, or nobody: one 422 names what is wrong as `rows.LINE.COLUMN`.
///
/// The first line names the columns: `full_name`, `phones` (or `phone`, `phone_2` …; several numbers in a cell are
/// separated by `;` or `|`) and, if there are any, `customer_id`. 10,000 lines and 10 MB at most.
#[utoipa::path(post, path = "/api/contacts/import", tag = "contacts", params(ImportParams),
    request_body(content = String, content_type = "text/csv", example = "full_name,phones\nTrần Lan,0987654321\n"),
    responses(
    (status = 200, body = Data<ImportedBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 413, body = ErrorBody), (status = 415, body = ErrorBody, description = "No CSV text in UTF-8."),
    (status = 422, body = ErrorBody)))]
async fn import_contacts(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Query(query): Query<ImportParams>,
    Upload(sheet): Upload,
) -> Result<Data<ImportedBody>> {
    let duplicates = query.on_duplicate.as_deref().map_or_else(|| Some(Duplicates::default()), Duplicates::parse);
    let mut fields = Fields::new();
    fields.check("on_duplicate", duplicates.is_some(), Rule::Selected);
    fields.finish()?;
    Ok(Data(contacts.import(&who, &sheet, duplicates.unwrap_or_default()).await?.into()))
}

/// Returns a contact.
#[utoipa::path(get, path = "/api/contacts/{id}", tag = "contacts", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<DetailBody>),
    (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_contact(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<DetailBody>> {
    Ok(Data(contacts.show(&who, id).await?.into()))
}

/// Changes a contact: the fields that are given. `phones` takes the place of all numbers.
#[utoipa::path(put, path = "/api/contacts/{id}", tag = "contacts", params(("id" = i64, Path)), request_body = Written,
    responses(
    (status = 200, body = Data<DetailBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn update_contact(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    body: Body<Written>,
) -> Result<Data<DetailBody>> {
    let Written { full_name, phones, customer_id } = body.value;
    let changes = Changes { full_name, phones, customer_id };
    Ok(Data(contacts.change(&who, id, changes, body.fields).await?.into()))
}

/// Deletes a contact. The records of its calls stay.
#[utoipa::path(delete, path = "/api/contacts/{id}", tag = "contacts", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn delete_contact(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<Nothing>> {
    contacts.delete(&who, id).await?;
    Ok(Data(Nothing {}))
}

/// Lists the calls from and to any number of a contact, the newest first: those that the caller may see.
#[utoipa::path(get, path = "/api/contacts/{id}/calls", tag = "contacts", params(("id" = i64, Path), PageParams),
    responses(
    (status = 200, body = Listing<CdrBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_calls(
    State(rooms): State<Rooms>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    page: Page,
) -> Result<Listing<CdrBody>> {
    let contact = rooms.contacts.show(&who, id).await?;
    Ok(pbx::ops::cdr::of_numbers(&rooms.pbx, &who, &contact.phones, page).await?.map(CdrBody::from))
}
